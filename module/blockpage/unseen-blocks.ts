/** A browser that falls back to HTTP asks for the page at once; so long is left to a slow one. */
const PAGE_WITHIN_MS = 30_000
/** Names that wait for their page; a flood of them is decided early. */
const MAX_WAITING = 256
const HOUR_MS = 3_600_000
const HOURS = 24

/** What was stopped within a day without the block page: how often, and when last. No names. */
export interface Unseen {
  readonly count: number
  /** Wall clock, ms since 1970. */
  readonly last: number
}

/**
 * Blocked names whose page was never asked for: an https link, an app, a device without a browser. Nothing more can be
 * known of them, since nothing listens where they are led. A name is kept for half a minute, in memory alone.
 */
export class UnseenBlocks {
  readonly #clock: { now(): number; monotonic(): number }
  /** Name -> when it was blocked first, monotonic; the oldest first. */
  readonly #waiting = new Map<string, number>()
  /** Monotonic hour -> how many. */
  readonly #hours = new Map<number, number>()
  #last = 0

  constructor(clock: { now(): number; monotonic(): number }) {
    this.#clock = clock
  }

  /** Repeated questions of one visit (A, AAAA, HTTPS, again after the TTL) count once. */
  blocked(name: string): void {
    this.#settle()
    if (this.#waiting.has(name)) return
    if (this.#waiting.size >= MAX_WAITING) {
      const [oldest] = this.#waiting
      if (oldest) this.#count(...oldest)
    }
    this.#waiting.set(name, this.#clock.monotonic())
  }

  /** The page, or a part of one, was asked for under this name. */
  asked(name: string): void {
    this.#waiting.delete(name)
  }

  /** @returns null where there were none in the last 24 hours */
  lastDay(): Unseen | null {
    this.#settle()
    const now = this.#clock.monotonic()
    const oldest = Math.floor(now / HOUR_MS) - HOURS
    for (const hour of this.#hours.keys()) if (hour <= oldest) this.#hours.delete(hour)
    const count = [...this.#hours.values()].reduce((sum, one) => sum + one, 0)
    return count === 0 ? null : { count, last: this.#clock.now() - (now - this.#last) }
  }

  clear(): void {
    this.#waiting.clear()
    this.#hours.clear()
  }

  #settle(): void {
    const now = this.#clock.monotonic()
    for (const [name, at] of this.#waiting) {
      if (now - at < PAGE_WITHIN_MS) return
      this.#count(name, at)
    }
  }

  #count(name: string, at: number): void {
    const hour = Math.floor(at / HOUR_MS)
    this.#hours.set(hour, (this.#hours.get(hour) ?? 0) + 1)
    this.#last = at
    this.#waiting.delete(name)
  }
}
