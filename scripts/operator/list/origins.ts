import type { EntrySet } from '../../../module/blocklist/format/entries.ts'
import { findHash } from './find-hash.ts'
import type { Names } from './gather.ts'
import { createHasher } from './hasher.ts'

/** Which input gave each entry of a set: the next build tells by it whose names it would withdraw. */
export interface Origins {
  /** Their names and categories. */
  inputs: readonly string[]
  /** For each entry, in the order of the set, the number of its input; `noInput` for test names. */
  of: Uint16Array
}

export const noInput = 0xffff

/** @param key that the set was hashed under */
export function originsOf(set: EntrySet, names: Names, key: string, inputs: readonly string[]): Origins {
  const of = new Uint16Array(set.count).fill(noInput)
  const hasher = createHasher(key)
  for (const [name, { input }] of names) {
    if (input < 0) continue
    hasher.hash(name)
    of[findHash(set, hasher.hi, hasher.lo)] = Math.min(input, noInput)
  }
  return { inputs, of }
}
