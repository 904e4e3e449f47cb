import { addressBytes } from './address.ts'

/** Why nobody's public site is in a block of addresses. */
export type AddressClass =
  | 'unspecified'
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'mapped'
  | 'multicast'
  | 'reserved'
  | 'tunnel'

interface Prefix {
  readonly octets: Uint8Array
  readonly bits: number
}

interface AddressBlock extends Prefix {
  readonly class: AddressClass
}

/** The one table of what is no public unicast address (IANA's special-purpose registries, RFC 6890). */
const BLOCKS: readonly [prefix: string, block: AddressClass, source: string][] = [
  ['0.0.0.0/8', 'unspecified', 'RFC 1122 §3.2.1.3'],
  ['10.0.0.0/8', 'private', 'RFC 1918'],
  ['100.64.0.0/10', 'private', 'RFC 6598'],
  ['127.0.0.0/8', 'loopback', 'RFC 1122 §3.2.1.3'],
  ['169.254.0.0/16', 'link-local', 'RFC 3927'],
  ['172.16.0.0/12', 'private', 'RFC 1918'],
  ['192.0.0.0/24', 'reserved', 'RFC 6890 §2.1'],
  ['192.168.0.0/16', 'private', 'RFC 1918'],
  // Our own service addresses are among them.
  ['198.18.0.0/15', 'reserved', 'RFC 2544'],
  ['224.0.0.0/4', 'multicast', 'RFC 5771'],
  ['240.0.0.0/4', 'reserved', 'RFC 1112 §4'],
  ['::/128', 'unspecified', 'RFC 4291 §2.5.2'],
  ['::1/128', 'loopback', 'RFC 4291 §2.5.3'],
  // Never on the wire: a way round filters, whatever it maps.
  ['::ffff:0:0/96', 'mapped', 'RFC 4291 §2.5.5.2'],
  ['fc00::/7', 'private', 'RFC 4193'],
  ['fe80::/10', 'link-local', 'RFC 4291 §2.5.6'],
  // Site-local: deprecated, and still no public address.
  ['fec0::/10', 'private', 'RFC 3879'],
  ['2001::/32', 'tunnel', 'RFC 4380'],
  ['2002::/16', 'tunnel', 'RFC 3056'],
  ['ff00::/8', 'multicast', 'RFC 4291 §2.7'],
]

const MAPPED = prefixOf('::ffff:0:0/96')
/** RFC 6052 §2.1: the last four octets are an IPv4 address, which a translator (NAT64) goes on to. */
const TRANSLATION = prefixOf('64:ff9b::/96')
/** All of global unicast that IANA has given out (RFC 4291 §2.4). */
const GLOBAL_UNICAST = prefixOf('2000::/3')

/** An answer that gives a public name such an address leads into the household (rebinding). */
const PRIVATE: readonly AddressClass[] = ['unspecified', 'loopback', 'link-local', 'private', 'mapped']

function prefixOf(text: string): Prefix {
  const [address, bits] = text.split('/')
  return { octets: addressBytes(address!), bits: Number(bits) }
}

const all = BLOCKS.map(([prefix, of]): AddressBlock => ({ class: of, ...prefixOf(prefix) }))
const priv = all.filter((one) => PRIVATE.includes(one.class))
const ofWidth = (blocks: readonly AddressBlock[], width: 4 | 16) =>
  blocks.filter(({ octets }) => octets.length === width)
const all4 = ofWidth(all, 4)
const all6 = ofWidth(all, 16)
const private6 = ofWidth(priv, 16)

/** Whether the first `bits` of both are the same. @param at where the address begins in `bytes` */
export function isPrefixOf(octets: Uint8Array, bits: number, bytes: Uint8Array, at = 0): boolean {
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (bytes[at + i] !== octets[i]) return false
  const rest = bits & 7
  return rest === 0 || (bytes[at + whole]! ^ octets[whole]!) >> (8 - rest) === 0
}

const isIn = ({ octets, bits }: Prefix, bytes: Uint8Array, at: number): boolean =>
  isPrefixOf(octets, bits, bytes, at)

function find(blocks: readonly AddressBlock[], bytes: Uint8Array, at: number): AddressBlock | null {
  for (let i = 0; i < blocks.length; i++) if (isIn(blocks[i]!, bytes, at)) return blocks[i]!
  return null
}

/**
 * Where an IPv6 address carries an IPv4 one: mapped (RFC 4291 §2.5.5.2) or translated (RFC 6052 §2.1).
 * @returns the offset of the 4 octets, or -1
 */
export function v4Within(bytes: Uint8Array, at: number): number {
  return isIn(MAPPED, bytes, at) || isIn(TRANSLATION, bytes, at) ? at + 12 : -1
}

/** Network and mask of each, one behind the other: every address of every answer is looked at. */
const private4 = Int32Array.from(
  ofWidth(priv, 4).flatMap(({ octets, bits }) => [ipv4At(octets, 0), -1 << (32 - bits)]),
)

function ipv4At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** Whether the 4 octets at `at` are an address that no public name should have. */
export function isPrivate4(bytes: Uint8Array, at: number): boolean {
  const address = ipv4At(bytes, at)
  for (let i = 0; i < private4.length; i += 2) if ((address & private4[i + 1]!) === private4[i]) return true
  return false
}

/** Whether the 16 octets at `at` are an address that no public name should have, or carry one of IPv4. */
export function isPrivate6(bytes: Uint8Array, at: number): boolean {
  if (find(private6, bytes, at) !== null) return true
  return isIn(TRANSLATION, bytes, at) && isPrivate4(bytes, at + 12)
}

/** Whether a site can be there: public unicast, in no block of the table. @param address numeric */
export function isGlobal(address: string): boolean {
  return (
    classOf(address) === null && (!address.includes(':') || isIn(GLOBAL_UNICAST, addressBytes(address), 0))
  )
}

/**
 * @param address numeric, with or without its zone
 * @returns what it is instead of a public unicast address, or null
 */
export function classOf(address: string): AddressClass | null {
  const octets = addressBytes(address)
  return find(octets.length === 4 ? all4 : all6, octets, 0)?.class ?? null
}

/** fe80::/10 in text: the zone alone tells on which link it is (RFC 4007 §6). */
export function needsZone(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address)
}

/** This machine itself. @param address numeric; asked for every query, and so without reading it */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

/** Whether the 16 octets are one of IPv4 that a socket of IPv6 shows (RFC 4291 §2.5.5.2). */
export function isMapped(octets: Uint8Array): boolean {
  return isIn(MAPPED, octets, 0)
}

/** Whether the 16 octets are of fe80::/10, which is on the link by definition (RFC 4291 §2.5.6). */
export function isLinkLocal6(octets: Uint8Array): boolean {
  return octets[0] === 0xfe && (octets[1]! & 0xc0) === 0x80
}
