import { SecureNetError } from '../../base/error.ts'

/** The 64-bit key (salt) of a list's name hash, as two little-endian words (docs/list-format.md §1). */
export interface HashKey {
  k0: number
  k1: number
}

/** A DNS name has 127 labels at most (RFC 1035 §2.3.4: 255 octets, 2 a label, the root's 1). */
const MAX_LABELS = 127

/**
 * @param hex 16 hexadecimal digits: the key's 8 octets in order
 * @throws SecureNetError LIST_KEY
 */
export function parseKey(hex: string): HashKey {
  if (!/^[0-9a-f]{16}$/i.test(hex)) {
    throw new SecureNetError(
      'LIST_KEY',
      `a list key is 16 hexadecimal digits, not ${JSON.stringify(hex)}`,
      'Take the key from the signed head of the list.',
    )
  }
  const octets = Buffer.from(hex, 'hex')
  return { k0: octets.readInt32LE(0), k1: octets.readInt32LE(4) }
}

export interface NameHash {
  /**
   * Hashes all suffixes of an uncompressed wire name in one pass from the root.
   * `hi[n - 1]`, `lo[n - 1]` are then the hash of its n rightmost labels; valid until the next call.
   * ASCII capitals are folded. The caller has checked the name (module/dns); never reads past `wire`.
   * @returns the number of labels, 0 for the root
   */
  suffixes(wire: Uint8Array, start: number): number
  readonly hi: Int32Array
  readonly lo: Int32Array
}

export function createNameHash({ k0, k1 }: HashKey): NameHash {
  const hi = new Int32Array(MAX_LABELS)
  const lo = new Int32Array(MAX_LABELS)
  const hashes = { hi, lo }
  const starts = new Uint8Array(MAX_LABELS + 1)

  function suffixes(wire: Uint8Array, start: number): number {
    let labels = 0
    for (let at = start; labels < MAX_LABELS; labels += 1) {
      const length = wire[at] ?? 0
      if (length === 0) break
      starts[labels] = at - start
      at += length + 1
    }

    let v0 = k0
    let v1 = k1 ^ 0xee
    let v2 = k0 ^ 0x6c796765
    let v3 = k1 ^ 0x74656462
    let words = 0
    for (let label = labels - 1, n = 0; label >= 0; label -= 1, n += 1) {
      const from = start + (starts[label] as number)
      const end = from + (wire[from] as number) + 1
      for (let at = from; at < end; at += 4) {
        let word = folded(wire, at)
        const left = end - at
        if (left < 4) word &= (1 << (left << 3)) - 1
        words += 1
        v3 ^= word
        for (let round = 0; round < 2; round += 1) {
          v0 = (v0 + v1) | 0
          v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
          v0 = (v0 << 16) | (v0 >>> 16)
          v2 = (v2 + v3) | 0
          v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
          v0 = (v0 + v3) | 0
          v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
          v2 = (v2 + v1) | 0
          v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
          v2 = (v2 << 16) | (v2 >>> 16)
        }
        v0 ^= word
      }
      finish(v0, v1, v2, v3, words << 26, n, hashes)
    }
    return labels
  }

  return { suffixes, hi, lo }
}

/** HalfSipHash's last block (the length) and both output words, for one suffix. */
function finish(
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  last: number,
  n: number,
  { hi, lo }: Pick<NameHash, 'hi' | 'lo'>,
): void {
  let v0 = s0
  let v1 = s1
  let v2 = s2
  let v3 = s3 ^ last
  for (let round = 0; round < 10; round += 1) {
    if (round === 2) {
      v0 ^= last
      v2 ^= 0xee
    } else if (round === 6) {
      hi[n] = v1 ^ v3
      v1 ^= 0xdd
    }
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  lo[n] = v1 ^ v3
}

/** Four octets as a little-endian word with A-Z folded to a-z; octets past the end count as zero. */
function folded(wire: Uint8Array, at: number): number {
  const word =
    (wire[at] ?? 0) | ((wire[at + 1] ?? 0) << 8) | ((wire[at + 2] ?? 0) << 16) | ((wire[at + 3] ?? 0) << 24)
  // Per octet, bit 7 of (octet + 63) says >= 'A', of (octet + 37) says > 'Z'; octets >= 128 are no letters.
  const low = word & 0x7f7f7f7f
  const capital = (low + 0x3f3f3f3f) & ~(low + 0x25252525) & ~word & 0x80808080
  return word | (capital >>> 2)
}
