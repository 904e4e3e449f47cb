import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** More than one transaction writes. */
export const ROOM_BYTES = 1 << 20
/** What a transaction writes beside its values (measured: some 110 KiB). */
export const TRANSACTION_BYTES = 1 << 17
export const FIRST_PAGES_BYTES = 1 << 17
const SCRATCH_BYTES = 4096

/** Whatever is in a file's place, a folder too: it would be in the way for ever. */
export const gone = { recursive: true, force: true } as const

/**
 * By what the file system says of itself, and by a small file that is gone before the kernel writes it back: one as large as
 * what is to come would be 10 MB for a million names, should it get there. Also before every transaction: where a write
 * of LMDB's own is refused, lmdb 3.5 tells it by a sprintf into 100 octets, which may be too few, and the heap is damaged
 * (tried).
 */
export function proveRoom(path: string, bytes: number): void {
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
export function writeNew(path: string, octets: Uint8Array, flush = false): void {
  try {
    writeFileSync(path, octets, { flush })
  } catch (error) {
    throw Object.assign(error as Error, { path })
  }
}
