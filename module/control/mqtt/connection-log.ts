import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

const REMINDER_MS = 3_600_000

/** Says when the broker is reached and lost, and why when the reason changes; not every try, of which a night has a thousand. */
export class ConnectionLog {
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonic'>
  #told: { why: string; at: number } | undefined
  /** Since the last connection. */
  #tries = 0

  constructor(log: Log, clock: Pick<Clock, 'monotonic'>) {
    this.#log = log
    this.#clock = clock
  }

  up(fields: { protocol: string; session: number }): void {
    this.#log.info('mqtt-connected', { ...fields, ...(this.#tries > 0 && { tries: this.#tries }) })
    this.#told = undefined
    this.#tries = 0
  }

  down(code: string, message: string, retryMs: number): void {
    this.#tries++
    const why = `${code} ${message}`
    const at = this.#clock.monotonic()
    if (this.#told?.why === why && at - this.#told.at < REMINDER_MS) return
    this.#told = { why, at }
    this.#log.warn('mqtt-disconnected', { code, message, retryMs, tries: this.#tries })
  }
}
