import { SecureNetError } from '../../../module/base/error.ts'
import { createBitWriter } from '../../../module/blocklist/format/bits.ts'
import {
  type Group,
  MAX_CHUNK_BYTES,
  MAX_PREFIX_BITS,
  writeChunk,
} from '../../../module/blocklist/format/chunk.ts'
import {
  compareEntries,
  createEntrySetBuilder,
  type EntrySet,
  rangeOf,
  type Tag,
} from '../../../module/blocklist/format/entries.ts'

export interface SnapshotOptions {
  list: string
  version: number
  /** 16 hexadecimal digits: the key that the entries were hashed under. */
  key: string
}

export interface DeltaOptions extends SnapshotOptions {
  /** The version of the set it starts from. */
  from: number
}

/** Chunks of at most 64 KiB, in order; one at least. A million names take about a second. */
export function encodeSnapshot(set: EntrySet, options: SnapshotOptions): Buffer[] {
  const whole = { kind: 'snapshot', from: 0, names: set.count, baseNames: 0, tags: tagsOf(set) } as const
  return cut(set.count * 6, (prefixBits, index) => {
    const [first, end] = rangeOf(set, prefixBits, index)
    return writeChunk(
      { ...options, ...whole, prefixBits, index },
      additionGroups(set, first, end, prefixBits),
    )
  })
}

/** What leads from one set to the next under the same key, in chunks of at most 64 KiB; one at least. */
export function encodeDelta(from: EntrySet, to: EntrySet, options: DeltaOptions): Buffer[] {
  const { added, removed } = difference(from, to)
  const whole = { kind: 'delta', names: to.count, baseNames: from.count, tags: tagsOf(to) } as const
  return cut(added.count * 7 + removed.length * 2, (prefixBits, index) => {
    const [first, end] = rangeOf(added, prefixBits, index)
    const groups = additionGroups(added, first, end, prefixBits)
    const [baseFirst, baseEnd] = rangeOf(from, prefixBits, index)
    const removals = removalGroup(removed, baseFirst, baseEnd)
    if (removals) groups.push(removals)
    return writeChunk({ ...options, ...whole, prefixBits, index }, groups)
  })
}

/** Encodes with ever more chunks until none is too large; hashes are uniform, so all are of about one size. */
function cut(estimate: number, encode: (prefixBits: number, index: number) => Buffer): Buffer[] {
  let prefixBits = 0
  while (estimate / 2 ** prefixBits > MAX_CHUNK_BYTES * 1.02) prefixBits += 1
  for (; prefixBits <= MAX_PREFIX_BITS; prefixBits += 1) {
    const chunks: Buffer[] = []
    for (let index = 0; index < 2 ** prefixBits; index += 1) {
      const chunk = encode(prefixBits, index)
      if (chunk.length > MAX_CHUNK_BYTES) break
      chunks.push(chunk)
    }
    if (chunks.length === 2 ** prefixBits) return chunks
  }
  throw new SecureNetError('LIST_TOO_LARGE', 'the list does not fit into 65,536 chunks', 'Split the list.')
}

/** Tags by falling frequency, then by number: the store codes the frequent ones in fewer bits. */
function tagsOf(set: EntrySet): Tag[] {
  const counts = new Map<Tag, number>()
  for (let i = 0; i < set.count; i += 1) {
    const tag = set.tag[i] as number
    counts.set(tag, (counts.get(tag) ?? 0) + 1)
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b).map(([tag]) => tag)
}

/** Of geometrically distributed gaps: the Rice parameter of the fewest bits, log2 of 0.48 of the mean, rounded up. */
function riceParameter(meanBits: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.ceil(meanBits + Math.log2(0.4812))))
}

function additionGroups(set: EntrySet, first: number, end: number, prefixBits: number): Group[] {
  const counts = new Uint32Array(256)
  for (let i = first; i < end; i += 1)
    counts[set.tag[i] as number] = (counts[set.tag[i] as number] as number) + 1
  const groups: Group[] = []
  for (let tag = 0; tag < 256; tag += 1) {
    const count = counts[tag] as number
    if (count === 0) continue
    const parameter = riceParameter(64 - prefixBits - Math.log2(count), 32, 63)
    const writer = createBitWriter(count * 8 + 16)
    let previousHi = prefixBits === 0 ? 0 : ((set.hi[first] as number) & (-1 << (32 - prefixBits))) >>> 0
    let previousLo = 0
    for (let i = first; i < end; i += 1) {
      if (set.tag[i] !== tag) continue
      const hi = set.hi[i] as number
      const lo = set.lo[i] as number
      const gapHi = hi - previousHi - (lo < previousLo ? 1 : 0)
      writer.unary(Math.floor(gapHi / 2 ** (parameter - 32)))
      writer.write(gapHi, parameter - 32)
      writer.write(lo - previousLo, 32)
      previousHi = hi
      previousLo = lo
    }
    groups.push({ tag, parameter, count, bits: writer.finish() })
  }
  return groups
}

/** Of the removed base places within [first, end). */
function removalGroup(removed: Uint32Array, first: number, end: number): Group | null {
  const places = removed.filter((place) => place >= first && place < end)
  if (places.length === 0) return null
  const parameter = riceParameter(Math.log2((end - first) / places.length), 0, 31)
  const writer = createBitWriter(places.length * 4 + 16)
  let previous = first - 1
  for (const place of places) {
    const gap = place - previous - 1
    writer.unary(gap >>> parameter)
    writer.write(gap, parameter)
    previous = place
  }
  return { tag: 'removals', parameter, count: places.length, bits: writer.finish() }
}

/** @returns entries of `to` that `from` lacks, and the places of `from`'s entries that `to` lacks */
export function difference(from: EntrySet, to: EntrySet): { added: EntrySet; removed: Uint32Array } {
  const added = createEntrySetBuilder()
  const removed: number[] = []
  let i = 0
  let j = 0
  while (i < from.count || j < to.count) {
    const order = i >= from.count ? 1 : j >= to.count ? -1 : compareEntries(from, i, to, j)
    if (order < 0) removed.push(i)
    else if (order > 0) added.add(to.hi[j] as number, to.lo[j] as number, to.tag[j] as number)
    if (order <= 0) i += 1
    if (order >= 0) j += 1
  }
  return { added: added.build(), removed: Uint32Array.from(removed) }
}
