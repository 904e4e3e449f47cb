import type { Clock } from '../../module/base/clock.ts'

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #wall: number
  #mono = 0
  #next = 0
  readonly #due = new Map<number, { at: number; run: () => void }>()

  constructor(wall = Date.UTC(2026, 10, 22)) {
    this.#wall = wall
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#mono
  }

  after(ms: number, run: () => void) {
    const id = this.#next++
    this.#due.set(id, { at: this.#mono + ms, run })
    return { cancel: () => void this.#due.delete(id) }
  }

  /** The wall clock alone jumps, as when NTP first answers. */
  jumpTo(wall: number): void {
    this.#wall = wall
  }

  /** Number of timers waiting. */
  get waiting(): number {
    return this.#due.size
  }

  /** Moves both clocks on by `ms`, running what falls due in order. */
  advance(ms: number): void {
    const end = this.#mono + ms
    for (;;) {
      let first: [number, { at: number; run: () => void }] | undefined
      for (const entry of this.#due) if (!first || entry[1].at < first[1].at) first = entry
      if (!first || first[1].at > end) break
      this.#due.delete(first[0])
      this.#wall += first[1].at - this.#mono
      this.#mono = first[1].at
      first[1].run()
    }
    this.#wall += end - this.#mono
    this.#mono = end
  }
}
