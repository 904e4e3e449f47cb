import { HEADER_BYTES, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { QUESTION_FIXED_BYTES, questionEndOf } from '../dns/question.ts'

/** A and AAAA: what a person means by a plain host name. A DS or NS of a top-level domain is a public question. */
const addressTypes: readonly number[] = [Type.A, Type.AAAA]

/** Reverse zones of private, shared, link-local and unique local addresses (RFC 6303 §4, RFC 7793, RFC 4193). */
const privateReverseZones: readonly string[] = [
  '10.in-addr.arpa',
  '168.192.in-addr.arpa',
  '254.169.in-addr.arpa',
  ...Array.from({ length: 16 }, (_, i) => `${16 + i}.172.in-addr.arpa`),
  ...Array.from({ length: 64 }, (_, i) => `${64 + i}.100.in-addr.arpa`),
  'c.f.ip6.arpa',
  'd.f.ip6.arpa',
  ...['8', '9', 'a', 'b'].map((digit) => `${digit}.e.f.ip6.arpa`),
]

/** The name as in a message, without the root: compared so, a dot within a label is no boundary. */
function wireOf(zone: string): string {
  const name = nameFromText(zone)
  if (!name) throw new RangeError(`not a name: ${zone}`)
  return name.toString('latin1', 0, name.length - 1)
}

/**
 * Which questions are the stock resolver's in `wan` mode: its zones, the private reverse zones, and host names without
 * a dot.
 *
 * @param zones in presentation form, e.g. `lan`
 * @returns tells for a query whether it is local; false for what is no query
 */
export function localZones(zones: readonly string[]): (query: Buffer) => boolean {
  const owned = new Set([...zones, ...privateReverseZones].map(wireOf))
  return (query) => {
    const end = questionEndOf(query)
    if (end < 0) return false
    const root = end - QUESTION_FIXED_BYTES - 1
    if (root === HEADER_BYTES) return false
    if (
      query[HEADER_BYTES]! + 1 === root - HEADER_BYTES &&
      addressTypes.includes(query.readUInt16BE(end - QUESTION_FIXED_BYTES))
    ) {
      return true
    }
    const name = query
      .toString('latin1', HEADER_BYTES, root)
      .replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    for (let at = 0; at < name.length; at += 1 + name.charCodeAt(at)) {
      if (owned.has(name.slice(at))) return true
    }
    return false
  }
}
