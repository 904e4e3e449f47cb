import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { SecureNetError } from '../../base/error.ts'
import { MAX_CHUNK_BYTES } from '../format/chunk.ts'
import type { Release } from '../format/head.ts'
import type { BuiltStore } from '../store/builder.ts'
import type { Building, OpenBuilder } from '../store/builder-client.ts'
import { storageError } from '../store/lmdb-file.ts'
import { openStore, removeStoreAside, type Store } from '../store/store.ts'
import type { Cancel } from './cancel.ts'
import type { ChunkRef, ChunkSource } from './chunk-source.ts'
import { type Step, storeBytes } from './plan.ts'

export interface DownloadOptions {
  source: ChunkSource
  openBuilder: OpenBuilder
  list: string
  folder: string
  /** For LMDB's lock files. */
  locks: string
  release: Release
  steps: readonly Step[]
  /** What the first delta starts from. */
  base: Store | null
  /** Octets that may be added to the folder. */
  room: number
  clock: Clock
  /** ms between two chunks. */
  pauseMs: number
  cancel: Cancel
  onChunk: (done: number) => void
  onVerify: () => void
}

/** The file that a step builds; the name tells a restarted updater what it was. */
export function stepFile({ to, from = 0 }: Step): string {
  return `${to}-${from}.mdb`
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url')
const triesAChunk = 3

/**
 * While a list serves: a chunk keeps a modem's cores busy for some milliseconds, and not one query in a hundred is to meet
 * one (docs/list-updates.md). The hourly delta is a chunk or two.
 */
export const CHUNK_PAUSE_MS = 500

/** One chunk, right in size and hash. A bad one is asked for again, alone, a few times. */
async function fetchChunk(
  source: ChunkSource,
  ref: ChunkRef,
  digest: string,
  cancel: Cancel,
): Promise<Buffer> {
  let why = ''
  for (let tries = 0; tries < triesAChunk; tries += 1) {
    const chunk = await cancel.race(source.fetch(ref))
    if (chunk.length > MAX_CHUNK_BYTES) why = `it has ${chunk.length} octets`
    else if (sha256(chunk) !== digest) why = 'its SHA-256 is not the one in the head'
    else return chunk
  }
  const place = ref.kind === 'delta' ? `delta ${ref.from}` : 'snapshot'
  throw new SecureNetError(
    'LIST_CHUNK_BAD',
    `chunk ${ref.index} of ${place} of version ${ref.version} of ${ref.list} is bad: ${why}`,
    'Publish the list again; is somebody changing what the broker retains?',
  )
}

function quotaError(bytes: number, room: number): SecureNetError {
  return new SecureNetError(
    'LIST_QUOTA',
    `the list would take ${bytes} octets more and ${room} are left`,
    'Publish a smaller list or raise list.quotaBytes.',
  )
}

/** Before anything is fetched: endless data ends here, for a head says how much there is. */
function checkRoom({ release, steps, room }: DownloadOptions): void {
  const files = Math.min(2, steps.length) * storeBytes(release.names)
  if (files > room) throw quotaError(files, room)
  for (const { bytes, chunks } of steps) {
    if (bytes > room) throw quotaError(bytes, room)
    if (bytes > chunks.length * MAX_CHUNK_BYTES || chunks.length === 0)
      throw new SecureNetError(
        'LIST_HEAD_WRONG',
        `version ${release.version} announces ${bytes} octets in ${chunks.length} chunks`,
        'Publish the list again.',
      )
  }
}

async function runStep(builder: Building, step: Step, done: number, options: DownloadOptions): Promise<void> {
  const { source, list, folder, clock, pauseMs, cancel, room, onChunk } = options
  const { kind, from, to: version, chunks } = step
  onChunk(done + builder.next)
  while (builder.next < chunks.length) {
    const index = builder.next
    const ref: ChunkRef = { list, version, kind, index, ...(from === undefined ? {} : { from }) }
    const chunk = await fetchChunk(source, ref, chunks[index] as string, cancel)
    await builder.append(chunk)
    onChunk(done + builder.next)
    const size = sizeOf(join(folder, stepFile(step)))
    if (size > room) throw quotaError(size, room)
    cancel.check()
    await cancel.pause(clock, pauseMs)
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    throw storageError(error, path)
  }
}

/**
 * Fetches what is missing and builds the file of a release, next to the one that serves.
 * Interrupted, it keeps what it has, and the next call with the same steps goes on from there.
 * @throws SecureNetError LIST_CHUNK_MISSING, LIST_CHUNK_BAD, LIST_CHUNK_*, LIST_DELTA_BASE, LIST_RESULT_MISMATCH,
 *   LIST_QUOTA, LIST_HEAD_WRONG, LIST_DISK_FULL, LIST_STORE_IO, LIST_BUILDER_DIED, LIST_CANCELLED
 */
export async function download(options: DownloadOptions): Promise<BuiltStore> {
  checkRoom(options)
  const { list, folder, locks, release, steps, cancel, openBuilder, onVerify } = options
  let base = options.base
  let built: BuiltStore | undefined
  let done = 0
  try {
    for (const [i, step] of steps.entries()) {
      const last = i === steps.length - 1
      const builder = await openBuilder({
        path: join(folder, stepFile(step)),
        list,
        release: last ? release : { version: step.to, key: release.key },
        chunks: step.chunks.length,
        lockDirectory: locks,
        ...(step.kind === 'delta' && base ? { base } : {}),
      })
      try {
        await runStep(builder, step, done, options)
        cancel.check()
        if (last) onVerify()
        built = await builder.finish()
      } catch (error) {
        await builder.close().catch(() => undefined)
        throw error
      }
      done += step.chunks.length
      await discard(base, options)
      base = last ? null : openStore(built.path, locks)
    }
  } finally {
    // Interrupted, it is there for the next call.
    if (base !== options.base) await base?.close()
  }
  return built as BuiltStore
}

/** The file between two deltas has served its purpose; what the caller gave stays. */
async function discard(store: Store | null, { base, locks }: DownloadOptions): Promise<void> {
  if (!store || store === base) return
  await store.close()
  // What stays is a stray that goes with the next tidying.
  await removeStoreAside(store.path, locks).catch(() => undefined)
}
