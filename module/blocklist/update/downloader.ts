import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import { MAX_CHUNK_BYTES } from '../format/chunk.ts'
import type { ChunkRef } from '../format/chunk-ref.ts'
import type { Release } from '../format/head.ts'
import { ListFault } from '../format/list-fault.ts'
import { type BuiltStore, buildHere, type OpenBuilder, type StoreBuild } from '../store/builder.ts'
import { storageError } from '../store/storage-error.ts'
import { openStore, removeStoreAside, type Store } from '../store/store.ts'
import type { Cancel } from './cancel.ts'
import type { ChunkSource } from './chunk-source.ts'
import type { ListFolder } from './list-folder.ts'
import { type PlanStep, storeBytes } from './plan.ts'

export interface DownloaderOptions {
  /** list.name */
  list: string
  quotaBytes: number
  source: ChunkSource
  /** Default: on this thread. */
  openBuilder?: OpenBuilder
  /** ms between two chunks while a list serves; 0 where left out. */
  pauseMs?: number
  clock: Clock
}

/** What is to be brought, and who is told how far it is. */
export interface Download {
  release: Release
  steps: readonly PlanStep[]
  /** What serves, and what the first delta starts from. */
  base: Store | null
  /** Octets that the list's folder holds already. */
  used: number
  cancel: Cancel
  onChunk: (done: number) => void
  onVerify: () => void
}

/** The file that a step builds; the name tells a restarted updater what it was. */
export function stepFile({ to, from = 0 }: PlanStep): string {
  return `${to}-${from}.mdb`
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url')
const triesAChunk = 3

/**
 * While a list serves: a chunk keeps a modem's cores busy for some milliseconds, and not one query in a hundred is to meet
 * one (docs/list-updates.md). The hourly delta is a chunk or two.
 */
export const CHUNK_PAUSE_MS = 500

/** Brings releases into a list's folder, next to the file that serves. */
export class Downloader {
  readonly #options: DownloaderOptions
  readonly #folder: ListFolder

  constructor(options: DownloaderOptions, folder: ListFolder) {
    this.#options = options
    this.#folder = folder
  }

  /**
   * Fetches what is missing and builds the file of a release. Interrupted, it keeps what it has, and the next call with the
   * same steps goes on from there.
   * @throws ListFault; Cancelled
   */
  async run(download: Download): Promise<BuiltStore> {
    const { steps, cancel } = download
    const room = this.#options.quotaBytes - download.used
    checkRoom(download, room)
    let base = download.base
    let built: BuiltStore | undefined
    let done = 0
    try {
      for (const [i, step] of steps.entries()) {
        const last = i === steps.length - 1
        const builder = await this.#open(download, step, base, last)
        try {
          await this.#append(builder, step, { ...download, room, done })
          cancel.check()
          if (last) download.onVerify()
          built = await builder.finish()
        } catch (error) {
          await builder.close().catch(() => undefined)
          throw error
        }
        done += step.chunks.length
        if (base !== download.base) await this.#discard(base)
        base = last ? null : openStore(built.path, this.#folder.locks)
      }
    } finally {
      // Interrupted, it is there for the next call.
      if (base !== download.base) await base?.close()
    }
    return built as BuiltStore
  }

  #open({ release }: Download, step: PlanStep, base: Store | null, last: boolean): Promise<StoreBuild> {
    const { list, openBuilder = buildHere } = this.#options
    const { path, locks } = this.#folder
    return openBuilder({
      path: join(path, stepFile(step)),
      list,
      release: last ? release : { version: step.to, key: release.key },
      chunks: step.chunks.length,
      lockDirectory: locks,
      ...(step.kind === 'delta' && base ? { base } : {}),
    })
  }

  async #append(
    builder: StoreBuild,
    step: PlanStep,
    { base, room, done, cancel, onChunk }: Download & { room: number; done: number },
  ): Promise<void> {
    const { list, clock, pauseMs = 0 } = this.#options
    const { kind, from, to: version, chunks } = step
    onChunk(done + builder.next)
    while (builder.next < chunks.length) {
      const index = builder.next
      const ref: ChunkRef = { list, version, kind, index, ...(from === undefined ? {} : { from }) }
      const chunk = await this.#fetch(ref, chunks[index] as string, cancel)
      await builder.append(chunk)
      onChunk(done + builder.next)
      const size = sizeOf(join(this.#folder.path, stepFile(step)))
      if (size > room) throw quotaError(size, room)
      cancel.check()
      // A household without a list waits for it; one that is protected must not notice.
      await cancel.pause(clock, base ? pauseMs : 0)
    }
  }

  /** One chunk, right in size and hash. A bad one is asked for again, alone, a few times. */
  async #fetch(ref: ChunkRef, digest: string, cancel: Cancel): Promise<Buffer> {
    let why = ''
    for (let tries = 0; tries < triesAChunk; tries += 1) {
      const chunk = await cancel.race(this.#options.source.fetch(ref).catch(blameSource))
      if (chunk.length > MAX_CHUNK_BYTES) why = `it has ${chunk.length} octets`
      else if (sha256(chunk) !== digest) why = 'its SHA-256 is not the one in the head'
      else return chunk
    }
    const place = ref.kind === 'delta' ? `delta ${ref.from}` : 'snapshot'
    throw new ListFault(
      'source',
      'LIST_CHUNK_BAD',
      `chunk ${ref.index} of ${place} of version ${ref.version} of ${ref.list} is bad: ${why}`,
      'Publish the list again; is somebody changing what the broker retains?',
    )
  }

  /** The file between two deltas has served its purpose. */
  async #discard(store: Store | null): Promise<void> {
    if (!store) return
    await store.close()
    // What stays is a stray that goes with the next tidying.
    await removeStoreAside(store.path, this.#folder.locks).catch(() => undefined)
  }
}

function blameSource(error: unknown): never {
  const remedy = error instanceof SecureNetError ? error.remedy : ''
  throw new ListFault('source', codeOf(error), messageOf(error), remedy, { cause: error })
}

function quotaError(bytes: number, room: number): ListFault {
  return new ListFault(
    'room',
    'LIST_QUOTA',
    `the list would take ${bytes} octets more and ${room} are left`,
    'Publish a smaller list or raise list.quotaBytes.',
  )
}

/** Before anything is fetched: endless data ends here, for a head says how much there is. */
function checkRoom({ release, steps }: Download, room: number): void {
  const files = Math.min(2, steps.length) * storeBytes(release.names)
  if (files > room) throw quotaError(files, room)
  for (const { bytes, chunks } of steps) {
    if (bytes > room) throw quotaError(bytes, room)
    if (bytes > chunks.length * MAX_CHUNK_BYTES || chunks.length === 0)
      throw new ListFault(
        'content',
        'LIST_HEAD_WRONG',
        `version ${release.version} announces ${bytes} octets in ${chunks.length} chunks`,
        'Publish the list again.',
      )
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    throw storageError(error, path)
  }
}
