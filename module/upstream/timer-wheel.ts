import type { Clock, Timer } from '../base/clock.ts'

/** What waits in a wheel carries its own links, so that waiting allocates nothing. */
export interface Timed {
  wheelPrevious: Timed | null
  wheelNext: Timed | null
  /** The tick it falls due in; `idle` or `firing` otherwise. */
  dueTick: number
}

export const NO_TIMER = -1
const firing = -2
const slots = 256

/**
 * Coarse timers for thousands of waiting questions: one timer of the clock in all, and only while something waits.
 * An entry falls due at its time or up to two ticks later, never earlier.
 */
export class TimerWheel<T extends Timed> {
  readonly #heads: (Timed | null)[] = new Array(slots).fill(null)
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #onDue: (entry: T) => void
  readonly #run = () => this.#turn()
  #timer: Timer | null = null
  #tick = 0
  #size = 0

  constructor(options: { clock: Clock; tickMs: number; onDue: (entry: T) => void }) {
    this.#clock = options.clock
    this.#tickMs = options.tickMs
    this.#onDue = options.onDue
  }

  get size(): number {
    return this.#size
  }

  /** Ticks since the clock's start, as of the last turn: may be old while nothing waits. */
  get tick(): number {
    if (this.#size === 0) this.#tick = this.#read()
    return this.#tick
  }

  /** @returns so many ticks that at least `ms` pass */
  ticks(ms: number): number {
    return Math.ceil(ms / this.#tickMs)
  }

  /** Sets the entry's only timer, in place of one it may have. */
  schedule(entry: T, ms: number): void {
    if (entry.dueTick >= 0) this.cancel(entry)
    const due = this.tick + this.ticks(ms) + 1
    entry.dueTick = due
    const slot = due % slots
    const head = this.#heads[slot]!
    entry.wheelPrevious = null
    entry.wheelNext = head
    if (head) head.wheelPrevious = entry
    this.#heads[slot] = entry
    this.#size++
    this.#timer ??= this.#clock.after(this.#tickMs, this.#run)
  }

  cancel(entry: T): void {
    if (entry.dueTick >= 0) this.#unlink(entry)
    entry.dueTick = NO_TIMER
  }

  #read(): number {
    return Math.floor(this.#clock.monotonic() / this.#tickMs)
  }

  #unlink(entry: Timed): void {
    const { wheelPrevious, wheelNext } = entry
    if (wheelPrevious) wheelPrevious.wheelNext = wheelNext
    else this.#heads[entry.dueTick % slots] = wheelNext
    if (wheelNext) wheelNext.wheelPrevious = wheelPrevious
    entry.wheelPrevious = null
    entry.wheelNext = null
    this.#size--
  }

  #turn(): void {
    this.#timer = null
    const from = this.#tick + 1
    this.#tick = Math.max(this.#tick, this.#read())
    const first = Math.max(from, this.#tick - slots + 1)
    const due: Timed[] = []
    for (let tick = first; tick <= this.#tick; tick++) {
      let entry = this.#heads[tick % slots]!
      while (entry) {
        const next: Timed | null = entry.wheelNext
        if (entry.dueTick <= this.#tick) {
          this.#unlink(entry)
          entry.dueTick = firing
          due.push(entry)
        }
        entry = next!
      }
    }
    // One that falls due may cancel, or reuse, another of the same turn.
    for (const entry of due) {
      if (entry.dueTick !== firing) continue
      entry.dueTick = NO_TIMER
      this.#onDue(entry as T)
    }
    if (this.#size > 0) this.#timer ??= this.#clock.after(this.#tickMs, this.#run)
  }
}
