import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { SelfTest, SelfTestResult } from './self-test.ts'

export interface HealthOptions {
  selfTest: SelfTest
  clock: Clock
  log: Log
  /** Between two full tests. */
  intervalMs: number
  /** The state below, or the last result, has changed. */
  onChange: () => void
}

/** One slip is noise; so many in a row are a fault. */
const FAILURES = 3

export type HealthState = 'passing' | 'failing' | 'unknown'

/** Runs the self-test now and then, and says whether we may stand between the household and its resolver. */
export class Health {
  readonly #options: HealthOptions
  #failures = 0
  #state: HealthState = 'unknown'
  #last = ''
  #timer: Timer | undefined
  #stopped = false

  constructor(options: HealthOptions) {
    this.#options = options
  }

  get state(): HealthState {
    return this.#state
  }

  start(): void {
    this.#schedule(0)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** For the lease: before each renewal, without the page. */
  async earned(): Promise<SelfTestResult['outcome']> {
    const result = await this.#options.selfTest.run('quick')
    this.#note(result)
    return result.outcome
  }

  /** Everything, the page too. */
  async full(): Promise<SelfTestResult> {
    const result = await this.#options.selfTest.run('full')
    this.#note(result)
    return result
  }

  #note({ outcome, why, cells }: SelfTestResult): void {
    this.#failures = outcome === 'fail' ? this.#failures + 1 : 0
    // An upstream that is down says nothing about us: the state stays as it was.
    const state = this.#failures >= FAILURES ? 'failing' : outcome === 'pass' ? 'passing' : this.#state
    if (outcome === 'fail') this.#options.log.warn('self-test', { outcome, failures: this.#failures, why })
    const summary = `${state} ${JSON.stringify(cells)}`
    this.#state = state
    if (summary === this.#last) return
    this.#last = summary
    this.#options.onChange()
  }

  #schedule(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => {
      this.full()
        .catch((error) => this.#options.log.error('self-test', { why: messageOf(error) }))
        .finally(() => {
          if (!this.#stopped) this.#schedule(this.#options.intervalMs)
        })
    })
  }
}
