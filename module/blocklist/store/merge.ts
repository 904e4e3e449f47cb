import type { ChunkHeader } from '../format/chunk.ts'
import type { DecodedChunk } from '../format/decode-chunk.ts'
import {
  compareEntries,
  createEntryBuffer,
  type EntrySet,
  type EntrySetBuilder,
  emptySet,
} from '../format/entries.ts'
import { ListFault } from '../format/list-fault.ts'
import type { Store } from './store.ts'

export interface Merge {
  /**
   * The next entries of the chunk's range, up to the hash whose upper half is `hi` (2^32: to the end); valid until the
   * next call.
   * @throws SecureNetError LIST_DELTA_BASE where an addition is in the base, or, at the end, a removal found no entry
   */
  upTo(hi: number, last: boolean): EntrySet
}

/** A chunk's entries merged into those of the base in its range, if there is a base: a stream in bounded memory. */
export function createMerge({ header, additions, removals }: DecodedChunk, base: Store | undefined): Merge {
  const span = 2 ** (32 - header.prefixBits)
  const read = createEntryBuffer()
  const merged = createEntryBuffer()
  let from = header.index * span
  let nextAddition = 0
  let nextRemoval = 0
  let place = 0
  return {
    upTo(hi, last) {
      const kept = base ? entriesBetween(base, from, hi, read) : emptySet
      const end = additionsBelow(additions, nextAddition, hi)
      for (let i = 0; i < kept.count; i += 1, place += 1) {
        while (nextAddition < end && compareEntries(additions, nextAddition, kept, i) < 0)
          copy(additions, nextAddition++, merged)
        if (nextAddition < end && compareEntries(additions, nextAddition, kept, i) === 0)
          throw addedTwice(header)
        if (removals[nextRemoval] === place) nextRemoval += 1
        else copy(kept, i, merged)
      }
      while (nextAddition < end) copy(additions, nextAddition++, merged)
      from = hi
      if (last && base && nextRemoval !== removals.length) throw wrongBase(header, base.metadata.names)
      return merged.build()
    },
  }
}

function additionsBelow(additions: EntrySet, first: number, hi: number): number {
  let end = first
  while (end < additions.count && (additions.hi[end] as number) < hi) end += 1
  return end
}

function copy(set: EntrySet, i: number, to: EntrySetBuilder): void {
  to.add(set.hi[i] as number, set.lo[i] as number, set.tag[i] as number)
}

/** The base's entries with from <= hi < to; its buckets may be larger or smaller than the new store's. */
function entriesBetween(base: Store, from: number, to: number, into: EntrySetBuilder): EntrySet {
  const { bucketBits } = base.metadata
  const size = 2 ** (32 - bucketBits)
  const entries = base.entries(Math.floor(from / size), Math.ceil(to / size), into)
  if (from % size === 0 && to % size === 0) return entries
  let first = 0
  while (first < entries.count && (entries.hi[first] as number) < from) first += 1
  let end = entries.count
  while (end > first && (entries.hi[end - 1] as number) >= to) end -= 1
  return {
    count: end - first,
    hi: entries.hi.subarray(first, end),
    lo: entries.lo.subarray(first, end),
    tag: entries.tag.subarray(first, end),
  }
}

export function startsFrom({ from, key, baseNames }: ChunkHeader, { metadata }: Store): boolean {
  return from === metadata.version && key === metadata.key && baseNames === metadata.names
}

export function wrongBase(header: ChunkHeader, names: number): ListFault {
  return new ListFault(
    'content',
    'LIST_DELTA_BASE',
    `the delta ${header.from} to ${header.version} of list ${header.list} starts from ${header.baseNames} entries, not ${names}`,
    'The snapshot is taken instead.',
  )
}

/** Also where the delta removes that entry: one that stays is in neither group. */
export function addedTwice(header: ChunkHeader): ListFault {
  return new ListFault(
    'content',
    'LIST_DELTA_BASE',
    `the delta ${header.from} to ${header.version} of list ${header.list} adds an entry that is there already`,
    'The snapshot is taken instead.',
  )
}
