import type { Answer } from '../dns/answer.ts'
import { type StoredAnswer, storeAnswer, storedBytes } from '../dns/stored-answer.ts'

/**
 * One buffer for all entries, read as octets and as numbers of the machine's own order. An entry starts at a multiple
 * of eight: numbers first, then its key, then its answer (dns/stored-answer.ts).
 */
export interface EntryMemory {
  readonly octets: Buffer
  readonly words: Uint32Array
  readonly doubles: Float64Array
}

export function entryMemory(bytes: number): EntryMemory {
  // Not zeroed: pages that no entry has reached yet cost nothing.
  const octets = Buffer.allocUnsafeSlow(bytes & ~7)
  const { buffer, length } = octets
  return {
    octets,
    words: new Uint32Array(buffer, 0, length >> 2),
    doubles: new Float64Array(buffer, 0, length >> 3),
  }
}

const AT = 0
const EXPIRES = 1
const STALE_UNTIL = 2

const SIZE = 6
const HASH = 7
const REVISION = 8
/** Octets of the answer, and the end of its question, 16 bits each. */
const LENGTHS = 9
/** Octets of the EDE options, and the number of TTLs, 16 bits each. */
const TAIL = 10
/** Octets of the key 9 bits, RCODE 12 bits, flags. */
const KIND = 11
const HEADER_BYTES = 48

const KEY_MASK = 0x1ff
const RCODE_SHIFT = 9
const RCODE_MASK = 0xfff
const LIVE = 1 << 21
const AUTHENTIC = 1 << 22
const VISITED = 1 << 23
const REFRESHING = 1 << 24

/** So that the answer begins at a word. */
const paddedKey = (keyLength: number) => (keyLength + 3) & ~3

/** @returns octets that an entry takes, a multiple of eight */
export function entryBytes(keyLength: number, answer: Answer): number {
  return (HEADER_BYTES + paddedKey(keyLength) + storedBytes(answer) + 7) & ~7
}

export function hashAt({ words }: EntryMemory, offset: number): number {
  return words[(offset >>> 2) + HASH]!
}

export interface NewEntry {
  key: Uint8Array
  keyLength: number
  hash: number
  answer: Answer
  /** Monotonic seconds. */
  at: number
  expires: number
  revision: number
}

/** One entry in place; no longer valid once another has been written. Times are monotonic seconds. */
export class Entry implements StoredAnswer {
  readonly octets: Buffer
  readonly words: Uint32Array
  readonly #doubles: Float64Array
  #word = 0
  #double = 0

  constructor({ octets, words, doubles }: EntryMemory, offset = 0) {
    this.octets = octets
    this.words = words
    this.#doubles = doubles
    this.at(offset)
  }

  /** The same object looks at another one. */
  at(offset: number): this {
    this.#word = offset >>> 2
    this.#double = offset >>> 3
    return this
  }

  /** In octets. */
  get offset(): number {
    return this.#double * 8
  }

  get storedAt(): number {
    return this.#doubles[this.#double + AT]!
  }

  get expires(): number {
    return this.#doubles[this.#double + EXPIRES]!
  }

  /** Until then a stale answer is served at once: upstream has just failed (RFC 8767 §5, failure recheck). */
  get staleUntil(): number {
    return this.#doubles[this.#double + STALE_UNTIL]!
  }

  set staleUntil(seconds: number) {
    this.#doubles[this.#double + STALE_UNTIL] = seconds
  }

  /** The policy's revision under which its names and targets were judged. */
  get revision(): number {
    return this.words[this.#word + REVISION]!
  }

  /** Octets in all. */
  get size(): number {
    return this.words[this.#word + SIZE]!
  }

  get keyLength(): number {
    return this.#kind & KEY_MASK
  }

  get start(): number {
    return this.offset + HEADER_BYTES + paddedKey(this.keyLength)
  }

  get length(): number {
    return this.words[this.#word + LENGTHS]! >>> 16
  }

  get questionEnd(): number {
    return this.words[this.#word + LENGTHS]! & 0xffff
  }

  get errorsLength(): number {
    return this.words[this.#word + TAIL]! >>> 16
  }

  get ttlCount(): number {
    return this.words[this.#word + TAIL]! & 0xffff
  }

  get rcode(): number {
    return (this.#kind >>> RCODE_SHIFT) & RCODE_MASK
  }

  get authenticData(): boolean {
    return (this.#kind & AUTHENTIC) !== 0
  }

  /** The index still points here. */
  get live(): boolean {
    return (this.#kind & LIVE) !== 0
  }

  set live(is: boolean) {
    this.#flag(LIVE, is)
  }

  /** Asked for since it was written or last spared. */
  get visited(): boolean {
    return (this.#kind & VISITED) !== 0
  }

  set visited(is: boolean) {
    this.#flag(VISITED, is)
  }

  /** A refresh is under way. */
  get refreshing(): boolean {
    return (this.#kind & REFRESHING) !== 0
  }

  set refreshing(is: boolean) {
    this.#flag(REFRESHING, is)
  }

  isFor(key: Uint8Array, keyLength: number): boolean {
    if (this.keyLength !== keyLength) return false
    const { octets } = this
    const start = this.offset + HEADER_BYTES
    for (let i = 0; i < keyLength; i++) if (octets[start + i] !== key[i]) return false
    return true
  }

  /** @param size from `entryBytes` */
  write({ key, keyLength, hash, answer, at, expires, revision }: NewEntry, size: number): void {
    const keyAt = this.offset + HEADER_BYTES
    for (let i = 0; i < keyLength; i++) this.octets[keyAt + i] = key[i]!
    this.#doubles[this.#double + AT] = at
    this.#doubles[this.#double + EXPIRES] = expires
    this.#doubles[this.#double + STALE_UNTIL] = 0
    this.words[this.#word + SIZE] = size
    this.words[this.#word + HASH] = hash
    this.words[this.#word + KIND] = keyLength | LIVE
    this.#judged(answer, revision)
  }

  /** Judged again: some of it may be left out from now on, nothing comes to it. */
  rejudged(answer: Answer, revision: number): void {
    if (answer.bytes.length < this.length) this.#judged(answer, revision)
    else this.words[this.#word + REVISION] = revision
  }

  #judged(answer: Answer, revision: number): void {
    const { bytes, records, errors, questionEnd, rcode, authenticData } = answer
    const kept = this.#kind & ~((RCODE_MASK << RCODE_SHIFT) | AUTHENTIC)
    this.words[this.#word + REVISION] = revision
    this.words[this.#word + LENGTHS] = (bytes.length << 16) | questionEnd
    this.words[this.#word + TAIL] = (errors.length << 16) | records.length
    this.words[this.#word + KIND] = kept | (rcode << RCODE_SHIFT) | (authenticData ? AUTHENTIC : 0)
    storeAnswer(answer, this.octets, this.start)
  }

  get #kind(): number {
    return this.words[this.#word + KIND]!
  }

  #flag(bit: number, is: boolean): void {
    this.words[this.#word + KIND] = is ? this.#kind | bit : this.#kind & ~bit
  }
}
