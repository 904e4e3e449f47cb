import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Digest } from '../format/head.ts'

const READ_BYTES = 1 << 16

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

/** As digestFile, without holding up anyone: for a modem that is answering queries. */
export async function digestFileInTurns(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES)
      if (bytesRead === 0) return hash.digest('base64url')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
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
