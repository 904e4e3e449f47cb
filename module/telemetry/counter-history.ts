import type { Clock, Timer } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { StateFile } from '../platform/state-file.ts'
import type { Counters } from './counters.ts'

/** What the file holds: by day since 1970 and category, how many threats were stopped. */
export interface StoredCounters {
  v: 1
  days: [number, [number, number][]][]
}

const isCount = (pair: unknown) =>
  Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger)

/** @throws Error if the data is not of version 1 */
export function parseStoredCounters(data: unknown): StoredCounters {
  if (typeof data === 'object' && data !== null && 'v' in data && data.v === 1 && 'days' in data) {
    const { days } = data
    const isDay = (day: unknown) =>
      Array.isArray(day) && Number.isSafeInteger(day[0]) && Array.isArray(day[1]) && day[1].every(isCount)
    if (Array.isArray(days) && days.every(isDay)) return { v: 1, days: days as StoredCounters['days'] }
  }
  throw new Error('not counters of version 1')
}

export interface CounterHistoryOptions {
  counters: Counters
  file: Pick<StateFile<StoredCounters>, 'read' | 'write' | 'setAside'>
  clock: Clock
  log: Log
}

/** Coarse on purpose: a flushed write costs more flash than the figure is worth. */
const EVERY_MS = 6 * 3_600_000

/** Keeps the week's counts over a restart: one small write in six hours and at a clean stop, if anything was counted. */
export class CounterHistory {
  readonly #options: CounterHistoryOptions
  #written = '[]'
  #timer: Timer | undefined

  constructor(options: CounterHistoryOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { counters, file, log } = this.#options
    try {
      const { value } = await file.read()
      if (value) counters.restore(value.days)
      this.#written = JSON.stringify(counters.history())
    } catch (error) {
      log.warn('counters-damaged', { code: codeOf(error), why: messageOf(error) })
      await file.setAside().catch(() => undefined)
    }
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.write()
  }

  /** Writes what has changed; also after a wipe, so that nothing of before is left. A full disk costs only the figures. */
  async write(): Promise<void> {
    const { counters, file, log } = this.#options
    const days = counters.history()
    const text = JSON.stringify(days)
    if (text === this.#written) return
    try {
      await file.write({ v: 1, days })
      // The generation before is kept beside it, and must not outlive a wipe.
      if (days.length === 0) await file.write({ v: 1, days })
      this.#written = text
    } catch (error) {
      log.warn('counters-not-written', { code: codeOf(error), why: messageOf(error) })
    }
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(EVERY_MS, () => {
      void this.write()
      this.#schedule()
    })
  }
}
