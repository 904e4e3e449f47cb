import type { DecodedChunk } from './codec.ts'
import { wrongBase } from './codec.ts'
import { createEntrySetBuilder, type EntrySet } from './entries.ts'
import type { Store } from './store.ts'

export interface Merge {
  /**
   * The next entries of the chunk's range, up to the hash whose upper half is `hi` (2^32: to the end).
   * @throws SecureNetError LIST_DELTA_BASE where, at the end, a removal found no entry
   */
  upTo(hi: number, last: boolean): EntrySet
}

/** A chunk's entries merged into those of the base in its range, if there is a base: a stream in bounded memory. */
export function createMerge({ header, additions, removals }: DecodedChunk, base: Store | undefined): Merge {
  const span = 2 ** (32 - header.prefixBits)
  let from = header.index * span
  let nextAddition = 0
  let nextRemoval = 0
  let place = 0
  return {
    upTo(hi, last) {
      const kept = base ? entriesBetween(base, from, hi) : null
      const merged = createEntrySetBuilder((kept?.count ?? 0) + 1024)
      for (let i = 0; kept && i < kept.count; i += 1, place += 1) {
        if (removals[nextRemoval] === place) nextRemoval += 1
        else merged.add(kept.hi[i] as number, kept.lo[i] as number, kept.tag[i] as number)
      }
      for (
        ;
        nextAddition < additions.count && (additions.hi[nextAddition] as number) < hi;
        nextAddition += 1
      ) {
        const i = nextAddition
        merged.add(additions.hi[i] as number, additions.lo[i] as number, additions.tag[i] as number)
      }
      from = hi
      if (last && base && nextRemoval !== removals.length) throw wrongBase(header, base.metadata.names)
      return merged.build()
    },
  }
}

/** The base's entries with from <= hi < to; its buckets may be larger or smaller than the new store's. */
function entriesBetween(base: Store, from: number, to: number): EntrySet {
  const { bucketBits } = base.metadata
  const size = 2 ** (32 - bucketBits)
  const entries = base.entries(Math.floor(from / size), Math.ceil(to / size))
  if (from % size === 0 && to % size === 0) return entries
  let first = 0
  while (first < entries.count && (entries.hi[first] as number) < from) first += 1
  let end = entries.count
  while (end > first && (entries.hi[end - 1] as number) >= to) end -= 1
  return {
    count: end - first,
    hi: entries.hi.slice(first, end),
    lo: entries.lo.slice(first, end),
    tag: entries.tag.slice(first, end),
  }
}
