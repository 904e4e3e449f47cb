import { HEADER_BYTES } from './constants.ts'
import { expandName, NAME_BYTES, skipName } from './name.ts'

/** One record of a reply, as offsets into it. */
export interface RecordView {
  owner: number
  type: number
  class: number
  /** Offset of the TTL. */
  ttlAt: number
  rdata: number
  end: number
}

const TTL_BYTES = 4
const POINTER_BYTES = 2
const scratch = Buffer.alloc(NAME_BYTES)

/** @param records in the order of their offsets */
function overlapsTtl(records: readonly RecordView[], start: number, end: number): boolean {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (records[middle]!.ttlAt + TTL_BYTES <= start) low = middle + 1
    else high = middle
  }
  return low < records.length && records[low]!.ttlAt < end
}

/** @param at of a name that `expandName` takes */
function runsThroughTtl(reply: Buffer, at: number, records: readonly RecordView[]): boolean {
  let start = at
  for (;;) {
    let end = start
    while (reply[end]! > 0 && reply[end]! < 0xc0) end += reply[end]! + 1
    const isPointer = reply[end]! !== 0
    if (overlapsTtl(records, start, isPointer ? end + POINTER_BYTES : end + 1)) return true
    if (!isPointer) return false
    start = reply.readUInt16BE(end) & 0x3fff
  }
}

/**
 * Whether the name at `at` is one that every reader reads alike, now and later: within its bounds, its pointers strictly
 * backwards (RFC 9267 §2), and none of its octets a TTL's, which is counted down as the answer ages.
 * @param before records that begin before the name, in the order of their offsets
 */
export function isName(reply: Buffer, at: number, end: number, before: readonly RecordView[]): boolean {
  // Nearly every record is owned by the name asked.
  if (reply[at] === 0xc0 && reply[at + 1] === HEADER_BYTES && at + POINTER_BYTES <= end) return true
  return expandName(reply, at, end, scratch) > 0 && !runsThroughTtl(reply, at, before)
}

/**
 * @param before the records before it
 * @returns the record whose owner is at `owner`; null where it is not well-formed
 */
export function recordAt(reply: Buffer, owner: number, before: readonly RecordView[]): RecordView | null {
  const fixed = skipName(reply, owner, reply.length)
  if (fixed < 0 || fixed + 10 > reply.length || !isName(reply, owner, fixed, before)) return null
  const end = fixed + 10 + reply.readUInt16BE(fixed + 8)
  if (end > reply.length) return null
  const type = reply.readUInt16BE(fixed)
  return { owner, type, class: reply.readUInt16BE(fixed + 2), ttlAt: fixed + 4, rdata: fixed + 10, end }
}
