/**
 * Full jitter: evenly between nothing and the doubled ceiling, so that a fleet that lost its broker at one moment does
 * not come back at one moment (Brooker, "Exponential Backoff And Jitter").
 * @param failures how many attempts in a row have failed, from 1
 * @param random a number in [0, 1)
 * @returns milliseconds to wait
 */
export function backoff(failures: number, random: number, baseMs: number, maxMs: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30))
  return Math.floor(random * ceiling)
}
