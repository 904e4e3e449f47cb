import { networkInterfaces } from 'node:os'
import { addressText } from '../base/address.ts'

/** Socket addresses as the kernel writes them (ip(7), ipv6(7)), in words of the CPU, little endian. */
const FAMILY_IPV4 = 2
/** Words of sockaddr_in6: family and port, flow, the address, scope. */
const ADDRESS = 2
const SCOPE = 6

/** Addresses remembered; of two that meet in one place, each drives the other out. */
const REMEMBERED = 1024

/** @param at of the address's first word */
export function portOf(words: Int32Array, at: number): number {
  const first = words[at]!
  return ((first >> 8) & 0xff00) | ((first >> 24) & 0xff)
}

/** @returns the device of a link-local address; null where it has gone: its client is a stranger then, as with dgram */
function deviceOf(scope: number): string | null {
  for (const [device, addresses = []] of Object.entries(networkInterfaces()))
    if (addresses.some((address) => address.family === 'IPv6' && address.scopeid === scope)) return device
  return null
}

function textOf(words: Int32Array, at: number): string {
  const first = words.byteOffset + at * 4
  if (isIPv4(words, at)) return addressText(Buffer.from(words.buffer, first + 4, 4))
  // The URL parser gives the canonical form (RFC 5952).
  const text = addressText(Buffer.from(words.buffer, first + ADDRESS * 4, 16))
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

const isIPv4 = (words: Int32Array, at: number) => (words[at]! & 0xffff) === FAMILY_IPV4

/** The texts of those who ask: a household has few, and each is made once, not for every datagram. */
export class AddressTexts {
  readonly #words = new Int32Array(REMEMBERED * 5)
  readonly #texts: string[] = new Array(REMEMBERED).fill('')
  readonly #key = new Int32Array(5)

  /** @param at of the address's first word */
  of(words: Int32Array, at: number): string {
    const place = this.#placeOf(words, at)
    const known = this.#words
    const key = this.#key
    const from = place * 5
    let same = this.#texts[place] !== ''
    for (let i = 0; i < 5; i++) same &&= known[from + i] === key[i]
    return same ? this.#texts[place]! : this.#make(place, words, at)
  }

  #make(place: number, words: Int32Array, at: number): string {
    const plain = textOf(words, at)
    const scope = isIPv4(words, at) ? 0 : words[at + SCOPE]!
    const device = scope === 0 ? null : deviceOf(scope)
    // Not remembered: the device may have come only just now.
    if (scope !== 0 && device === null) return plain
    const text = device === null ? plain : `${plain}%${device}`
    this.#words.set(this.#key, place * 5)
    this.#texts[place] = text
    return text
  }

  /** Writes what tells addresses apart to `#key`. */
  #placeOf(words: Int32Array, at: number): number {
    const key = this.#key
    if (isIPv4(words, at)) {
      key[0] = words[at + 1]!
      key[1] = 0
      key[2] = 0
      key[3] = 0
      key[4] = -1
    } else {
      for (let i = 0; i < 4; i++) key[i] = words[at + ADDRESS + i]!
      key[4] = words[at + SCOPE]!
    }
    let hash = key[4]!
    for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ key[i]!, 0x9e3779b1) ^ (hash >>> 15)
    return (hash ^ (hash >>> 16)) & (REMEMBERED - 1)
  }
}
