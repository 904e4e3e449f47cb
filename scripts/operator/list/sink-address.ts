import { isIPv6 } from 'node:net'

/** A part of an IPv4 address as inet_aton(3) reads it: `010` is octal, `0x7f` hexadecimal. */
const ipv4Part = /^(?:0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i

/** @returns one to four parts, the last of which fills what is left (inet_aton(3)): `127.1` is 127.0.0.1 */
function ipv4Number(text: string): number | undefined {
  const parts = text.split('.')
  const last = parts.pop() ?? ''
  if (parts.length > 3 || ![...parts, last].every((part) => ipv4Part.test(part))) return undefined
  const value = (part: string) => Number(/^0[0-7]+$/.test(part) ? `0o${part}` : part)
  if (parts.some((part) => value(part) > 255)) return undefined
  const high = parts.reduce((sum, part, i) => sum + value(part) * 256 ** (3 - i), 0)
  const rest = value(last)
  return rest < 256 ** (4 - parts.length) ? high + rest : undefined
}

function isIpv4Sink(address: number): boolean {
  return address === 0 || Math.floor(address / 2 ** 24) === 127
}

/** `::`, `::1`, and the IPv4 sinks mapped into IPv6, however they are written (RFC 5952 §2). */
function isIpv6Sink(text: string): boolean {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
  if (canonical === '::' || canonical === '::1') return true
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical) ?? []
  return high !== undefined && isIpv4Sink(Number.parseInt(high, 16) * 65_536 + Number.parseInt(low ?? '', 16))
}

/** Most lists have one sink in each of their lines. */
const usual = new Set(['0.0.0.0', '127.0.0.1', '::', '::1', '0'])

/** Where a list sends names that it blocks: nowhere, or to the host itself (RFC 1122 §3.2.1.3). */
export function isSink(address: string): boolean {
  if (usual.has(address)) return true
  if (isIPv6(address)) return isIpv6Sink(address)
  const number = ipv4Number(address)
  return number !== undefined && isIpv4Sink(number)
}
