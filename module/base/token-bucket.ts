import type { Clock } from './clock.ts'

/** So many a second in the long run, and so many at once. */
export class TokenBucket {
  readonly #rate: { readonly perSecond: number; readonly burst: number }
  readonly #clock: Pick<Clock, 'monotonic'>
  #tokens: number
  #filled: number

  constructor(rate: { perSecond: number; burst: number }, clock: Pick<Clock, 'monotonic'>) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#filled = clock.monotonic()
  }

  take(): boolean {
    const { perSecond, burst } = this.#rate
    const now = this.#clock.monotonic()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filled) / 1000) * perSecond)
    this.#filled = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
