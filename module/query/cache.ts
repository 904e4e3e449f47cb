import type { Answer } from '../dns/answer.ts'
import { Rcode } from '../dns/constants.ts'
import { type StoredAnswer, storeAnswer } from '../dns/stored-answer.ts'
import type { Clock } from '../platform/clock.ts'

/** An answer with its times; `at` and `expires` are monotonic seconds. */
export interface Entry extends StoredAnswer {
  readonly at: number
  readonly expires: number
  /** The policy's epoch under which its names and targets were judged. */
  epoch: number
  /** Asked for since the hand of SIEVE last passed. */
  visited: boolean
  /** A refresh is under way. */
  refreshing: boolean
  /** Until then a stale answer is served at once: upstream has just failed (RFC 8767 §5, failure recheck). */
  staleUntil: number
  readonly bytes: number
}

export interface CacheOptions {
  clock: Clock
  /** Bytes that entries may hold, their own cost included. */
  bytes: number
}

/** What an entry costs beside its octets: object, numbers, headers of strings, map slot; 320 measured (docs/adr/0005-memory.md). */
const ENTRY_BYTES = 400
/** RFC 8767 §4: at most three days past its end. */
const STALE_SECONDS = 259_200

/**
 * Raw replies bounded in bytes. Eviction is SIEVE: a hand goes round from the oldest, spares what was asked for since
 * it last passed and takes the first that was not; so a flood of random names evicts itself and hot entries stay.
 */
export class Cache {
  readonly #clock: Clock
  readonly #most: number
  readonly #entries = new Map<string, Entry>()
  #hand: MapIterator<[string, Entry]> | null = null
  #bytes = 0

  constructor({ clock, bytes }: CacheOptions) {
    this.#clock = clock
    this.#most = bytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#entries.size
  }

  /** Monotonic seconds, as entries count them. */
  seconds(): number {
    return this.#clock.monotonic() / 1000
  }

  /** The entry, fresh or not: the caller compares `expires`. */
  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** @param ttl seconds, more than 0 */
  set(key: string, answer: Answer, ttl: number, epoch: number): void {
    this.delete(key)
    const { text, length, questionEnd, rcode, authenticData, errors } = storeAnswer(answer)
    const bytes = ENTRY_BYTES + text.length + key.length + errors.length
    if (bytes > this.#most / 8) return
    const at = this.seconds()
    const entry: Entry = {
      text,
      length,
      questionEnd,
      rcode,
      authenticData,
      errors,
      at,
      expires: at + ttl,
      epoch,
      visited: false,
      refreshing: false,
      staleUntil: 0,
      bytes,
    }
    this.#entries.set(key, entry)
    this.#bytes += bytes
    while (this.#bytes > this.#most) this.#evict(at)
  }

  /** Judged again: some of it may be left out from now on. */
  rejudged(entry: Entry, answer: Answer, epoch: number): void {
    entry.epoch = epoch
    if (answer.bytes.length < entry.length) Object.assign(entry, storeAnswer(answer))
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#bytes -= entry.bytes
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#hand = null
    this.#bytes = 0
  }

  #evict(now: number): void {
    for (;;) {
      this.#hand ??= this.#entries.entries()
      const { value } = this.#hand.next()
      if (!value) {
        this.#hand = null
        if (this.#entries.size === 0) return
        continue
      }
      const [key, entry] = value
      if (entry.visited && now < entry.expires + STALE_SECONDS) entry.visited = false
      else {
        this.delete(key)
        return
      }
    }
  }

  /** The expired entry that may still serve when nobody answers; failures are not worth keeping. */
  stale(key: string): Entry | null {
    const entry = this.#entries.get(key)
    if (!entry || entry.rcode === Rcode.SERVFAIL) return null
    return this.seconds() < entry.expires + STALE_SECONDS ? entry : null
  }
}
