/** How long to wait between attempts, in ms: each failure in a row doubles the wait. */
export interface BackoffRange {
  /** After the first failure. */
  readonly firstMs: number
  /** However many have failed. */
  readonly longestMs: number
}

/** Far beyond every `longestMs`, and far below what a number holds. */
const MAX_DOUBLINGS = 30

/**
 * The same wait for everyone: for what only this machine tries.
 * @param failures attempts in a row that failed, from 1
 * @returns milliseconds to wait
 */
export function backoff(failures: number, { firstMs, longestMs }: BackoffRange): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS))
}

/**
 * Full jitter: evenly between `leastMs` and the doubled wait, so that a fleet that lost its broker at one moment does not
 * come back at one moment (Brooker, "Exponential Backoff And Jitter").
 * @param failures attempts in a row that failed, from 1
 * @param random a number in [0, 1)
 * @returns milliseconds to wait
 */
export function jitteredBackoff(failures: number, range: BackoffRange, random: number, leastMs = 0): number {
  return Math.floor(leastMs + random * (backoff(failures, range) - leastMs))
}
