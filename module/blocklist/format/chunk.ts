import { SecureNetError } from '../../base/error.ts'
import { badCoding } from './bits.ts'
import { MAX_TAG, type Tag } from './entries.ts'
import { ListFault } from './list-fault.ts'

/** No chunk is larger, header included (docs/list-format.md §3). */
export const MAX_CHUNK_BYTES = 65_536
export const CHUNK_FORMAT = 1
/** A list is cut into 2^prefixBits chunks at most: 65,536 of 64 KiB are far more than a modem holds. */
export const MAX_PREFIX_BITS = 16

const MAGIC = Buffer.from('SNBL', 'latin1')
const KINDS = new Map([
  [0x53, 'snapshot'],
  [0x44, 'delta'],
] as const)
/** Tag octet of the group that holds a delta's removals. */
const REMOVALS = 0xff
const FIXED_BYTES = 4 + 1 + 1 + 1 + 8 + 8 + 8 + 4 + 4 + 1 + 4 + 1 + 1
const GROUP_BYTES = 10
/** Additions: 64-bit gaps, so that the parameter is at least 32; removals: 32-bit gaps. */
const MIN_ADDITION_PARAMETER = 32

/** What every chunk says about itself and about the whole (docs/list-format.md §3). */
export interface ChunkHeader {
  kind: 'snapshot' | 'delta'
  list: string
  /** 16 lower-case hexadecimal digits. */
  key: string
  /** The version that results. */
  version: number
  /** Of a delta: the version it starts from; else 0. */
  from: number
  /** Number of entries of the resulting set. */
  names: number
  /** Of a delta: number of entries of the set it starts from; else 0. */
  baseNames: number
  /** There are 2^prefixBits chunks; this one holds the hashes whose leading prefixBits bits are `index`. */
  prefixBits: number
  index: number
  /** Every tag of the resulting set, the most frequent first. */
  tags: readonly Tag[]
}

/** One Rice-coded run of numbers. */
export interface Group {
  /** The tag of the added entries, or 'removals'. */
  tag: Tag | 'removals'
  parameter: number
  count: number
  bits: Uint8Array
}

/** @throws SecureNetError LIST_CHUNK_TOO_LARGE is never thrown here: the caller cuts the list finer */
export function writeChunk(header: ChunkHeader, groups: readonly Group[]): Buffer {
  const list = Buffer.from(header.list, 'latin1')
  if (!/^[\w.-]{1,64}$/.test(header.list)) {
    throw new SecureNetError('LIST_NAME', `not a name of a list: ${JSON.stringify(header.list)}`)
  }
  const head = Buffer.alloc(FIXED_BYTES + list.length + header.tags.length + groups.length * GROUP_BYTES)
  let at = MAGIC.copy(head)
  at = head.writeUInt8(CHUNK_FORMAT, at)
  at = head.writeUInt8(header.kind === 'snapshot' ? 0x53 : 0x44, at)
  at = head.writeUInt8(list.length, at)
  at += list.copy(head, at)
  at += head.write(header.key, at, 'hex')
  at = head.writeBigUInt64BE(BigInt(header.version), at)
  at = head.writeBigUInt64BE(BigInt(header.from), at)
  at = head.writeUInt32BE(header.names, at)
  at = head.writeUInt32BE(header.baseNames, at)
  at = head.writeUInt8(header.prefixBits, at)
  at = head.writeUInt32BE(header.index, at)
  at = head.writeUInt8(header.tags.length, at)
  for (const tag of header.tags) at = head.writeUInt8(tag, at)
  at = head.writeUInt8(groups.length, at)
  for (const group of groups) {
    at = head.writeUInt8(group.tag === 'removals' ? REMOVALS : group.tag, at)
    at = head.writeUInt8(group.parameter, at)
    at = head.writeUInt32BE(group.count, at)
    at = head.writeUInt32BE(group.bits.length, at)
  }
  return Buffer.concat([head, ...groups.map((group) => group.bits)])
}

/**
 * Reads the framing of a chunk; the groups' bits are views into `chunk`.
 * @throws SecureNetError LIST_CHUNK_FORMAT (another format), LIST_CHUNK_CODING (broken), LIST_CHUNK_TOO_LARGE
 */
