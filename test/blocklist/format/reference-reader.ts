// An independent reader of docs/list-format.md, written from that page alone: imports nothing of ours, uses BigInt
// throughout, and is to be checked by eye, section by section. It refuses little: what is refused is the module's
// (test/blocklist/refusals.test.ts).
import { createHash } from 'node:crypto'

const M = 0xffffffffn
const rotl = (x: bigint, n: bigint) => ((x << n) | (x >> (32n - n))) & M

/** §1: HalfSipHash-2-4 with 64 bits of output. */
export function halfSipHash(key: Uint8Array, message: Uint8Array): bigint {
  const word = (octets: Uint8Array, at: number) =>
    [0, 1, 2, 3].reduce((sum, i) => sum | (BigInt(octets[at + i] ?? 0) << BigInt(8 * i)), 0n)
  const [k0, k1] = [word(key, 0), word(key, 4)]
  let [v0, v1, v2, v3] = [k0, k1 ^ 0xeen, k0 ^ 0x6c796765n, k1 ^ 0x74656462n]
  const rounds = (n: number) => {
    for (let i = 0; i < n; i++) {
      v0 = (v0 + v1) & M
      v1 = rotl(v1, 5n) ^ v0
      v0 = rotl(v0, 16n)
      v2 = (v2 + v3) & M
      v3 = rotl(v3, 8n) ^ v2
      v0 = (v0 + v3) & M
      v3 = rotl(v3, 7n) ^ v0
      v2 = (v2 + v1) & M
      v1 = rotl(v1, 13n) ^ v2
      v2 = rotl(v2, 16n)
    }
  }
  const absorb = (m: bigint) => {
    v3 ^= m
    rounds(2)
    v0 ^= m
  }
  const whole = message.length - (message.length % 4)
  for (let at = 0; at < whole; at += 4) absorb(word(message, at))
  absorb(word(message.subarray(whole), 0) | (BigInt(message.length & 0xff) << 24n))
  v2 ^= 0xeen
  rounds(4)
  const h1 = v1 ^ v3
  v1 ^= 0xddn
  rounds(4)
  return (h1 << 32n) | (v1 ^ v3)
}

/** §1: the message of a name given as text. */
export function nameHash(key: Uint8Array, name: string): bigint {
  const octets: number[] = []
  for (const label of name.toLowerCase().split('.').reverse()) {
    octets.push(label.length, ...Buffer.from(label, 'latin1'))
    while (octets.length % 4 !== 0) octets.push(0)
  }
  return halfSipHash(key, Uint8Array.from(octets))
}

export interface Entry {
  hash: bigint
  tag: number
}

function riceNumbers(bits: Uint8Array, count: number, parameter: number): bigint[] {
  let at = 0
  const bit = () => {
    if (at >= bits.length * 8) throw new Error('out of bits')
    const value = ((bits[at >> 3] as number) >> (7 - (at & 7))) & 1
    at++
    return BigInt(value)
  }
  const numbers: bigint[] = []
  for (let i = 0; i < count; i++) {
    let value = 0n
    while (bit() === 1n) value++
    for (let n = 0; n < parameter; n++) value = (value << 1n) | bit()
    numbers.push(value)
  }
  return numbers
}

/** §3, §4: one chunk. */
export function readChunk(chunk: Buffer) {
  let at = 0
  const take = (n: number) => {
    at += n
    return chunk.subarray(at - n, at)
  }
  const octet = () => take(1).readUInt8()
  const u32 = () => take(4).readUInt32BE()
  const u64 = () => take(8).readBigUInt64BE()
  if (take(4).toString() !== 'SNBL' || octet() !== 1) throw new Error('not a chunk')
  const kind = String.fromCharCode(octet())
  const list = take(octet()).toString()
  const key = take(8)
  const [version, from, names, baseNames] = [u64(), u64(), u32(), u32()]
  const [prefixBits, index] = [octet(), u32()]
  const tags = [...take(octet())]
  const groups = Array.from({ length: octet() }, () => ({
    tag: octet(),
    parameter: octet(),
    count: u32(),
    bytes: u32(),
  }))
  const entries: Entry[] = []
  let removals: bigint[] = []
  for (const group of groups) {
    const numbers = riceNumbers(take(group.bytes), group.count, group.parameter)
    if (group.tag === 0xff) {
      let place = -1n
      removals = numbers.map((gap) => {
        place += gap + 1n
        return place
      })
    } else {
      let hash = prefixBits === 0 ? 0n : BigInt(index) << BigInt(64 - prefixBits)
      for (const gap of numbers) {
        hash += gap
        entries.push({ hash, tag: group.tag })
      }
    }
  }
  if (at !== chunk.length) throw new Error('octets left')
  return {
    kind,
    list,
    key,
    version,
    from,
    names,
    baseNames,
    prefixBits,
    index,
    tags,
    entries: sorted(entries),
    removals,
  }
}

export function sorted(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.tag - b.tag))
}

/** §4: a delta's chunks on a sorted set. */
export function applyChunks(base: Entry[], chunks: Buffer[]): Entry[] {
  return sorted(
    chunks.flatMap((octets) => {
      const chunk = readChunk(octets)
      const within = base.filter(({ hash }) => hash >> BigInt(64 - chunk.prefixBits) === BigInt(chunk.index))
      return [...within.filter((_, place) => !chunk.removals.includes(BigInt(place))), ...chunk.entries]
    }),
  )
}

/** §2: the suffix and the tag that decide, of a sorted set. */
export function lookUp(
  entries: Entry[],
  key: Uint8Array,
  name: string,
): { suffix: string; tag: number } | null {
  const labels = name.toLowerCase().split('.')
  for (let skip = 0; skip <= labels.length - 2; skip++) {
    const suffix = labels.slice(skip).join('.')
    const hash = nameHash(key, suffix)
    const tag = entries.find((entry) => entry.hash === hash && (skip === 0 || entry.tag < 16))?.tag
    if (tag !== undefined) return { suffix, tag }
  }
  return null
}

/** §5. */
export function resultHash(entries: Entry[]): string {
  const sha = createHash('sha256')
  for (const { hash, tag } of entries) {
    const octets = Buffer.alloc(9)
    octets.writeBigUInt64BE(hash)
    octets[8] = tag
    sha.update(octets)
  }
  return sha.digest('base64url')
}
