import { statSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { ChunkHeader } from '../format/chunk.ts'
import { createDecodeRoom, type DecodedChunk, decodeInTurns } from '../format/decode-chunk.ts'
import { createEntryBuffer, createResultHash, type EntrySet, rangeOf } from '../format/entries.ts'
import type { Digest } from '../format/head.ts'
import { blameOf, ListFault } from '../format/list-fault.ts'
import { bucketBitsFor, createBucketRoom, encodeBucket } from './bucket.ts'
import { type BuildOptions, freshProgress, jsonRecord, type Progress, resumed } from './build-progress.ts'
import { clearTries, countTry } from './crash-count.ts'
import { digestFileInTurns } from './digest-file.ts'
import { openStoreFile, removeStore, type StoreFile } from './lmdb-file.ts'
import { createMerge, startsFrom, wrongBase } from './merge.ts'
import { isOfMedium, storageError } from './storage-error.ts'
import { METADATA_KEY, readEntries, STORE_FORMAT, type StoreMetadata } from './store.ts'

export type { BuildOptions } from './build-progress.ts'

export interface BuiltStore {
  path: string
  /** SHA-256 of the file, for verifyFile. */
  digest: Digest
  bytes: number
  names: number
  result: Digest
}

/**
 * Builds a store from a snapshot, or from a store and a delta, chunk by chunk. Killed at any moment, another builder on
 * the same path goes on where this one stopped.
 */
export interface StoreBuilder {
  /** The chunk wanted next; equal to `chunks` when all are in. */
  readonly next: number
  /**
   * Takes chunk `next`; it is on the medium some chunks later, or with close(). The caller has checked its SHA-256.
   * @throws SecureNetError LIST_CHUNK_*, LIST_DELTA_BASE, LIST_DISK_FULL, LIST_STORE_IO
   */
  append(chunk: Uint8Array): Promise<void>
  /**
   * Checks number of entries and result hash against the release, seals and closes the file.
   * @throws SecureNetError LIST_RESULT_MISMATCH or, of what was gone on with, LIST_DAMAGED (the file is removed);
   *   LIST_DISK_FULL, LIST_STORE_IO, LIST_STORE_FORMAT
   */
  finish(): Promise<BuiltStore>
  /** Stops and keeps what is there. */
  close(): Promise<void>
  /** Stops and removes the file. */
  abort(): Promise<void>
}

/** What an update needs of a StoreBuilder, wherever it works. */
export type StoreBuild = Pick<StoreBuilder, 'next' | 'append' | 'finish' | 'close'>

/** @throws ListFault LIST_STORE_IO, LIST_STORE_FORMAT, LIST_DISK_FULL, LIST_BUILDER_DIED */
export type OpenBuilder = (options: BuildOptions) => Promise<StoreBuild>

/** On the caller's own thread, in slices of less than a millisecond on a PC. */
export const buildHere: OpenBuilder = async (options) => createStoreBuilder(options)

/** Between two rests: a fraction of a millisecond, a few on a slow modem, so that no query waits. */
const STEP_ENTRIES = 256
/**
 * Each transaction costs flash some 110 KiB beside its entries; a power cut costs what was fetched since the last one,
 * here 256 KiB at most.
 */
const TRANSACTION_ENTRIES = 32_768

interface Bucket {
  key: number
  value: Uint8Array
}

/** @throws SecureNetError LIST_STORE_IO, LIST_DISK_FULL */
export function createStoreBuilder(options: BuildOptions): StoreBuilder {
  try {
    return openBuilder(options)
  } catch (error) {
    throw storageError(error, options.path)
  }
}

function openBuilder(options: BuildOptions): StoreBuilder {
  const { path, lockDirectory } = options
  const tries = countTry(path)
  let file = openStoreFile(path, false, lockDirectory)
  const record = file.get(METADATA_KEY)
  const progress = record ? resumed(record, options) : freshProgress(options)
  if (progress) return new FileBuilder({ options, file, progress, tries })
  void file.close()
  removeStore(path, lockDirectory)
  file = openStoreFile(path, false, lockDirectory)
  return new FileBuilder({ options, file, progress: freshProgress(options), tries: 0 })
}

class FileBuilder implements StoreBuilder {
  readonly #options: BuildOptions
  readonly #file: StoreFile
  #progress: Progress
  /** Encoded and counted in #progress, but not yet written. */
  #pending: Bucket[] = []
  #pendingEntries = 0
  readonly #entries = createEntryBuffer()
  readonly #room = createDecodeRoom()
  readonly #coded = createBucketRoom()
  readonly #rest: () => Promise<void>
  /** Earlier builders on this file that died before they got anything done. */
  #tries: number
  /** Something was written by an earlier builder. */
  readonly #isResumed: boolean

  constructor(state: { options: BuildOptions; file: StoreFile; progress: Progress; tries: number }) {
    this.#options = state.options
    this.#rest = state.options.rest ?? turn
    this.#file = state.file
    this.#progress = state.progress
    this.#tries = state.tries
    this.#isResumed = state.progress.bucket > 0 || state.progress.next > 0
  }

  get next(): number {
    return this.#progress.next
  }

  async append(chunk: Uint8Array): Promise<void> {
    const decoded = await decodeInTurns(chunk, this.#room, this.#rest)
    this.#check(decoded.header)
    await this.#onMedium(() => this.#write(decoded))
  }

  /** Where the medium is full, its room is given back. */
  async #onMedium<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (cause) {
      const error = isOfMedium(cause) ? storageError(cause, this.#options.path) : cause
      if (blameOf(error) === 'room') await this.abort().catch(() => undefined)
      throw error
    }
  }

  /** A chunk is hashed in the signed head; that it also fits its place guards against an operator's mistake. */
  #check(header: ChunkHeader): void {
    const { list, release, chunks, base } = this.#options
    const progress = this.#progress
    const fits =
      header.kind === (base ? 'delta' : 'snapshot') &&
      header.list === list &&
      header.version === release.version &&
      header.key === release.key &&
      header.names === (release.names ?? header.names) &&
      2 ** header.prefixBits === chunks &&
      header.index === progress.next
    const first = progress.names < 0
    const agrees = first || (progress.names === header.names && `${progress.tags}` === `${header.tags}`)
    if (!fits || !agrees) {
      throw new ListFault(
        'content',
        'LIST_CHUNK_MISPLACED',
        `chunk ${header.index} of ${header.kind} ${header.version} of list ${header.list} came where chunk ${progress.next} of ${release.version} of ${list} was wanted`,
        'Publish the list again.',
      )
    }
    if (base && !startsFrom(header, base)) throw wrongBase(header, base.metadata.names)
    if (first) {
      const bucketBits = Math.max(bucketBitsFor(header.names), header.prefixBits)
      Object.assign(progress, { names: header.names, bucketBits, tags: header.tags })
    }
  }

  async #write(decoded: DecodedChunk): Promise<void> {
    const { prefixBits, index } = decoded.header
    const { bucketBits } = this.#progress
    const step = this.#bucketsAStep()
    const merge = createMerge(decoded, this.#options.base)
    const chunkEnd = (index + 1) * 2 ** (bucketBits - prefixBits)
    for (let first = index * 2 ** (bucketBits - prefixBits); first < chunkEnd; first += step) {
      const end = Math.min(first + step, chunkEnd)
      const merged = merge.upTo(end * 2 ** (32 - bucketBits), end === chunkEnd)
      if (end <= this.#progress.bucket) continue
      this.#take(merged, end)
      if (end === chunkEnd) this.#progress.next += 1
      if (this.#pendingEntries >= TRANSACTION_ENTRIES) await this.#commit()
      await this.#rest()
    }
    // Without buckets of its own a chunk still counts.
    if (this.#progress.next === index) this.#progress.next += 1
  }

  #take(entries: EntrySet, end: number): void {
    this.#pending.push(...this.#encode(entries))
    this.#pendingEntries += entries.count
    this.#progress.bucket = end
    this.#progress.written += entries.count
  }

  #bucketsAStep(): number {
    const { names, bucketBits } = this.#progress
    return Math.max(1, Math.floor((STEP_ENTRIES * 2 ** bucketBits) / Math.max(names, 1)))
  }

  #encode(entries: EntrySet): Bucket[] {
    const { bucketBits } = this.#progress
    const buckets: Bucket[] = []
    for (let at = 0; at < entries.count; ) {
      const bucket = bucketBits === 0 ? 0 : (entries.hi[at] as number) >>> (32 - bucketBits)
      const end = rangeOf(entries, bucketBits, bucket)[1]
      buckets.push({ key: bucket + 1, value: encodeBucket(entries, at, end, this.#progress, this.#coded) })
      at = end
    }
    return buckets
  }

  async #commit(): Promise<void> {
    const buckets = this.#pending
    this.#pending = []
    this.#pendingEntries = 0
    await this.#file.put(jsonRecord(this.#progress), buckets)
    this.#coded.reset()
    if (this.#tries > 0) clearTries(this.#options.path)
    this.#tries = 0
  }

  finish(): Promise<BuiltStore> {
    return this.#onMedium(() => this.#seal())
  }

  async #seal(): Promise<BuiltStore> {
    const { path, release } = this.#options
    const progress = this.#progress
    await this.#commit()
    const result = await this.#result()
    if (
      progress.next !== progress.chunks ||
      progress.written !== progress.names ||
      result !== (release.result ?? result)
    ) {
      await this.abort()
      // A bit may have flipped where it lay: that is not the version's fault, which would be given up for good.
      if (this.#isResumed)
        throw new ListFault(
          'file',
          'LIST_DAMAGED',
          `${path} does not hold what was written`,
          'It is begun anew.',
        )
      throw new ListFault(
        'content',
        'LIST_RESULT_MISMATCH',
        `version ${release.version} of list ${progress.list} came to ${progress.written} entries (${result}), not to ${progress.names} (${release.result})`,
        'The snapshot is taken instead of a delta; if that does not fit either, publish the list again.',
      )
    }
    // The progress stays in the record: dying right here, the next builder finds that only finish() is left to do.
    const sealed: Progress & StoreMetadata = { ...progress, format: STORE_FORMAT, result }
    await this.#file.put(jsonRecord(sealed), [])
    await this.close()
    return {
      path,
      digest: await digestFileInTurns(path),
      bytes: statSync(path).size,
      names: progress.names,
      result,
    }
  }

  /** Read back from the file, not from what was meant to be written. */
  async #result(): Promise<Digest> {
    const hash = createResultHash()
    const buckets = this.#progress.names < 0 ? 0 : 2 ** this.#progress.bucketBits
    const step = this.#bucketsAStep()
    for (let bucket = 0; bucket < buckets; bucket += step) {
      const end = Math.min(bucket + step, buckets)
      hash.update(
        readEntries({ file: this.#file, first: bucket, end, shape: this.#progress, into: this.#entries }),
      )
      await this.#rest()
    }
    return hash.digest()
  }

  async close(): Promise<void> {
    // What cannot be kept is fetched again.
    if (this.#pending.length > 0) await this.#commit().catch(() => undefined)
    await this.#file.close()
    clearTries(this.#options.path)
  }

  async abort(): Promise<void> {
    this.#pending = []
    await this.#file.close().catch(() => undefined)
    removeStore(this.#options.path, this.#options.lockDirectory)
  }
}
