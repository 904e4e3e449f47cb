import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { ListFault } from '../format/list-fault.ts'
import { prepareLock, prepareOwnLock } from './lock-file.ts'
import { FIRST_PAGES_BYTES, gone, proveRoom, TRANSACTION_BYTES, writeNew } from './room.ts'
import { storageError } from './storage-error.ts'

/** LMDB as we use it: one file, one database, binary values under 32-bit numbers. */
export interface StoreFile {
  /** A copy, or undefined. */
  get(key: number): Buffer | undefined
  /** Valid until the next call only. */
  getFast(key: number): Uint8Array | undefined
  /** All in one transaction; resolves once they are on the medium. The last keys must be ascending new ones. */
  put(
    record: { key: number; value: Uint8Array },
    appended: readonly { key: number; value: Uint8Array }[],
  ): Promise<void>
  close(): Promise<void>
}

/** lmdb takes its options in the place of a version; its types do not say so. */
const APPEND = { append: true } as unknown as number

/** Larger pages than LMDB's 4 KiB hold whole buckets with less waste and one level less of tree (measured). */
const PAGE_BYTES = 16_384

/**
 * @param lockDirectory where LMDB's lock file goes; best on a tmpfs
 * @throws SecureNetError LIST_STORE_FORMAT, LIST_STORE_IO, LIST_DISK_FULL
 */
export function openStoreFile(path: string, readOnly: boolean, lockDirectory = dirname(path)): StoreFile {
  const alone = readOnly && !isWritable(path)
  let db: RootDatabase<Buffer, number>
  let opened: string
  try {
    if (!isSound(path) || (readOnly && statSync(path).size === 0))
      throw new ListFault(
        'file',
        'LIST_STORE_FORMAT',
        `${path} is damaged or no store of ours`,
        'It is made anew.',
      )
    if (!readOnly) layFirstPages(path, lockDirectory)
    opened = alone ? prepareOwnLock(path, lockDirectory) : prepareLock(path, lockDirectory)
    db = openLmdb(opened, readOnly)
  } catch (error) {
    throw storageError(error, path)
  }
  const getFast = (key: number) => db.getBinaryFast(key) as Uint8Array | undefined
  return {
    get: (key) => db.getBinary(key),
    getFast,
    async put(record, appended) {
      try {
        proveRoom(path, TRANSACTION_BYTES + appended.reduce((sum, { value }) => sum + value.length, 0))
        // batch: one transaction, on lmdb's own thread. What fails, fails as a whole: its parts need no catching each.
        await db.batch(() => {
          db.put(record.key, record.value as Buffer).catch(ignored)
          for (const { key, value } of appended) db.put(key, value as Buffer, APPEND).catch(ignored)
        })
        await db.flushed
      } catch (error) {
        throw storageError(await rejectionOf(error), path)
      }
    },
    async close() {
      await db.close()
      if (alone) for (const file of [opened, `${opened}-lock`]) rmSync(file, gone)
    },
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const ignored = () => undefined

function openLmdb(path: string, readOnly: boolean): RootDatabase<Buffer, number> {
  return open<Buffer, number>({
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
}

/**
 * lmdb crashes the process where it cannot write a new file's first pages (ENOSPC, EIO: tried). So it makes them on the
 * tmpfs, where there is room or not and nothing else, and they are copied from there by calls that can fail.
 */
function layFirstPages(path: string, lockDirectory: string): void {
  proveRoom(path, FIRST_PAGES_BYTES)
  if (existsSync(path) && statSync(path).size > 0) return
  const model = join(lockDirectory, `${basename(path)}${MODEL}`)
  removeModel(model)
  proveRoom(model, FIRST_PAGES_BYTES)
  const db = openLmdb(prepareLock(model, lockDirectory), false)
  const pages = readFileSync(model)
  removeModel(model)
  void db.close()
  writeNew(path, pages, true)
}

const MODEL = '-first'

const modelFiles = (model: string) => [model, `${model}-lock`, `${model}-room`]

function removeModel(model: string): void {
  for (const file of modelFiles(model)) rmSync(file, gone)
}

const MAGIC = 0xbeefc0de
/** Of a 64-bit LMDB's meta page: where the magic number, the number of the last page and the transaction's are. */
const MAGIC_AT = 24
const LAST_PAGE_AT = 144
const TRANSACTION_AT = 152

/**
 * Whether both meta pages are there and the file is as long as the newer one says: lmdb does not throw on another file,
 * it crashes the process. True also of a file not there, or still empty.
 */
export function isSound(path: string): boolean {
  if (!existsSync(path)) return true
  const { size } = statSync(path)
  if (size === 0) return true
  if (size < 2 * PAGE_BYTES) return false
  const metas = [0, PAGE_BYTES].map((at) => readAt(path, at, 256))
  // A 32-bit LMDB lays its meta pages out otherwise: there only the magic number is looked for.
  if (process.arch === 'arm') return metas.every((meta) => meta.includes('dec0efbe', 0, 'hex'))
  if (metas.some((meta) => meta.readUInt32LE(MAGIC_AT) !== MAGIC)) return false
  const [first, second] = metas.map((meta) => meta.readBigUInt64LE(TRANSACTION_AT)) as [bigint, bigint]
  const newest = metas[first > second ? 0 : 1] as Buffer
  return BigInt(size) >= (newest.readBigUInt64LE(LAST_PAGE_AT) + 1n) * BigInt(PAGE_BYTES)
}

function readAt(path: string, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  const descriptor = openSync(path, 'r')
  try {
    readSync(descriptor, buffer, 0, bytes, at)
    return buffer
  } finally {
    closeSync(descriptor)
  }
}

/** lmdb reports a failed commit by a second promise, with the cause; uncaught it would end the process. */
async function rejectionOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  )
}

/** Removes a store, finished or not, and what lies beside it. */
export function removeStore(path: string, lockDirectory = dirname(path)): void {
  for (const file of filesOf(path, lockDirectory)) rmSync(file, gone)
}

/** As removeStore, off this thread: removing a large file takes a file system some ms, up to 68 (ext4, measured). */
export async function removeStoreAside(path: string, lockDirectory = dirname(path)): Promise<void> {
  for (const file of filesOf(path, lockDirectory)) await rm(file, gone)
}

function filesOf(path: string, lockDirectory: string): string[] {
  const link = join(lockDirectory, basename(path))
  const beside = [path, `${path}-tries`, `${path}-room`, `${path}-lock`, link, `${link}-lock`]
  return [...beside, ...modelFiles(`${link}${MODEL}`)]
}
