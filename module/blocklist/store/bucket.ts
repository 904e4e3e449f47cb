import { badCoding, createBitWriter, peekBits } from '../format/bits.ts'
import type { EntrySet, Tag } from '../format/entries.ts'
import { ListFault } from '../format/list-fault.ts'

/**
 * One bucket of the store: the entries whose hash has the bucket's number as its leading bits, Elias-Fano coded.
 *
 *     count (LEB128) | high bits in unary | low bits, fixed width | tags, truncated unary by frequency
 *     -- each part starts on an octet; all 64 bits of every hash can be read back (docs/list-format.md §7)
 *
 * A look-up counts zeros through some 20 octets of the unary part, then compares the low bits of the one or two
 * entries with the same high bits.
 */
export interface BucketShape {
  /** Leading bits of the hash that the bucket's number gives: 0 to 24. */
  bucketBits: number
  /** Every tag of the list, the most frequent first. */
  tags: readonly Tag[]
}

export const NOT_FOUND = -1
/** Aimed at: 122 entries at a million names. Larger ones pack pages worse, smaller ones pay LMDB's 14 octets more often. */
const ENTRIES_PER_BUCKET = 96
const MAX_BUCKET_BITS = 24

export function bucketBitsFor(names: number): number {
  return Math.min(MAX_BUCKET_BITS, Math.max(0, Math.round(Math.log2(names / ENTRIES_PER_BUCKET)) || 0))
}

const onesOf = Uint8Array.from({ length: 256 }, (_, octet) => octet.toString(2).replaceAll('0', '').length)

/**
 * Of n entries so many bits are coded in unary: the fewest octets in all, and within the hash's upper half. A count has
 * four octets of LEB128, 28 bits, so there are 28 at most and `1 << highBits` is right.
 */
function highBitsOf(count: number, bucketBits: number): number {
  return Math.min(32 - Math.clz32(count - 1), 32 - bucketBits)
}

function highOf(hi: number, bucketBits: number, highBits: number): number {
  return highBits === 0 ? 0 : (hi << bucketBits) >>> (32 - highBits)
}

/** Thousands of buckets are coded in a row: memory of their own for each would keep the garbage collector busy. */
const parts = { unary: createBitWriter(), low: createBitWriter(), codes: createBitWriter() }

/** Where coded buckets are kept until they are written; take() gives octets that hold anything. */
export interface BucketRoom {
  take(bytes: number): Uint8Array
  /** All that was taken may be overwritten. */
  reset(): void
}

/** The same memory for every transaction: see createDecodeRoom. */
export function createBucketRoom(): BucketRoom {
  let octets = new Uint8Array(1 << 18)
  let at = 0
  return {
    take(bytes) {
      if (at + bytes > octets.length) {
        // What was taken before keeps the former memory alive.
        octets = new Uint8Array(Math.max(octets.length * 2, bytes))
        at = 0
      }
      at += bytes
      return octets.subarray(at - bytes, at)
    },
    reset() {
      at = 0
    },
  }
}

/**
 * @param first,end the bucket's entries: at least one
 * @param room default: memory of the bucket's own
 * @throws SecureNetError LIST_CHUNK_CODING where an entry has another tag
 */
export function encodeBucket(
  set: EntrySet,
  first: number,
  end: number,
  { bucketBits, tags }: BucketShape,
  room?: BucketRoom,
): Uint8Array {
  const count = end - first
  const highBits = highBitsOf(count, bucketBits)
  const lowHiBits = 32 - bucketBits - highBits

  const { unary, low, codes } = parts
  unary.reset()
  low.reset()
  codes.reset()
  for (let high = 0, i = first; high < 1 << highBits; high += 1) {
    const from = i
    while (i < end && highOf(set.hi[i] as number, bucketBits, highBits) === high) i += 1
    unary.unary(i - from)
  }
  for (let i = first; i < end; i += 1) {
    low.write(set.hi[i] as number, lowHiBits)
    low.write(set.lo[i] as number, 32)
    writeTag(codes, tags.indexOf(set.tag[i] as number), tags.length)
  }
  const coded = [leb128(count), unary.view(), low.view(), codes.view()]
  const bytes = coded.reduce((sum, part) => sum + part.length, 0)
  const octets = room ? room.take(bytes) : new Uint8Array(bytes)
  let at = 0
  for (const part of coded) {
    octets.set(part, at)
    at += part.length
  }
  return octets
}

function writeTag(codes: { write(value: number, bits: number): void }, rank: number, tags: number): void {
  // Of additions the chunk has been checked; of an entry that a delta leaves where it is, it is seen only here.
  if (rank < 0) throw badCoding('an entry has a tag that is not announced')
  for (let i = 0; i < rank; i += 1) codes.write(1, 1)
  if (rank < tags - 1) codes.write(0, 1)
}

