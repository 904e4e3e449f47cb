import { isPrivate4 } from '../base/address-class.ts'
import type { Answer } from '../dns/answer.ts'
import { Type } from '../dns/constants.ts'

/** RFC 6052 §2.2: where the four octets of the IPv4 address are, by the prefix's length in octets; octet 8 is passed over. */
const PLACES: readonly (readonly [prefix: number, octets: readonly [number, number, number, number]])[] = [
  [12, [12, 13, 14, 15]],
  [8, [9, 10, 11, 12]],
  [7, [7, 9, 10, 11]],
  [6, [6, 7, 9, 10]],
  [5, [5, 6, 7, 9]],
  [4, [4, 5, 6, 7]],
]

/** RFC 7050 §2.2: the addresses of ipv4only.arpa are 192.0.0.170 and 192.0.0.171. */
const isWellKnown = (bytes: Uint8Array, places: readonly number[]) =>
  bytes[places[0]!] === 192 &&
  bytes[places[1]!] === 0 &&
  bytes[places[2]!] === 0 &&
  (bytes[places[3]!]! & 0xfe) === 170

interface Pref64 {
  readonly prefix: Uint8Array
  readonly places: readonly number[]
}

/** The prefixes under which the resolver behind us writes IPv4 addresses as IPv6 ones (DNS64, RFC 6147 §5.2). */
export class Nat64 {
  #prefixes: readonly Pref64[] = []

  /** @param answer to AAAA of ipv4only.arpa (RFC 7050 §3); @returns whether a prefix is known now */
  learn({ bytes, records, answers }: Answer): boolean {
    this.#prefixes = records.slice(0, answers).flatMap(({ type, rdata, end }) => {
      if (type !== Type.AAAA) return []
      const address = bytes.subarray(rdata, end)
      const found = PLACES.find(([, places]) => isWellKnown(address, places))
      return found ? [{ prefix: Uint8Array.from(address.subarray(0, found[0])), places: found[1] }] : []
    })
    return this.#prefixes.length > 0
  }

  /** Whether the 16 octets at `at` lead to a public IPv4 address, however private the prefix is. */
  isPublic(bytes: Uint8Array, at: number): boolean {
    return this.#prefixes.some(
      ({ prefix, places }) =>
        prefix.every((octet, i) => bytes[at + i] === octet) &&
        !isPrivate4(
          Uint8Array.from(places, (place) => bytes[at + place]!),
          0,
        ),
    )
  }
}
