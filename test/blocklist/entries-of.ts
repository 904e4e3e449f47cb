import { createEntrySetBuilder, type EntrySet } from '../../module/blocklist/format/entries.ts'
import type { Entry } from './format/reference-reader.ts'

export function setOf(entries: readonly Entry[]): EntrySet {
  const builder = createEntrySetBuilder()
  for (const { hash, tag } of entries) builder.add(Number(hash >> 32n), Number(hash & 0xffffffffn), tag)
  return builder.build()
}

export function listOf(set: EntrySet): Entry[] {
  return Array.from({ length: set.count }, (_, i) => ({
    hash: (BigInt(set.hi[i] as number) << 32n) | BigInt(set.lo[i] as number),
    tag: set.tag[i] as number,
  }))
}

/** Deterministic entries (splitmix64): uniform hashes, tags as lists have them. */
export function manyEntries(count: number, seed = 1n): Entry[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn
    const hash = z ^ (z >> 31n)
    const dice = Number(z & 15n)
    return { hash, tag: dice < 8 ? 1 : dice < 13 ? 0 : dice < 15 ? 4 : 0x12 }
  })
}
