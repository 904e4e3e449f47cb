import { ListFault } from './list-fault.ts'

/** Writes bits, the most significant first, into a buffer that grows. */
export interface BitWriter {
  /** @param bits 0 to 32 */
  write(value: number, bits: number): void
  /** `count` ones and a zero. */
  unary(count: number): void
  /** Zero bits up to the next octet; returns all octets written. */
  finish(): Uint8Array
  /** As finish(), without copying: valid until the next write. */
  view(): Uint8Array
  /** Begins anew in the same memory. */
  reset(): void
}

export function createBitWriter(expected = 4096): BitWriter {
  let octets = new Uint8Array(expected)
  let at = 0

  function room(bits: number): void {
    const needed = ((at + bits) >>> 3) + 8
    if (needed <= octets.length) return
    const larger = new Uint8Array(Math.max(needed, octets.length * 2))
    larger.set(octets)
    octets = larger
  }

  function write(value: number, bits: number): void {
    room(bits)
    for (let left = bits; left > 0; ) {
      const free = 8 - (at & 7)
      const take = Math.min(free, left)
      const part = (value >>> (left - take)) & ((1 << take) - 1)
      const index = at >>> 3
      octets[index] = (octets[index] as number) | (part << (free - take))
      at += take
      left -= take
    }
  }

  return {
    write,
    unary(count) {
      for (let left = count; left > 0; left -= 32) {
        const ones = Math.min(left, 32)
        write(-1 >>> (32 - ones), ones)
      }
      write(0, 1)
    },
    finish: () => octets.slice(0, (at + 7) >>> 3),
    view: () => octets.subarray(0, (at + 7) >>> 3),
    reset() {
      octets.fill(0, 0, (at + 7) >>> 3)
      at = 0
    },
  }
}

/** Reads what a BitWriter wrote; never past the end. */
export interface BitReader {
  /** @param bits 0 to 32 */
  read(bits: number): number
  /** The number of ones before the next zero, at most `limit`. */
  unary(limit: number): number
  /** @throws SecureNetError unless only the zero bits that fill the last octet are left */
  end(): void
}

/** @throws SecureNetError LIST_CHUNK_CODING where the bits end too early or a number is too large */
export function createBitReader(octets: Uint8Array): BitReader {
  const size = octets.length * 8
  let at = 0

  function read(bits: number): number {
    if (at + bits > size) throw badCoding('its bits end too early')
    const value = peekBits(octets, at, bits)
    at += bits
    return value
  }

  return {
    read,
    unary(limit) {
      let ones = 0
      for (;;) {
        if (at >= size) throw badCoding('its bits end too early')
        const rest = 8 - (at & 7)
        const inverted = ~((octets[at >>> 3] as number) << (24 + (8 - rest)))
        const run = Math.min(Math.clz32(inverted), rest)
        ones += run
        if (ones > limit) throw badCoding('a number is too large')
        at += run
        if (run < rest) {
          at += 1
          return ones
        }
      }
    },
    end() {
      const left = size - at
      if (left > 7 || read(left) !== 0) throw badCoding('its bits do not end where they should')
    },
  }
}

/** @param bits 0 to 32, all within `octets` @returns the bits from bit offset `at`, unsigned */
export function peekBits(octets: Uint8Array, at: number, bits: number): number {
  if (bits === 0) return 0
  const index = at >>> 3
  const skip = at & 7
  const word =
    ((octets[index] as number) << 24) |
    ((octets[index + 1] ?? 0) << 16) |
    ((octets[index + 2] ?? 0) << 8) |
    (octets[index + 3] ?? 0)
  const full = skip === 0 ? word : (word << skip) | ((octets[index + 4] ?? 0) >>> (8 - skip))
  return full >>> (32 - bits)
}

export function badCoding(what: string): ListFault {
  return new ListFault(
    'content',
    'LIST_CHUNK_CODING',
    `a chunk of the list cannot be decoded: ${what}`,
    'It is fetched again; if it stays so, publish the list anew.',
  )
}
