import type { Clock, Timer } from '../../base/clock.ts'

const POLL_MS = 1000
const STEP_MS = 60_000

/** Calls `due` when the time is over, or at once when the clock steps: with the right time, certificates may be valid. */
export function retryWait(clock: Clock, ms: number, due: () => void): Timer {
  const offset = clock.now() - clock.monotonic()
  const until = clock.monotonic() + ms
  let timer: Timer | undefined
  const tick = () => {
    const left = until - clock.monotonic()
    const stepped = Math.abs(clock.now() - clock.monotonic() - offset) > STEP_MS
    if (left <= 0 || stepped) return due()
    timer = clock.after(Math.min(left, POLL_MS), tick)
  }
  tick()
  return { cancel: () => timer?.cancel() }
}
