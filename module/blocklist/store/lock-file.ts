import { existsSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { gone, writeNew } from './room.ts'

const LOCK_BYTES = 4096

/**
 * The lock file is written through a mapping, which on a full disk is a SIGBUS: its octets are laid down before, or it
 * is kept on a tmpfs, behind a link there.
 * @returns the path to open
 */
export function prepareLock(path: string, lockDirectory: string): string {
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
export function prepareOwnLock(path: string, lockDirectory: string): string {
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
