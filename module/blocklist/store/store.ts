import { existsSync, statSync } from 'node:fs'
import { createEntryBuffer, type EntrySet, type EntrySetBuilder, type Tag } from '../format/entries.ts'
import type { Digest } from '../format/head.ts'
import { ListFault } from '../format/list-fault.ts'
import { type BucketShape, decodeBucket, findInBucket, NOT_FOUND } from './bucket.ts'
import { openStoreFile, type StoreFile } from './lmdb-file.ts'

export { digestFile, verifyFile } from './digest-file.ts'
export { removeStore, removeStoreAside } from './lmdb-file.ts'

/** The record that says what the store is; bucket n is under key n + 1. */
export const METADATA_KEY = 0
/** Of the layout of the file, not of the chunks on the wire. */
export const STORE_FORMAT = 1

/** The record under key 0; bucket n is under key n + 1. */
export interface StoreMetadata extends BucketShape {
  format: number
  list: string
  version: number
  key: string
  names: number
  result: Digest
}

/** One version of a list, mapped read-only: nothing is loaded. */
export interface Store {
  readonly path: string
  readonly metadata: StoreMetadata
  /** Octets of the file. */
  readonly bytes: number
  /** @returns the least tag (tree before exact) of the entries with this hash, or -1 */
  find(hi: number, lo: number): Tag
  /**
   * Entries of the buckets [first, end), ascending; for merging and checking.
   * @param first,end bucket numbers; there are 2^metadata.bucketBits
   * @param into for many calls in a row: see createEntryBuffer
   */
  entries(first: number, end: number, into?: EntrySetBuilder): EntrySet
  close(): Promise<void>
}

/**
 * Maps a finished store. LMDB trusts its pages: call verifyFile first, always.
 * @param lockDirectory where LMDB's lock file goes (on a tmpfs, so that a full disk cannot hinder); default: beside it
 * @throws SecureNetError LIST_STORE_FORMAT (not a finished store of this format), LIST_STORE_IO
 */
export function openStore(path: string, lockDirectory?: string): Store {
  if (!existsSync(path))
    throw new ListFault('medium', 'LIST_STORE_IO', `${path} is not there`, 'It is fetched again.')
  const file = openStoreFile(path, true, lockDirectory)
  const metadata = readMetadata(file)
  if (!metadata) {
    void file.close()
    throw new ListFault(
      'file',
      'LIST_STORE_FORMAT',
      `${path} is no finished list of format ${STORE_FORMAT}`,
      'It is fetched again.',
    )
  }
  const { bucketBits } = metadata
  const shift = 32 - bucketBits
  const { getFast } = file
  return {
    path,
    metadata,
    bytes: statSync(path).size,
    find(hi, lo) {
      const octets = getFast((bucketBits === 0 ? 0 : hi >>> shift) + 1)
      return octets === undefined ? NOT_FOUND : findInBucket(octets, hi, lo, metadata)
    },
    entries: (first, end, into = createEntryBuffer((end - first) * 128)) =>
      readEntries({ file, first, end, shape: metadata, into }),
    close: () => file.close(),
  }
}

function readMetadata(file: StoreFile): StoreMetadata | null {
  const record = file.get(METADATA_KEY)
  if (!record) return null
  try {
    const value = JSON.parse(record.toString()) as Partial<StoreMetadata>
    return value.format === STORE_FORMAT && value.result !== undefined ? (value as StoreMetadata) : null
  } catch {
    return null
  }
}

interface StoreReader {
  file: StoreFile
  first: number
  end: number
  shape: BucketShape
  into: EntrySetBuilder
}

export function readEntries({ file, first, end, shape, into }: StoreReader): EntrySet {
  for (let bucket = first; bucket < end; bucket += 1) {
    const octets = file.getFast(bucket + 1)
    if (octets) decodeBucket(octets, bucket, shape, into.add)
  }
  return into.build()
}