export function readChunk(chunk: Uint8Array): { header: ChunkHeader; groups: Group[] } {
  if (chunk.length > MAX_CHUNK_BYTES) {
    throw new ListFault(
      'content',
      'LIST_CHUNK_TOO_LARGE',
      `a chunk of ${chunk.length} octets; the most is ${MAX_CHUNK_BYTES}`,
    )
  }
  const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
  if (octets.length < 6 || !octets.subarray(0, 4).equals(MAGIC) || octets[4] !== CHUNK_FORMAT) {
    throw new ListFault(
      'content',
      'LIST_CHUNK_FORMAT',
      `not a chunk of list format ${CHUNK_FORMAT}`,
      'A newer format needs newer firmware: publish in the format that the fleet reads.',
    )
  }
  try {
    const { header, at } = readHeader(octets)
    const groups = readGroups(octets, at, header)
    return { header, groups }
  } catch (error) {
    // Buffer's own bounds check, and nothing else here, throws a RangeError.
    if (error instanceof RangeError) throw badCoding('its header is cut off')
    throw error
  }
}

function readHeader(octets: Buffer): { header: ChunkHeader; at: number } {
  const kind = KINDS.get(octets.readUInt8(5) as 0x53)
  const nameBytes = octets.readUInt8(6)
  const list = octets.toString('latin1', 7, 7 + nameBytes)
  let at = 7 + nameBytes
  const key = octets.toString('hex', at, at + 8)
  const version = Number(octets.readBigUInt64BE(at + 8))
  const from = Number(octets.readBigUInt64BE(at + 16))
  const names = octets.readUInt32BE(at + 24)
  const baseNames = octets.readUInt32BE(at + 28)
  const prefixBits = octets.readUInt8(at + 32)
  const index = octets.readUInt32BE(at + 33)
  const tagCount = octets.readUInt8(at + 37)
  at += 38
  const tags = [...octets.subarray(at, at + tagCount)]
  at += tagCount
  if (!kind) throw badCoding('it is neither a snapshot nor a delta')
  if (!/^[\w.-]{1,64}$/.test(list)) throw badCoding('its list has no proper name')
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(from))
    throw badCoding('its version is too large')
  if (kind === 'snapshot' && (from !== 0 || baseNames !== 0))
    throw badCoding('a snapshot that starts from a set')
  if (prefixBits > MAX_PREFIX_BITS || index >= 2 ** prefixBits)
    throw badCoding('its place is outside the list')
  if (tags.length !== tagCount || new Set(tags).size !== tagCount || tags.some((tag) => tag > MAX_TAG)) {
    throw badCoding('its tags are wrong')
  }
  return { header: { kind, list, key, version, from, names, baseNames, prefixBits, index, tags }, at }
}

function checkParameter(parameter: number, least: number): void {
  if (parameter < least || parameter > least + 31) throw badCoding('a Rice parameter is out of range')
}

function readGroups(octets: Buffer, start: number, header: ChunkHeader): Group[] {
  const groups: Group[] = []
  const count = octets.readUInt8(start)
  let bitsAt = start + 1 + count * GROUP_BYTES
  let previous = -1
  for (let at = start + 1, i = 0; i < count; i += 1, at += GROUP_BYTES) {
    const tag = octets.readUInt8(at)
    const parameter = octets.readUInt8(at + 1)
    const names = octets.readUInt32BE(at + 2)
    const length = octets.readUInt32BE(at + 6)
    const removals = tag === REMOVALS
    if (tag <= previous) throw badCoding('its groups are out of order')
    if (removals ? header.kind !== 'delta' : !header.tags.includes(tag))
      throw badCoding('a group is out of place')
    if (names === 0) throw badCoding('a group of no values')
    checkParameter(parameter, removals ? 0 : MIN_ADDITION_PARAMETER)
    if (bitsAt + length > octets.length || names * (parameter + 1) > length * 8)
      throw badCoding('it is cut off')
    groups.push({
      tag: removals ? 'removals' : tag,
      parameter,
      count: names,
      bits: octets.subarray(bitsAt, bitsAt + length),
    })
    previous = tag
    bitsAt += length
  }
  if (bitsAt !== octets.length) throw badCoding('octets follow its end')
  return groups
}
