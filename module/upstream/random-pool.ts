import { randomFillSync } from 'node:crypto'

export type FillRandom = (buffer: Uint8Array) => void

/** Random octets from the system's CSPRNG (RFC 5452 §9.2), fetched by the page: a call for each costs microseconds. */
export class RandomPool {
  readonly #octets = new Uint8Array(4096)
  readonly #fill: FillRandom
  #at = 4096

  constructor(fill: FillRandom = randomFillSync) {
    this.#fill = fill
  }

  octet(): number {
    if (this.#at === this.#octets.length) {
      this.#fill(this.#octets)
      this.#at = 0
    }
    return this.#octets[this.#at++]!
  }

  /** @returns 0..65535 */
  id(): number {
    return (this.octet() << 8) | this.octet()
  }

  /** @returns 0..n-1 for n up to 256; even where n is a power of two */
  below(n: number): number {
    return (this.octet() * n) >> 8
  }

  octets(length: number): Buffer {
    const octets = Buffer.alloc(length)
    for (let i = 0; i < length; i++) octets[i] = this.octet()
    return octets
  }
}

/** Draws the case of every letter between two octets of a query (draft-vixie-dnsext-dns0x20). */
export function randomiseCase(query: Buffer, start: number, end: number, random: RandomPool): void {
  let bits = 0
  let left = 0
  for (let i = start; i < end; i++) {
    const lower = query[i]! | 0x20
    if (lower < 0x61 || lower > 0x7a || query[i]! < 0x41) continue
    if (left === 0) {
      bits = random.octet()
      left = 8
    }
    query[i] = bits & 1 ? lower : lower & 0xdf
    bits >>= 1
    left--
  }
}
