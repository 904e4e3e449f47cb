/** Whether the 4 octets at `at` are an address that no public name should have (RFC 6890; RFC 1918, 1122, 3927, 6598). */
export function isPrivate4(bytes: Uint8Array, at: number): boolean {
  const a = bytes[at]!
  const b = bytes[at + 1]!
  if (a === 10 || a === 127 || a === 0) return true
  if (a === 172) return b >= 16 && b <= 31
  if (a === 192) return b === 168
  if (a === 169) return b === 254
  return a === 100 && b >= 64 && b <= 127
}

function isMapped(bytes: Uint8Array, at: number): boolean {
  let i = 0
  while (i < 10 && bytes[at + i] === 0) i++
  return i === 10 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff
}

/**
 * Where an IPv6 address carries an IPv4 one in its last 4 octets: mapped `::ffff:0:0/96` (RFC 4291 §2.5.5.2) or
 * the translation prefix `64:ff9b::/96` (RFC 6052 §2.1).
 * @returns the offset of the 4 octets, or -1
 */
export function v4Within(bytes: Uint8Array, at: number): number {
  if (isMapped(bytes, at)) return at + 12
  const translated =
    bytes[at] === 0 && bytes[at + 1] === 0x64 && bytes[at + 2] === 0xff && bytes[at + 3] === 0x9b
  if (!translated) return -1
  for (let j = 4; j < 12; j++) if (bytes[at + j] !== 0) return -1
  return at + 12
}

/**
 * Whether the 16 octets at `at` are loopback, unspecified, link-local, ULA, mapped IPv4 (never on the wire, RFC 4291
 * §2.5.5.2: a way round filters, whatever it maps), or carry a private IPv4 address.
 */
export function isPrivate6(bytes: Uint8Array, at: number): boolean {
  const a = bytes[at]!
  const b = bytes[at + 1]!
  if ((a & 0xfe) === 0xfc) return true
  if (a === 0xfe && (b & 0xc0) >= 0x80) return true
  if (isMapped(bytes, at)) return true
  const v4 = v4Within(bytes, at)
  if (v4 >= 0) return isPrivate4(bytes, v4)
  for (let i = 0; i < 15; i++) if (bytes[at + i] !== 0) return false
  return bytes[at + 15]! <= 1
}
