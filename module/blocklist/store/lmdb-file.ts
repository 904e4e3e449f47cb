import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { open, type RootDatabase } from 'lmdb'
import { messageOf, SecureNetError } from '../../base/error.ts'

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
      throw new SecureNetError(
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

/** More than one transaction writes. */
const ROOM_BYTES = 1 << 20
/** What a transaction writes beside its values (measured: some 110 KiB). */
const TRANSACTION_BYTES = 1 << 17
const FIRST_PAGES_BYTES = 1 << 17
const LOCK_BYTES = 4096
const SCRATCH_BYTES = 4096

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

/** Whatever is in a file's place, a folder too: it would be in the way for ever. */
const gone = { recursive: true, force: true } as const

/**
 * By what the file system says of itself, and by a small file that is gone before the kernel writes it back: one as large as
 * what is to come would be 10 MB for a million names, should it get there. Also before every transaction: where a write
 * of LMDB's own is refused, lmdb 3.5 tells it by a sprintf into 100 octets, which may be too few, and the heap is damaged
 * (tried).
 */
function proveRoom(path: string, bytes: number): void {
  const folder = dirname(path)
  const { blocks, bavail, bsize } = statfsSync(folder)
  // A tmpfs without a limit has no blocks.
  if (blocks > 0 && bavail * bsize < bytes)
    throw Object.assign(new Error(`${bavail * bsize} octets are left in ${folder}`), { code: 'ENOSPC', path })
  const scratch = `${path}-room`
  try {
    writeNew(scratch, Buffer.alloc(SCRATCH_BYTES))
  } finally {
    rmSync(scratch, gone)
  }
}

/** @throws Error with the path, which Node leaves out where it is the write that fails: data and lock folder are apart */
function writeNew(path: string, octets: Uint8Array, flush = false): void {
  try {
    writeFileSync(path, octets, { flush })
  } catch (error) {
    throw Object.assign(error as Error, { path })
  }
}

/**
 * The lock file is written through a mapping, which on a full disk is a SIGBUS: its octets are laid down before, or it
 * is kept on a tmpfs, behind a link there.
 * @returns the path to open
 */
function prepareLock(path: string, lockDirectory: string): string {
  const link = join(lockDirectory, basename(path))
  layLock(`${link}-lock`)
  if (resolve(lockDirectory) === resolve(dirname(path))) return path
  layLink(link, path)
  return link
}

let ownLocks = 0

/**
 * Where a file cannot be opened for writing (a medium that has become read-only), lmdb does not see that another thread of
 * this process has it open, and the second would reset the lock table under the readers of the first: MDB_BAD_RSLOT at
 * their next read, and the process ends (tried). Nobody writes a finished file, so each may have a table of its own.
 * @returns the path to open; it and its lock file go with close()
 */
function prepareOwnLock(path: string, lockDirectory: string): string {
  ownLocks += 1
  const link = join(lockDirectory, `${basename(path)}@${threadId}.${ownLocks}`)
  layLock(`${link}-lock`)
  layLink(link, path)
  return link
}

function layLock(lock: string): void {
  // lmdb does not throw on a lock that is no file, it crashes the process.
  if (existsSync(lock) && !statSync(lock).isFile()) rmSync(lock, gone)
  if (!existsSync(lock) || statSync(lock).size < LOCK_BYTES) writeNew(lock, Buffer.alloc(LOCK_BYTES))
}

function layLink(link: string, path: string): void {
  // Left alone where it is right: another thread may be opening through it.
  if (leadsTo(link, path)) return
  rmSync(link, gone)
  symlinkSync(resolve(path), link)
}

function leadsTo(link: string, path: string): boolean {
  try {
    return readlinkSync(link) === resolve(path)
  } catch {
    return false
  }
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

/** What the system, or LMDB, said of a file, under a code of ours. */
export function storageError(error: unknown, path: string): SecureNetError {
  if (error instanceof SecureNetError) return error
  if (!isFull(error, path))
    return new SecureNetError('LIST_STORE_IO', `${path}: ${messageOf(error)}`, 'Check the medium.', {
      cause: error,
    })
  // The lock folder may be the one that is full.
  const full = dirname(error instanceof Error && 'path' in error ? String(error.path) : path)
  return new SecureNetError(
    'LIST_DISK_FULL',
    `no room left in ${full} to write ${basename(path)}`,
    `Free space in ${full}.`,
    { cause: error },
  )
}

/** LMDB says EIO (5) where a disk is full: a write that came out short. */
function isFull(error: unknown, path: string): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 28 || code === 122) return true
  if (code !== 5) return false
  try {
    proveRoom(path, ROOM_BYTES)
    return false
  } catch {
    return true
  }
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
