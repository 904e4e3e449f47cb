import { basename, dirname } from 'node:path'
import { messageOf, SecureNetError } from '../../base/error.ts'
import { ListFault } from '../format/list-fault.ts'
import { proveRoom, ROOM_BYTES } from './room.ts'

/** What the system, or LMDB, said of a file, under a code of ours. */
export function storageError(error: unknown, path: string): SecureNetError {
  if (error instanceof SecureNetError) return error
  if (!isFull(error, path))
    return new ListFault('medium', 'LIST_STORE_IO', `${path}: ${messageOf(error)}`, 'Check the medium.', {
      cause: error,
    })
  // The lock folder may be the one that is full.
  const full = dirname(error instanceof Error && 'path' in error ? String(error.path) : path)
  return new ListFault(
    'room',
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

/** Whether a file system or LMDB said it: the system names its errors by text, LMDB by number. */
export function isOfMedium(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^E[A-Z]+$|^-?\d+$/.test(String(error.code))
}
