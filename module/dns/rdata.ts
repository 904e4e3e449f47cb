import { Type } from './constants.ts'
import { skipName } from './name.ts'
import { isName, type RecordView } from './record.ts'

const IPV4_BYTES = 4
const IPV6_BYTES = 16
/** Serial, refresh, retry, expire, minimum. */
const SOA_NUMBERS_BYTES = 20
const PARAM_HEADER_BYTES = 4

/** Keys of service parameters (RFC 9460 §14.3.2). */
const SvcParam = { IPV4_HINT: 4, IPV6_HINT: 6 } as const

/**
 * Where RDATA has its name, for types whose names readers decompress (RFC 3597 §4) or are judged.
 * @returns offset within RDATA, or -1 for all other types
 */
export function nameOffset(type: number): number {
  switch (type) {
    case Type.NS:
    case Type.CNAME:
    case Type.SOA:
    case Type.PTR:
    case Type.DNAME:
      return 0
    case Type.MX:
    case Type.SVCB:
    case Type.HTTPS:
      return 2
    case Type.SRV:
      return 6
    default:
      return -1
  }
}

/** Called for each list of addresses of an SVCB or HTTPS record. @returns whether to go on */
export type EachHint = (at: number, end: number, width: typeof IPV4_BYTES | typeof IPV6_BYTES) => boolean

/**
 * Goes through the service parameters from `at` (RFC 9460 §2.2, §7.3).
 * @returns false where they do not hold: a parameter that is cut off, no whole addresses; or where `each` said so
 */
export function eachHint(bytes: Buffer, at: number, end: number, each: EachHint): boolean {
  let here = at
  while (here < end) {
    if (here + PARAM_HEADER_BYTES > end) return false
    const key = bytes.readUInt16BE(here)
    const value = here + PARAM_HEADER_BYTES
    const next = value + bytes.readUInt16BE(here + 2)
    if (next > end) return false
    if (key === SvcParam.IPV4_HINT || key === SvcParam.IPV6_HINT) {
      const width = key === SvcParam.IPV4_HINT ? IPV4_BYTES : IPV6_BYTES
      if (next === value || (next - value) % width !== 0 || !each(value, next, width)) return false
    }
    here = next
  }
  return true
}

const goOn: EachHint = () => true

function endHolds(
  reply: Buffer,
  type: number,
  nameEnd: number,
  end: number,
  upTo: readonly RecordView[],
): boolean {
  switch (type) {
    case Type.SOA:
      return isName(reply, nameEnd, end, upTo) && skipName(reply, nameEnd, end) + SOA_NUMBERS_BYTES === end
    case Type.SVCB:
    case Type.HTTPS:
      return eachHint(reply, nameEnd, end, goOn)
    default:
      return nameEnd === end
  }
}

/**
 * Whether RDATA is what it should be, for the types that are judged or decompressed; all others are octets (RFC 3597 §3).
 * @param upTo the records up to this one, in the order of their offsets
 */
export function rdataHolds(reply: Buffer, record: RecordView, upTo: readonly RecordView[]): boolean {
  const { type, rdata, end } = record
  if (type === Type.A) return end - rdata === IPV4_BYTES
  if (type === Type.AAAA) return end - rdata === IPV6_BYTES
  const offset = nameOffset(type)
  if (offset < 0) return true
  const name = rdata + offset
  return isName(reply, name, end, upTo) && endHolds(reply, type, skipName(reply, name, end), end, upTo)
}
