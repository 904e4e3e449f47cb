export interface Timer {
  /** Does not fire after this; safe to call twice. */
  cancel(): void
}

/** Time as an argument, so that a test never sleeps. */
export interface Clock {
  /** Wall clock, ms since 1970; may be wrong (no RTC on a modem) and may jump. */
  now(): number
  /** Monotonic ms since an arbitrary start. */
  monotonic(): number
  /** Calls `run` once, `ms` later. Never keeps the process alive by itself. */
  after(ms: number, run: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
