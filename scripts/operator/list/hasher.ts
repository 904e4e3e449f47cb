import { createNameHash, parseKey } from '../../../module/blocklist/format/name-hash.ts'

/** Hash of a whole name; `hi`, `lo` are valid until the next call. */
export interface NameHasher {
  hash(name: string): void
  readonly hi: number
  readonly lo: number
}

/**
 * @param key 16 hexadecimal digits
 * @throws SecureNetError LIST_KEY
 */
export function createHasher(key: string): NameHasher {
  const { suffixes, hi, lo } = createNameHash(parseKey(key))
  const wire = Buffer.alloc(256)
  let last = 0
  return {
    /** @param name normalised: A-labels, lower case, no final dot (so it fits 255 octets) */
    hash(name) {
      const end = wire.write(name, 1, 'latin1') + 1
      let length = 0
      for (let at = end - 1; at >= 0; at -= 1) {
        if (at > 0 && wire[at] !== 0x2e) length += 1
        else {
          wire[at] = length
          length = 0
        }
      }
      wire[end] = 0
      last = suffixes(wire, 0) - 1
    },
    get hi() {
      return (hi[last] as number) >>> 0
    },
    get lo() {
      return (lo[last] as number) >>> 0
    },
  }
}
