import { COOKIE_OPTION, EDE_OPTION, HEADER_BYTES, Type, UDP_BYTES } from './constants.ts'
import { skipName } from './name.ts'

/** Offsets of an OPT record's fields, from the octet of its owner, which is the root (RFC 6891 §6.1.2). */
export const OptField = {
  TYPE: 1,
  UDP_BYTES: 3,
  UPPER_RCODE: 5,
  VERSION: 6,
  FLAGS: 7,
  LENGTH: 9,
  OPTIONS: 11,
} as const

/** An OPT record without options. */
export const OPT_BYTES = OptField.OPTIONS
/** DNSSEC OK, in the first octet of the flags (RFC 3225 §3). */
export const DNSSEC_OK = 0x80
export const NO_OPTIONS: Buffer = Buffer.alloc(0)

/** An option's code and length. */
const OPTION_HEADER_BYTES = 4

export interface ExtendedError {
  /** INFO-CODE (RFC 8914 §5.2). */
  code: number
  /** EXTRA-TEXT, UTF-8. */
  text: string
}

/** Writes an OPT record of ours with these options; `rcode` may be extended: its lower four bits belong in the header. */
export function writeOpt(
  message: Buffer,
  at: number,
  rcode: number,
  dnssecOk: boolean,
  options: Buffer,
): void {
  message.fill(0, at, at + OPT_BYTES)
  message[at + OptField.TYPE + 1] = Type.OPT
  message[at + OptField.UDP_BYTES] = UDP_BYTES >> 8
  message[at + OptField.UDP_BYTES + 1] = UDP_BYTES & 0xff
  message[at + OptField.UPPER_RCODE] = rcode >> 4
  if (dnssecOk) message[at + OptField.FLAGS] = DNSSEC_OK
  message[at + OptField.LENGTH] = options.length >> 8
  message[at + OptField.LENGTH + 1] = options.length & 0xff
  if (options.length > 0) options.copy(message, at + OptField.OPTIONS)
}

/** EDE options, as they lie in an OPT (RFC 8914 §2). */
export function errorOptions(errors: readonly ExtendedError[]): Buffer {
  const options = errors.map(({ code, text }) => {
    const extra = Buffer.from(text, 'utf8')
    const option = Buffer.alloc(OPTION_HEADER_BYTES + 2)
    option.writeUInt16BE(EDE_OPTION, 0)
    option.writeUInt16BE(2 + extra.length, 2)
    option.writeUInt16BE(code, 4)
    return Buffer.concat([option, extra])
  })
  return Buffer.concat(options)
}

/** An OPT record without DO, with these errors. */
export function optRecord(rcode: number, errors: readonly ExtendedError[] = []): Buffer {
  const options = errorOptions(errors)
  const opt = Buffer.alloc(OPT_BYTES + options.length)
  writeOpt(opt, 0, rcode, false, options)
  return opt
}

/** @returns whether the query ends in an OPT without options */
export function endsInOpt(query: Buffer): boolean {
  const at = query.length - OPT_BYTES
  return (
    at >= HEADER_BYTES + 5 &&
    query[at] === 0 &&
    query.readUInt16BE(at + OptField.TYPE) === Type.OPT &&
    query.readUInt16BE(at + OptField.LENGTH) === 0
  )
}

/** @returns the UDP size that the OPT at `opt` advertises */
export const advertisedBytes = (message: Buffer, opt: number): number =>
  message.readUInt16BE(opt + OptField.UDP_BYTES)

/**
 * @param at where the first record of a reply starts: the end of its question
 * @returns where the OPT record starts, or -1: none, or the reply cannot be read so far
 */
export function findOpt(reply: Buffer, at: number): number {
  const records = reply.readUInt16BE(6) + reply.readUInt16BE(8) + reply.readUInt16BE(10)
  let here = at
  for (let i = 0; i < records; i++) {
    const fixed = skipName(reply, here, reply.length)
    if (fixed < 0 || fixed + 10 > reply.length) return -1
    const end = fixed + 10 + reply.readUInt16BE(fixed + 8)
    if (end > reply.length) return -1
    if (reply.readUInt16BE(fixed) === Type.OPT && fixed === here + 1) return here
    here = end
  }
  return -1
}

/** @returns RCODE with the upper bits that the OPT at `opt` (-1: none) carries (RFC 6891 §6.1.3) */
export function fullRcode(reply: Buffer, opt: number): number {
  const lower = reply[3]! & 15
  return opt < 0 ? lower : (reply[opt + OptField.UPPER_RCODE]! << 4) | lower
}

/** @returns where the first option of that code starts, from `at` on; -1: none, or cut off before it */
function findOption(message: Buffer, at: number, end: number, code: number): number {
  let here = at
  while (here + OPTION_HEADER_BYTES <= end) {
    const next = here + OPTION_HEADER_BYTES + message.readUInt16BE(here + 2)
    if (next > end) return -1
    if (message.readUInt16BE(here) === code) return here
    here = next
  }
  return -1
}

const optionEnd = (message: Buffer, option: number) =>
  option + OPTION_HEADER_BYTES + message.readUInt16BE(option + 2)

const optEnd = (message: Buffer, opt: number) => opt + OPT_BYTES + message.readUInt16BE(opt + OptField.LENGTH)

/** @returns the COOKIE option's data (RFC 7873 §4) in the OPT at `opt` (-1: none), or null */
export function cookieOf(reply: Buffer, opt: number): Buffer | null {
  if (opt < 0) return null
  const option = findOption(reply, opt + OPT_BYTES, optEnd(reply, opt), COOKIE_OPTION)
  return option < 0 ? null : reply.subarray(option + OPTION_HEADER_BYTES, optionEnd(reply, option))
}

/** @returns the EDE options in the OPT at `opt`, as they are */
export function extendedErrors(reply: Buffer, opt: number): Buffer {
  const end = optEnd(reply, opt)
  let option = findOption(reply, opt + OPT_BYTES, end, EDE_OPTION)
  if (option < 0) return NO_OPTIONS
  const found: Buffer[] = []
  while (option >= 0) {
    const next = optionEnd(reply, option)
    found.push(reply.subarray(option, next))
    option = findOption(reply, next, end, EDE_OPTION)
  }
  return Buffer.concat(found)
}

/**
 * Appends a COOKIE option to the OPT that ends a query.
 *
 * @param query with room for `COOKIE_ROOM` octets after `length`
 * @returns the new length
 */
export function appendCookie(query: Buffer, length: number, client: Buffer, server: Buffer | null): number {
  const size = client.length + (server?.length ?? 0)
  query.writeUInt16BE(OPTION_HEADER_BYTES + size, length - 2)
  query.writeUInt16BE(COOKIE_OPTION, length)
  query.writeUInt16BE(size, length + 2)
  client.copy(query, length + OPTION_HEADER_BYTES)
  server?.copy(query, length + OPTION_HEADER_BYTES + client.length)
  return length + OPTION_HEADER_BYTES + size
}

/** A COOKIE option with the longest server cookie (RFC 7873 §4). */
export const COOKIE_ROOM = OPTION_HEADER_BYTES + 40
