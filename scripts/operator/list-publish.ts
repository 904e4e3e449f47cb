import { randomBytes } from 'node:crypto'
import type { Release } from '../../module/blocklist/format/head.ts'
import { neverBlockCore } from '../../module/blocklist/never-block.ts'
import type { HeadDocument } from '../../module/control/documents/kinds.ts'
import type { Broker } from './broker.ts'
import { usage } from './exit.ts'
import type { Archive, ArchivedVersion } from './list/archive.ts'
import { type BuildOptions, buildList } from './list/build.ts'
import type { BuildReport } from './list/build-report.ts'
import { makeRelease, type PublishedList } from './list/release.ts'
import { type HeadBefore, headLifeSeconds, headToGoOnFrom, nextHead, publishHead } from './list-head.ts'
import type { OrderTools } from './orders.ts'

export interface BuildNextOptions extends Omit<BuildOptions, 'core' | 'key' | 'previous'> {
  /** A fresh hash key: every modem takes the snapshot, none a delta. */
  newKey?: boolean
}

export interface Built {
  release: Release
  /** Of the release, snapshot and deltas. */
  chunks: number
  report: BuildReport
  /** Into the archive: a version that was only looked at, or not agreed to, is not used up. */
  save(): Promise<void>
}

async function beforeOf({ release, readSet, readOrigins }: ArchivedVersion) {
  const origins = await readOrigins()
  return { set: await readSet(), key: release.key, ...(origins && { origins }) }
}

/**
 * Builds the next version; under the key of the last published one, so that deltas lead to it.
 * @param archive where none is there, the list is looked at as a first one, and cannot be saved
 */
export async function buildNext(
  archive: Archive | undefined,
  list: string,
  options: BuildNextOptions,
): Promise<Built> {
  const earlier = (await archive?.published()) ?? []
  const last = earlier.at(-1)
  const key = (!options.newKey && last?.release.key) || randomBytes(8).toString('hex')
  const previous = last && (await beforeOf(last))
  const built = await buildList({ ...options, key, core: neverBlockCore, ...(previous && { previous }) })
  const version = (await archive?.nextVersion()) ?? 1
  const made = await makeRelease({ list, version, key, set: built.set, earlier })
  const save = async () => archive?.save(built.set, made, built.origins)
  return { release: made.release, chunks: made.chunks.size, report: built.report, save }
}

/** What an archived version holds, under the next number: modems take nothing back, but they take this. Not saved yet. */
export async function buildAgain(
  archive: Archive,
  list: string,
  version: number,
): Promise<Omit<Built, 'report'>> {
  const earlier = await archive.published()
  const { release, readSet, readOrigins } = await archive.read(version)
  const set = await readSet()
  const origins = await readOrigins()
  const made = await makeRelease({
    list,
    version: await archive.nextVersion(),
    key: release.key,
    set,
    earlier,
  })
  return { release: made.release, chunks: made.chunks.size, save: () => archive.save(set, made, origins) }
}

const atOnce = 8

/** Chunks first and all of them, then the head: no modem ever sees a head whose chunks are missing. */
export async function publishChunks(
  broker: Broker,
  { chunks }: PublishedList,
  progress: (done: number) => void,
): Promise<void> {
  const waiting = [...chunks]
  let done = 0
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await broker.put(next[0], next[1])
      progress(++done)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

export interface AnnounceOptions {
  list: string
  version: number
  /** A candidate for so many percent of the modems, beside what is stable. */
  percent?: number
  /** Downloads start within so many seconds. */
  spreadSeconds: number
  /** Modems may take it however many names it has: signed by the fleet key as well. */
  largeChange?: boolean
  /** Of the head, instead of the next one: whatever the broker holds is replaced. */
  sequence?: number
}

export interface PublishOptions extends AnnounceOptions {
  progress: (done: number) => void
}

function firstHead(list: string, release: Release, spreadSeconds: number, nowMs: number): HeadDocument {
  const issuedAt = Math.floor(nowMs / 1000)
  const times = { issuedAt, expires: issuedAt + headLifeSeconds, spreadSeconds }
  return { v: 1, list, sequence: 1, ...times, stable: release, allow: [] }
}

/** @throws OperatorError OPERATOR_USAGE for a share of the modems where the others would have no list */
export function mustHaveStable(before: HeadDocument | undefined, percent: number | undefined): void {
  if (before || percent === undefined) return
  throw usage(
    'the first list has no stable version beside which a candidate could be for a share',
    'Publish it without --percent; the next one may be a candidate.',
  )
}

function nextAfter(
  before: HeadDocument | undefined,
  release: Release,
  { list, percent, spreadSeconds }: AnnounceOptions,
  now: number,
): HeadDocument {
  mustHaveStable(before, percent)
  if (!before) return firstHead(list, release, spreadSeconds, now)
  if (percent !== undefined) {
    const candidate = { percent, salt: randomBytes(8).toString('hex'), release }
    return nextHead(before, { candidate, spreadSeconds }, now)
  }
  // Signed again, it changes nothing for the modems that have the candidate.
  if (release.version === before.stable.version)
    return nextHead(before, { stable: release, spreadSeconds }, now)
  const { candidate: _, ...rest } = before
  return nextHead(rest, { stable: release, spreadSeconds }, now)
}

async function putHead(
  tools: OrderTools,
  options: AnnounceOptions,
  before: HeadBefore,
  release: Release,
): Promise<HeadDocument> {
  const { sequence, largeChange } = options
  const next = nextAfter(before.head, release, options, tools.now())
  const signed = {
    ...next,
    ...(largeChange && { largeChange: release.version }),
    ...(sequence !== undefined && { sequence }),
  }
  await publishHead(tools, before, signed)
  return signed
}

/** The head alone, of a version whose chunks are there. @returns what was signed and published */
export async function announceVersion(
  tools: OrderTools,
  archive: Archive,
  options: AnnounceOptions,
): Promise<HeadDocument> {
  const before = await headToGoOnFrom(tools, options.list, options.sequence !== undefined)
  const { release } = await archive.load(options.version)
  return putHead(tools, options, before, release)
}

/** @returns the head that was signed and published */
export async function publishVersion(
  tools: OrderTools,
  archive: Archive,
  options: PublishOptions,
): Promise<HeadDocument> {
  const before = await headToGoOnFrom(tools, options.list, options.sequence !== undefined)
  const published = await archive.load(options.version)
  await publishChunks(tools.broker, published, options.progress)
  await archive.markPublished(options.version)
  return putHead(tools, options, before, published.release)
}
