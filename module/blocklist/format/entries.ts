import { createHash, type Hash } from 'node:crypto'
import type { Digest } from './head.ts'

export type Scope = 'tree' | 'exact'

/** An entry's tag octet: category in bits 0-3, scope in bit 4 (set: exact). Tree sorts before exact. */
export type Tag = number
const EXACT = 0x10
export const MAX_TAG = 0x1f

/** @param category 0 to 15 (module/category.ts) */
export function tagOf(category: number, scope: Scope): Tag {
  return (category & 0x0f) | (scope === 'exact' ? EXACT : 0)
}
export function categoryOf(tag: Tag): number {
  return tag & 0x0f
}
export function scopeOf(tag: Tag): Scope {
  return tag & EXACT ? 'exact' : 'tree'
}

/**
 * Entries in ascending (hash, tag) order, without duplicates; entry i has the 64-bit hash
 * `hi[i] * 2^32 + lo[i]` and the tag `tag[i]`. The arrays hold exactly `count` elements.
 */
export interface EntrySet {
  readonly count: number
  readonly hi: Uint32Array
  readonly lo: Uint32Array
  readonly tag: Uint8Array
}

/** Collects entries in any order; grows as needed. */
export interface EntrySetBuilder {
  /** @param hi,lo the hash's halves, signed or unsigned */
  add(hi: number, lo: number, tag: Tag): void
  /** How many were added, duplicates included. */
  readonly added: number
  /** Sorted, duplicates removed. The builder is then empty. */
  build(): EntrySet
}

export const emptySet: EntrySet = {
  count: 0,
  hi: new Uint32Array(0),
  lo: new Uint32Array(0),
  tag: new Uint8Array(0),
}

/** @param expected how many entries to make room for */
export function createEntrySetBuilder(expected = 1024): EntrySetBuilder {
  const entries = createEntryBuffer(expected)
  return {
    get added() {
      return entries.added
    },
    add: entries.add,
    build() {
      const { hi, lo, tag } = entries.build()
      return sortedSet(hi, lo, tag)
    },
  }
}

/**
 * For entries that come in ascending order, again and again: the set that build() returns is valid until the next
 * add(), and once grown nothing more is allocated but its three views.
 */
export function createEntryBuffer(expected = 1024): EntrySetBuilder {
  let size = Math.max(16, expected)
  let hi = new Uint32Array(size)
  let lo = new Uint32Array(size)
  let tag = new Uint8Array(size)
  let count = 0
  return {
    get added() {
      return count
    },
    add(high, low, t) {
      if (count === size) {
        size *= 2
        hi = grown(hi, new Uint32Array(size))
        lo = grown(lo, new Uint32Array(size))
        tag = grown(tag, new Uint8Array(size))
      }
      hi[count] = high
      lo[count] = low
      tag[count] = t
      count += 1
    },
    build() {
      const set = { count, hi: hi.subarray(0, count), lo: lo.subarray(0, count), tag: tag.subarray(0, count) }
      count = 0
      return set
    },
  }
}

function grown<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** Radix sort, least significant digit first: a million entries take a tenth of a second, a comparator ten times that. */
function sortedSet(hi: Uint32Array, lo: Uint32Array, tag: Uint8Array): EntrySet {
  const count = hi.length
  let order: Uint32Array = new Uint32Array(count)
  for (let i = 0; i < count; i += 1) order[i] = i
  let spare: Uint32Array = new Uint32Array(count)
  // Small sets are not worth counting 65,536 digits.
  const bits = count < 0x8000 ? 8 : 16
  const sort = (digits: Uint32Array | Uint8Array, width: number) => {
    for (let shift = 0; shift < width; shift += bits) {
      radixPass(order, spare, digits, shift, bits)
      ;[order, spare] = [spare, order]
    }
  }
  sort(tag, 8)
  sort(lo, 32)
  sort(hi, 32)

  const set = { hi: new Uint32Array(count), lo: new Uint32Array(count), tag: new Uint8Array(count) }
  let kept = 0
  for (let i = 0; i < count; i += 1) {
    const at = order[i] as number
    const h = hi[at] as number
    const l = lo[at] as number
    const t = tag[at] as number
    if (kept > 0 && set.hi[kept - 1] === h && set.lo[kept - 1] === l && set.tag[kept - 1] === t) continue
    set.hi[kept] = h
    set.lo[kept] = l
    set.tag[kept] = t
    kept += 1
  }
  return {
    count: kept,
    hi: set.hi.slice(0, kept),
    lo: set.lo.slice(0, kept),
    tag: set.tag.slice(0, kept),
  }
}

function radixPass(
  from: Uint32Array,
  to: Uint32Array,
  digits: Uint32Array | Uint8Array,
  shift: number,
  bits: number,
): void {
  const mask = 2 ** bits - 1
  const starts = new Uint32Array(2 ** bits + 1)
  for (let i = 0; i < from.length; i += 1) {
    const digit = ((digits[from[i] as number] as number) >>> shift) & mask
    starts[digit + 1] = (starts[digit + 1] as number) + 1
  }
  for (let i = 1; i <= mask; i += 1) starts[i] = (starts[i] as number) + (starts[i - 1] as number)
  for (let i = 0; i < from.length; i += 1) {
    const at = from[i] as number
    const digit = ((digits[at] as number) >>> shift) & mask
    const place = starts[digit] as number
    to[place] = at
    starts[digit] = place + 1
  }
}

/** @returns < 0, 0 or > 0, by (hash, tag), between entry i of a and entry j of b */
export function compareEntries(a: EntrySet, i: number, b: EntrySet, j: number): number {
  return (
    (a.hi[i] as number) - (b.hi[j] as number) ||
    (a.lo[i] as number) - (b.lo[j] as number) ||
    (a.tag[i] as number) - (b.tag[j] as number)
  )
}

/** The entries whose hash has the leading bits `index`: [first, end). */
export function rangeOf(set: EntrySet, prefixBits: number, index: number): [number, number] {
  const size = 2 ** (32 - prefixBits)
  return [lowerBound(set, index * size), lowerBound(set, (index + 1) * size)]
}

function lowerBound(set: EntrySet, hi: number): number {
  let low = 0
  let high = set.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((set.hi[middle] as number) < hi) low = middle + 1
    else high = middle
  }
  return low
}

/** The result hash over a set, computed while its entries stream by in ascending order. */
export interface ResultHash {
  update(set: EntrySet): void
  digest(): Digest
}

const OCTETS = 9
const SLICE = 512

/** SHA-256 over 9 octets an entry: the hash, big-endian, and the tag (docs/list-format.md §5). */
export function createResultHash(): ResultHash {
  const hash: Hash = createHash('sha256')
  const buffer = new Uint8Array(SLICE * OCTETS)
  const view = new DataView(buffer.buffer)
  return {
    update(set) {
      for (let from = 0; from < set.count; from += SLICE) {
        const to = Math.min(from + SLICE, set.count)
        let at = 0
        for (let i = from; i < to; i += 1) {
          view.setUint32(at, set.hi[i] as number)
          view.setUint32(at + 4, set.lo[i] as number)
          buffer[at + 8] = set.tag[i] as number
          at += OCTETS
        }
        hash.update(buffer.subarray(0, at))
      }
    },
    digest: () => hash.digest('base64url'),
  }
}

/** The result hash of a whole set, as a head names it. */
export function resultOf(set: EntrySet): Digest {
  const hash = createResultHash()
  hash.update(set)
  return hash.digest()
}
