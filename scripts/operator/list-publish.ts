import { randomBytes } from 'node:crypto'
import { core } from '../../module/blocklist/core.ts'
import type { Release } from '../../module/blocklist/head.ts'
import type { HeadDocument } from '../../module/control/documents-kinds.ts'
import type { Broker } from './broker.ts'
import type { Signer } from './keys.ts'
import type { Archive } from './list/archive.ts'
import { type BuildOptions, type BuildReport, buildList } from './list/build.ts'
import { makeRelease, type PublishedList } from './list/release.ts'
import { headLifeSeconds, headToGoOnFrom, nextHead, publishHead } from './list-head.ts'
import type { OrderTools } from './orders.ts'

export interface BuildIntoOptions extends Omit<BuildOptions, 'core' | 'key' | 'previous'> {
  /** A fresh hash key: every modem takes the snapshot, none a delta. */
  newKey?: boolean
  /** False: the archive stays as it is. @default true */
  keep?: boolean
}

export interface Built {
  release: Release
  /** Of the release, snapshot and deltas. */
  chunks: number
  report: BuildReport
}

/** Builds the next version into the archive; under the key of the last published one, so that deltas lead to it. */
export async function buildInto(archive: Archive, list: string, options: BuildIntoOptions): Promise<Built> {
  const earlier = await archive.published()
  const last = earlier.at(-1)
  const key = (!options.newKey && last?.release.key) || randomBytes(8).toString('hex')
  const previous = last ? { previous: { set: await last.readSet(), key: last.release.key } } : {}
  const built = await buildList({ ...options, key, core, ...previous })
  const version = await archive.nextVersion()
  const made = await makeRelease({ list, version, key, set: built.set, earlier })
  if (options.keep !== false) await archive.save(built.set, made)
  return { release: made.release, chunks: made.chunks.size, report: built.report }
}

/** What an archived version holds, under the next number: modems take nothing back, but they take this. */
export async function buildAgain(archive: Archive, list: string, version: number): Promise<PublishedList> {
  const earlier = await archive.published()
  const { release, readSet } = await archive.read(version)
  const set = await readSet()
  const made = await makeRelease({
    list,
    version: await archive.nextVersion(),
    key: release.key,
    set,
    earlier,
  })
  await archive.save(set, made)
  return made
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
      await broker.publish(next[0], next[1], true)
      progress(++done)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

export interface PublishOptions {
  list: string
  version: number
  /** A candidate for so many percent of the modems, beside what is stable. */
  percent?: number
  /** Downloads start within so many seconds. */
  spreadSeconds: number
  /** Of the head, instead of the next one: whatever the broker holds is replaced. */
  sequence?: number
  progress: (done: number) => void
}

function firstHead(list: string, release: Release, spreadSeconds: number, nowMs: number): HeadDocument {
  const issuedAt = Math.floor(nowMs / 1000)
  const times = { issuedAt, expires: issuedAt + headLifeSeconds, spreadSeconds }
  return { v: 1, list, sequence: 1, ...times, stable: release, allow: [] }
}

/** @returns the head that was signed and published */
export async function publishVersion(
  tools: OrderTools & Signer,
  archive: Archive,
  options: PublishOptions,
): Promise<HeadDocument> {
  const { list, version, percent, spreadSeconds, sequence } = options
  const before = await headToGoOnFrom(tools, archive, list, sequence !== undefined)
  const published = await archive.load(version)
  await publishChunks(tools.broker, published, options.progress)
  await archive.markPublished(version)
  const now = tools.now()
  const { release } = published
  let head: HeadDocument
  if (!before) head = firstHead(list, release, spreadSeconds, now)
  else if (percent !== undefined)
    head = nextHead(
      before,
      { candidate: { percent, salt: randomBytes(8).toString('hex'), release }, spreadSeconds },
      now,
    )
  else if (version === before.stable.version) head = nextHead(before, { stable: release, spreadSeconds }, now)
  else {
    const { candidate: _, ...rest } = before
    head = nextHead(rest, { stable: release, spreadSeconds }, now)
  }
  if (sequence !== undefined) head = { ...head, sequence }
  await publishHead(tools, archive, head)
  return head
}