function leb128(count: number): Uint8Array {
  const octets: number[] = []
  let left = count
  for (; left > 0x7f; left >>>= 7) octets.push((left & 0x7f) | 0x80)
  octets.push(left)
  return Uint8Array.from(octets)
}

/** How many entries a bucket holds. */
export function countOf(octets: Uint8Array): number {
  let count = 0
  for (let i = 0; i < 4; i += 1) {
    const octet = octets[i] as number
    count |= (octet & 0x7f) << (7 * i)
    if (octet < 0x80) break
  }
  return count
}

function leb128Bytes(count: number): number {
  return count < 0x80 ? 1 : count < 0x4000 ? 2 : count < 0x200000 ? 3 : 4
}

/**
 * @param octets the bucket; may be followed by anything
 * @returns the least tag (tree before exact) of the entries with this hash, or NOT_FOUND
 */
export function findInBucket(octets: Uint8Array, hi: number, lo: number, shape: BucketShape): number {
  const { bucketBits } = shape
  const count = countOf(octets)
  const highBits = highBitsOf(count, bucketBits)
  const high = highOf(hi, bucketBits, highBits)
  const unaryAt = leb128Bytes(count)

  let octet = unaryAt
  let zeros = 0
  for (let here = 8 - (onesOf[octets[octet] as number] as number); zeros + here < high; ) {
    zeros += here
    octet += 1
    here = 8 - (onesOf[octets[octet] as number] as number)
  }
  let bit = octet << 3
  for (; zeros < high; bit += 1) zeros += bitAt(octets, bit) ^ 1

  const lowHiBits = 32 - bucketBits - highBits
  const width = lowHiBits + 32
  const lowAt = (unaryAt + ((count + (1 << highBits) + 7) >>> 3)) << 3
  const wantedHi = lowHiBits === 0 ? 0 : (hi << (32 - lowHiBits)) >>> (32 - lowHiBits)
  const wantedLo = lo >>> 0
  for (let i = bit - (unaryAt << 3) - high; bitAt(octets, bit) === 1; bit += 1, i += 1) {
    const at = lowAt + i * width
    if (peekBits(octets, at + lowHiBits, 32) === wantedLo && peekBits(octets, at, lowHiBits) === wantedHi) {
      return tagAt(octets, (lowAt >>> 3) + ((count * width + 7) >>> 3), i, shape.tags)
    }
  }
  return NOT_FOUND
}

function bitAt(octets: Uint8Array, bit: number): number {
  return ((octets[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1
}

/** Only a hit comes here, and few names are hits: the codes before it are simply counted through. */
function tagAt(octets: Uint8Array, start: number, index: number, tags: readonly Tag[]): Tag {
  const last = tags.length - 1
  let bit = start << 3
  let rank = 0
  for (let i = 0; i <= index; i += 1) {
    rank = 0
    while (rank < last && bitAt(octets, bit++) === 1) rank += 1
  }
  return tags[rank] as Tag
}

/**
 * Hands out a bucket's entries in ascending (hash, tag) order.
 * @throws SecureNetError LIST_STORE_FORMAT: a half-built file has no digest yet, so a bit of it may have flipped
 */
export function decodeBucket(
  octets: Uint8Array,
  bucket: number,
  shape: BucketShape,
  add: (hi: number, lo: number, tag: Tag) => void,
): void {
  const { bucketBits, tags } = shape
  const count = countOf(octets)
  const highBits = highBitsOf(count, bucketBits)
  const lowHiBits = 32 - bucketBits - highBits
  const lowAt = (leb128Bytes(count) + ((count + (1 << highBits) + 7) >>> 3)) << 3
  const top = bucketBits === 0 ? 0 : bucket << (32 - bucketBits)
  const last = tags.length - 1
  let unary = leb128Bytes(count) << 3
  const codesAt = (lowAt >>> 3) + Math.ceil((count * (lowHiBits + 32)) / 8)
  if (codesAt > octets.length) throw damagedBucket(bucket)
  let code = codesAt << 3
  for (let i = 0, high = 0; i < count; unary += 1) {
    if (bitAt(octets, unary) === 0) {
      high += 1
      if (high >= 1 << highBits) throw damagedBucket(bucket)
      continue
    }
    const at = lowAt + i * (lowHiBits + 32)
    const middle = highBits === 0 ? 0 : high << lowHiBits
    const hi = (top | (lowHiBits === 32 ? 0 : middle) | peekBits(octets, at, lowHiBits)) >>> 0
    let rank = 0
    while (rank < last && bitAt(octets, code++) === 1) rank += 1
    add(hi, peekBits(octets, at + lowHiBits, 32), tags[rank] as Tag)
    i += 1
  }
}

function damagedBucket(bucket: number): ListFault {
  return new ListFault(
    'file',
    'LIST_STORE_FORMAT',
    `bucket ${bucket} of the store is not what was written`,
    'The file is made anew.',
  )
}
