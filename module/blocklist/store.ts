import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { codeOf, messageOf, SecureNetError } from '../error.ts'
import { type BucketShape, decodeBucket, findInBucket, NOT_FOUND } from './bucket.ts'
import { createEntrySetBuilder, type EntrySet, type Tag } from './entries.ts'
import type { Digest } from './head.ts'

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
   */
  entries(first: number, end: number): EntrySet
  close(): Promise<void>
}

/** LMDB as we use it: one file, one database, binary values under 32-bit numbers. */
export interface StoreFile {
  /** A copy, or undefined. */
  get(key: number): Buffer | undefined
  /** Valid until the next call only. */
  getFast(key: number): Uint8Array | undefined
  /** All in one transaction; resolves once they are on the medium. The last keys must be ascending new ones. */
  put(record: { key: number; value: Uint8Array }, appended: readonly { key: number; value: Uint8Array }[]): Promise<void>
  close(): Promise<void>
}

/** lmdb takes its options in the place of a version; its types do not say so. */
const APPEND = { append: true } as unknown as number

/** Larger pages than LMDB's 4 KiB hold whole buckets with less waste and one level less of tree (measured). */
const PAGE_BYTES = 16_384
export const METADATA_KEY = 0

export function openStoreFile(path: string, readOnly: boolean): StoreFile {
  let db: RootDatabase<Buffer, number>
  try {
    db = open<Buffer, number>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'uint32',
      pageSize: PAGE_BYTES,
      maxDbs: 1,
      maxReaders: 16,
      // Without it a commit is on the medium once it resolves; there is no second promise to wait for.
      overlappingSync: false,
      readOnly,
    })
  } catch (error) {
    throw storageError(error, path)
  }
  const getFast = (key: number) => db.getBinaryFast(key) as Uint8Array | undefined
  return {
    get: (key) => db.getBinary(key),
    getFast,
    async put(record, appended) {
      try {
        await db.transaction(() => {
          void db.put(record.key, record.value as Buffer)
          for (const { key, value } of appended) void db.put(key, value as Buffer, APPEND)
        })
        await db.flushed
      } catch (error) {
        await rejectionOf(error)
        throw storageError(error, path)
      }
    },
    close: () => db.close(),
  }
}

/** lmdb reports a failed commit by a second promise, which must be caught or the process ends. */
async function rejectionOf(error: unknown): Promise<void> {
  if (error instanceof Error && 'commitError' in error) {
    await Promise.resolve(error.commitError).catch(() => undefined)
  }
}

function storageError(error: unknown, path: string): SecureNetError {
  const text = messageOf(error)
  const full = /no space|ENOSPC|quota|EDQUOT/i.test(`${codeOf(error)} ${text}`)
  return full
    ? new SecureNetError('LIST_DISK_FULL', `no room left to write ${path}`, 'Free space in the data directory.', {
        cause: error,
      })
    : new SecureNetError('LIST_STORE_IO', `${path}: ${text}`, 'Check the medium; the list is fetched again.', {
        cause: error,
      })
}

/**
 * Maps a finished store. LMDB trusts its pages: call verifyFile first, always.
 * @throws SecureNetError LIST_STORE_FORMAT (not a finished store of this format), LIST_STORE_IO
 */
export function openStore(path: string): Store {
  if (!existsSync(path)) throw new SecureNetError('LIST_STORE_IO', `${path} is not there`, 'It is fetched again.')
  const file = openStoreFile(path, true)
  const metadata = readMetadata(file)
  if (!metadata) {
    void file.close()
    throw new SecureNetError('LIST_STORE_FORMAT', `${path} is no finished list of format ${STORE_FORMAT}`, 'It is fetched again.')
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
    entries: (first, end) => readEntries(file, first, end, metadata),
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

export function readEntries(file: StoreFile, first: number, end: number, shape: BucketShape): EntrySet {
  const entries = createEntrySetBuilder((end - first) * 128, true)
  for (let bucket = first; bucket < end; bucket += 1) {
    const octets = file.getFast(bucket + 1)
    if (octets) decodeBucket(octets, bucket, shape, entries.add)
  }
  return entries.build()
}

/** Removes a store, finished or not, and its lock file. */
export function removeStore(path: string): void {
  rmSync(path, { force: true })
  rmSync(`${path}-lock`, { force: true })
}

const READ_BYTES = 1 << 18

/** @returns SHA-256 of a file, read in pieces; some 30 ms for a million names */
export function digestFile(path: string): Digest {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  const descriptor = openSync(path, 'r')
  try {
    for (;;) {
      const bytes = readSync(descriptor, buffer, 0, READ_BYTES, null)
      if (bytes === 0) return hash.digest('base64url')
      hash.update(buffer.subarray(0, bytes))
    }
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Whether a store is what was once finished, octet by octet; false also where it cannot be read. To be called before
 * openStore: a flipped bit inside a mapped LMDB page may crash the process.
 */
export function verifyFile(path: string, digest: Digest): boolean {
  try {
    return digestFile(path) === digest
  } catch {
    return false
  }
}
