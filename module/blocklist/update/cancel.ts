import type { Clock } from '../../base/clock.ts'
import { SecureNetError } from '../../base/error.ts'

/** An update was given up for another: no fault. */
export class Cancelled extends SecureNetError {
  constructor() {
    super('LIST_CANCELLED', 'the update was given up for another')
  }
}

/** Ends one piece of work from outside, at the next point where it waits. */
export interface Cancel {
  cancel(): void
  readonly cancelled: boolean
  /** @throws Cancelled */
  check(): void
  /** The promise, unless this is cancelled first: then Cancelled. */
  race<T>(promise: Promise<T>): Promise<T>
  pause(clock: Clock, ms: number): Promise<void>
}

export function createCancel(): Cancel {
  let cancelled = false
  const waiting = new Set<(error: Error) => void>()
  const race = <T>(promise: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      if (cancelled) reject(new Cancelled())
      waiting.add(reject)
      promise.then(resolve, reject).finally(() => waiting.delete(reject))
    })
  return {
    cancel() {
      cancelled = true
      for (const reject of waiting) reject(new Cancelled())
      waiting.clear()
    },
    get cancelled() {
      return cancelled
    },
    check() {
      if (cancelled) throw new Cancelled()
    },
    race,
    async pause(clock, ms) {
      if (ms <= 0) return
      let stop = () => {}
      const over = new Promise<void>((resolve) => {
        const timer = clock.after(ms, resolve)
        stop = () => timer.cancel()
      })
      await race(over).finally(() => stop())
    },
  }
}
