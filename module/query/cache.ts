import type { Clock } from '../base/clock.ts'
import type { Answer } from '../dns/answer.ts'
import { Rcode } from '../dns/constants.ts'
import { Entry, type EntryMemory, entryBytes, entryMemory } from './cache-entry.ts'
import { CacheIndex, hashOf } from './cache-index.ts'

export type { Entry } from './cache-entry.ts'

export interface CacheOptions {
  clock: Clock
  /** Bytes for entries; the index takes a sixteenth more. */
  bytes: number
  /** Not to be known outside: where keys lie in the index depends on it. */
  seed?: number
}

const FNV_BASIS = 0x811c9dc5
/** RFC 8767 §4: at most three days past its end. */
const STALE_SECONDS = 259_200
/** Spared for one that comes in, at most: no query waits until a whole cache of hot entries has been gone through. */
const MAX_SPARED = 256
/** RFC 1035 §2.3.4, and what the key has behind the name. */
const KEY_BYTES = 255 + 4

/**
 * Raw replies in a ring of fixed size. A new entry is written at its head; what it reaches there goes, unless it was
 * asked for since it was written: then it is spared once more, as if it were new (CLOCK). So a flood of random names
 * drives itself out and hot entries stay, and neither costs an object (docs/adr/0012-cache-ring.md).
 */
export class Cache {
  readonly #clock: Clock
  readonly #seed: number
  readonly #memory: EntryMemory
  readonly #index: CacheIndex
  readonly #key = Buffer.alloc(KEY_BYTES)
  readonly #oldest: Entry
  readonly #newest: Entry
  /** Where the next entry is written. */
  #head = 0
  /** The oldest entry; 0 unless wrapped. */
  #tail = 0
  /** The head has begun anew: entries lie from the tail to `#end`, and from 0 to the head. */
  #wrapped = false
  #end = 0
  #size = 0
  #bytes = 0

  constructor({ clock, bytes, seed = FNV_BASIS }: CacheOptions) {
    this.#clock = clock
    this.#seed = seed
    this.#memory = entryMemory(bytes)
    this.#index = new CacheIndex(this.#memory)
    this.#oldest = new Entry(this.#memory)
    this.#newest = new Entry(this.#memory)
  }

  /** Of the entries that can be found. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#size
  }

  /** Monotonic seconds, as entries count them. */
  seconds(): number {
    return this.#clock.monotonic() / 1000
  }

  /** The entry, fresh or not: the caller compares `expires`. Valid until the next look-up or change. */
  find(key: Uint8Array, keyLength: number): Entry | undefined {
    return this.#index.find(key, keyLength, hashOf(key, keyLength, this.#seed))
  }

  /** @param key the same octets as a Latin-1 string */
  get(key: string): Entry | undefined {
    return this.find(this.#key, this.#key.write(key, 'latin1'))
  }

  /** The expired entry that may still serve when nobody answers; failures are not worth keeping. */
  stale(key: string): Entry | null {
    const entry = this.get(key)
    if (!entry || entry.rcode === Rcode.SERVFAIL) return null
    return this.seconds() < entry.expires + STALE_SECONDS ? entry : null
  }

  /** @param ttl seconds, more than 0 */
  set(key: string, answer: Answer, ttl: number, revision: number): void {
    this.delete(key)
    const keyLength = this.#key.write(key, 'latin1')
    const size = entryBytes(keyLength, answer)
    if (size > this.#memory.octets.length / 8) return
    const at = this.seconds()
    this.#makeRoom(size, at)
    const entry = this.#newest.at(this.#head)
    const hash = hashOf(this.#key, keyLength, this.#seed)
    entry.write({ key: this.#key, keyLength, hash, answer, at, expires: at + ttl, revision }, size)
    this.#head += size
    this.#count(size, 1)
    const pushedOut = this.#index.add(entry.offset)
    if (pushedOut) this.#leave(pushedOut)
  }

  delete(key: string): void {
    const entry = this.get(key)
    if (!entry) return
    this.#index.remove(entry.offset)
    this.#leave(entry)
  }

  clear(): void {
    this.#index.clear()
    this.#head = 0
    this.#tail = 0
    this.#wrapped = false
    this.#size = 0
    this.#bytes = 0
  }

  /** No longer found; its octets go when the head comes to them. */
  #leave(entry: Entry): void {
    entry.live = false
    this.#count(-entry.size, -1)
  }

  #count(bytes: number, entries: number): void {
    this.#bytes += bytes
    this.#size += entries
  }

  #makeRoom(size: number, now: number): void {
    let spared = 0
    for (;;) {
      if (this.#wrapped) {
        if (this.#head + size <= this.#tail) return
        if (this.#passOldest(spared < MAX_SPARED, now)) spared++
      } else {
        if (this.#head + size <= this.#memory.octets.length) return
        this.#wrap()
      }
    }
  }

  #wrap(): void {
    this.#end = this.#head
    this.#head = 0
    this.#wrapped = true
  }

  /** @returns whether it was spared */
  #passOldest(maySpare: boolean, now: number): boolean {
    const entry = this.#oldest.at(this.#tail)
    const { live, size } = entry
    this.#tail += size
    if (this.#tail === this.#end) {
      this.#tail = 0
      this.#wrapped = false
    }
    if (!live) return false
    if (maySpare && entry.visited && now < entry.expires + STALE_SECONDS) {
      this.#spare(entry, size)
      return true
    }
    this.#index.remove(entry.offset)
    this.#leave(entry)
    return false
  }

  /** There is room: the gap before the oldest entry has grown by this one. */
  #spare(entry: Entry, size: number): void {
    entry.visited = false
    if (entry.offset !== this.#head) {
      // First, since the copy may write over the entry itself.
      this.#index.move(entry.offset, this.#head)
      this.#memory.octets.copyWithin(this.#head, entry.offset, entry.offset + size)
    }
    this.#head += size
  }
}
