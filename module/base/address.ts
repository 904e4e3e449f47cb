const COLON = 0x3a
const DOT = 0x2e
const PERCENT = 0x25

/** Value of a hexadecimal digit's octet; decimal digits are among them. */
function digitOf(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}

function readIpv4(text: string, from: number, into: Uint8Array, at: number): void {
  let octet = 0
  let next = at
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PERCENT) break
    if (code === DOT) {
      into[next++] = octet
      octet = 0
    } else octet = octet * 10 + digitOf(code)
  }
  into[next] = octet
}

function readIpv6(text: string, into: Uint8Array): void {
  into.fill(0, 0, 16)
  let octets = 0
  let group = 0
  /** Where the group began. */
  let start = 0
  /** Octets before `::`; -1: none seen. */
  let gap = -1
  for (let i = 0; ; i++) {
    const code = i < text.length ? text.charCodeAt(i) : PERCENT
    if (code === DOT) {
      // RFC 4291 §2.2: the last four octets may be written as an IPv4 address.
      readIpv4(text, start, into, octets)
      octets += 4
      break
    }
    if (code !== COLON && code !== PERCENT) {
      group = group * 16 + digitOf(code)
      continue
    }
    if (i > start) {
      into[octets++] = group >> 8
      into[octets++] = group & 0xff
    } else if (code === COLON) gap = octets
    if (code === PERCENT) break
    start = i + 1
    group = 0
  }
  if (gap < 0 || octets === 16) return
  into.copyWithin(16 - (octets - gap), gap, octets)
  into.fill(0, gap, 16 - (octets - gap))
}

/**
 * Reads a valid address in text (RFC 4291 §2.2), without a copy; a zone behind `%` is left out.
 * @param into 16 octets of room
 * @returns how many octets were written, 4 or 16
 */
export function readAddress(text: string, into: Uint8Array): 4 | 16 {
  if (text.includes(':')) {
    readIpv6(text, into)
    return 16
  }
  readIpv4(text, 0, into, 0)
  return 4
}

/**
 * @param address a valid IPv4 or IPv6 address in text
 * @returns its 4 or 16 octets
 */
export function addressBytes(address: string): Uint8Array {
  const octets = new Uint8Array(16)
  return octets.slice(0, readAddress(address, octets))
}

/** @returns an IPv4 or IPv6 address in text, from its 4 or 16 octets; IPv6 with all its zeros */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':')
}

/** @returns the zone of a link-local address, the network device (RFC 4007 §11); empty where there is none */
export function zoneOf(address: string): string {
  const at = address.indexOf('%')
  return at < 0 ? '' : address.slice(at + 1)
}
