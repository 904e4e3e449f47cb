import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isSound, removeStore } from './lmdb-file.ts'

/** Fewer than the five restarts that procd allows. */
const MOST_TRIES = 4
const triesPath = (path: string) => `${path}-tries`

/**
 * A half-built file has no digest yet, and a flipped bit in it may crash LMDB: after four builders that died without
 * getting a transaction done, it is begun anew, so that no crash can repeat for ever. A finished one is counted likewise
 * while it is being mapped, before any state could be written of it.
 * @returns how many died
 */
export function countTry(path: string): number {
  if (!existsSync(path)) return 0
  const file = triesPath(path)
  const tries = existsSync(file) ? Number(readFileSync(file, 'latin1')) || 0 : 0
  if (tries >= MOST_TRIES || !isSound(path)) removeStore(path)
  else writeFileSync(file, String(tries + 1))
  return tries >= MOST_TRIES ? 0 : tries + 1
}

export function clearTries(path: string): void {
  rmSync(triesPath(path), { force: true })
}
