const HEADER_LENGTH = 12
/** Root name, type, class, TTL, RDLEN (RFC 6891 §6.1.2). */
export const OPT_LENGTH = 11
const OPT_TYPE = 41
const COOKIE_OPTION = 10

/** @returns the octet after the only question of a query, or -1 where there is none that can be read */
export function questionEndOf(query: Buffer): number {
  if (query.length < HEADER_LENGTH + 5 || query[4] !== 0 || query[5] !== 1) return -1
  let at = HEADER_LENGTH
  for (;;) {
    const length = query[at]
    if (length === undefined || length > 63) return -1
    at += 1 + length
    if (length === 0) break
    if (at - HEADER_LENGTH > 254) return -1
  }
  return at + 4 <= query.length ? at + 4 : -1
}

/** @returns whether the query ends in an OPT without options */
export function endsInOpt(query: Buffer): boolean {
  const at = query.length - OPT_LENGTH
  return (
    at >= HEADER_LENGTH + 5 &&
    query[at] === 0 &&
    query[at + 1] === 0 &&
    query[at + 2] === OPT_TYPE &&
    query[at + 9] === 0 &&
    query[at + 10] === 0
  )
}

/** @returns the octet after a name, which may be compressed, or -1 */
function skipName(message: Buffer, start: number): number {
  let at = start
  for (;;) {
    const length = message[at]
    if (length === undefined) return -1
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    if (length > 63) return -1
    at += 1 + length
  }
}

/**
 * @param at where the first record of a reply starts: the end of its question
 * @returns where the OPT record starts, or -1: none, or the reply cannot be read so far
 */
export function findOpt(reply: Buffer, at: number): number {
  const records = reply.readUInt16BE(6) + reply.readUInt16BE(8) + reply.readUInt16BE(10)
  let here = at
  for (let i = 0; i < records; i++) {
    const fixed = skipName(reply, here)
    if (fixed < 0 || fixed + 10 > reply.length) return -1
    const end = fixed + 10 + reply.readUInt16BE(fixed + 8)
    if (end > reply.length) return -1
    if (reply.readUInt16BE(fixed) === OPT_TYPE && fixed === here + 1) return here
    here = end
  }
  return -1
}

/** @returns RCODE with the upper bits that the OPT at `opt` (-1: none) carries (RFC 6891 §6.1.3) */
export function fullRcode(reply: Buffer, opt: number): number {
  const low = reply[3]! & 15
  return opt < 0 ? low : (reply[opt + 5]! << 4) | low
}

/** @returns the COOKIE option's data (RFC 7873 §4) in the OPT at `opt`, or null */
export function cookieOf(reply: Buffer, opt: number): Buffer | null {
  if (opt < 0) return null
  const end = opt + OPT_LENGTH + reply.readUInt16BE(opt + 9)
  let at = opt + OPT_LENGTH
  while (at + 4 <= end) {
    const length = reply.readUInt16BE(at + 2)
    if (at + 4 + length > end) return null
    if (reply.readUInt16BE(at) === COOKIE_OPTION) return reply.subarray(at + 4, at + 4 + length)
    at += 4 + length
  }
  return null
}

/**
 * Appends a COOKIE option to the OPT that ends a query.
 *
 * @param query with room for 4 octets and the cookie after `length`
 * @returns the new length
 */
export function appendCookie(query: Buffer, length: number, client: Buffer, server: Buffer | null): number {
  const size = client.length + (server?.length ?? 0)
  query.writeUInt16BE(4 + size, length - 2)
  query.writeUInt16BE(COOKIE_OPTION, length)
  query.writeUInt16BE(size, length + 2)
  client.copy(query, length + 4)
  server?.copy(query, length + 4 + client.length)
  return length + 4 + size
}

/** `. NS`, RD, one OPT: what a server that fails is asked until it answers. */
export const probeMessage = Buffer.from(
  '0000010000010000000000010000020001000029' + '04d0000000000000',
  'hex',
)
