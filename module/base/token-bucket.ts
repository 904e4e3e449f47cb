import type { Clock } from './clock.ts'

/** So many a second in the long run, and so many at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** @returns the tokens of a bucket that had `tokens` so many ms ago */
export function refilled(tokens: number, elapsedMs: number, { perSecond, burst }: Rate): number {
  return Math.min(burst, tokens + (elapsedMs * perSecond) / 1000)
}

/** Starts full. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'monotonic'>
  #tokens: number
  #filledAt: number

  constructor(rate: Rate, clock: Pick<Clock, 'monotonic'>) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#filledAt = clock.monotonic()
  }

  /** @returns false where there is no token to take */
  take(): boolean {
    this.#refill()
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Milliseconds until there is a token to take; 0: there is one now. */
  get waitMs(): number {
    this.#refill()
    return (Math.max(0, 1 - this.#tokens) * 1000) / this.#rate.perSecond
  }

  #refill(): void {
    const now = this.#clock.monotonic()
    this.#tokens = refilled(this.#tokens, now - this.#filledAt, this.#rate)
    this.#filledAt = now
  }
}
