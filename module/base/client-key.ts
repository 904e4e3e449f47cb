import { readAddress, zoneOf } from './address.ts'
import { isLinkLocal6, isMapped } from './address-class.ts'

/**
 * Whom limits count for: equal keys, one client. Opaque, and made here alone, so that every limit on the way of a
 * question tells clients apart in the same way.
 */
export type ClientKey = string & { readonly clientKey: true }

/** Whether the 16 octets of an IPv6 address lie in a prefix that is on a link of this modem. */
export type IsOnLink = (octets: Uint8Array) => boolean

/** A device off the link has all of a /64 to itself (RFC 6177 §2). */
const OFF_LINK_OCTETS = 8

/** No octets of an address make it. */
const OWN = '\u{1f3e0}'

const octets = new Uint8Array(16)

/** As the kernel writes it, so that the text of an address is its key as it is. */
function ofIpv4(bytes: Uint8Array, at: number): ClientKey {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}` as ClientKey
}

/** The first `count` octets as characters, made without a call out of JavaScript; the colon sets it off from IPv4. */
function ofIpv6(bytes: Uint8Array, count: number, zone: string): ClientKey {
  let text = ':'
  for (let i = 0; i < count; i++) text += String.fromCharCode(bytes[i]!)
  return (text + zone) as ClientKey
}

/**
 * The key of the address in `bytes`.
 * @param width 4 or 16
 * @param zone the network device of a link-local address: every link has fe80::/10 (RFC 4007 §6)
 * @param isOnLink inside such a prefix a client is one address, outside it is a /64
 */
export function clientKeyOf(
  bytes: Uint8Array,
  width: 4 | 16,
  zone: string,
  isOnLink: IsOnLink = isLinkLocal6,
): ClientKey {
  if (width === 4) return ofIpv4(bytes, 0)
  if (isMapped(bytes)) return ofIpv4(bytes, 12)
  return isOnLink(bytes) ? ofIpv6(bytes, 16, zone) : ofIpv6(bytes, OFF_LINK_OCTETS, '')
}

/** @param address numeric, a link-local one with its %zone; undefined: of a socket whose peer has gone */
export function clientKey(address: string | undefined): ClientKey {
  if (address === undefined) return ownClientKey('gone')
  if (!address.includes(':')) return address as ClientKey
  return clientKeyOf(octets, readAddress(address, octets), zoneOf(address))
}

/**
 * A part of the module that asks for itself, counted apart from every device: no octets make this key.
 * @param part such as `check`
 */
export function ownClientKey(part: string): ClientKey {
  return `${OWN}${part}` as ClientKey
}

/** Made by `ownClientKey`: every limit on the way keeps room for it that no device takes. */
export function isOwnClientKey(key: string): boolean {
  return key.charCodeAt(0) === OWN.charCodeAt(0)
}
