import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type Protection, type ProtectionInput, protection } from '../line/protection.ts'

export interface DecisionOptions {
  readonly clock: Clock
  readonly log: Log
  /** Everything that the decision depends on, as it is now. */
  readonly input: () => ProtectionInput
  /** Verdicts on or off, in this thread and the others. */
  readonly filter: (filtering: boolean) => void
  /** Resolves once interception holds, or nothing is intercepted any more. */
  readonly intercept: (intercepting: boolean) => Promise<void>
  /** Filtering has just ended: browsers still hold the page's address for names that are no longer blocked. */
  readonly onFilteringOff: () => void
  /** What the modem does may differ from what it last reported. */
  readonly onTaken: () => void
}

/** What was decided last. `why` is `starting` until the first decision. */
export interface Decided extends Omit<Protection, 'why'> {
  readonly why: Protection['why'] | 'starting'
  /** Wall clock, ms. */
  readonly since: number
}

/** Takes the one decision (line/protection.ts) whenever an input may have changed, and carries it out in order. */
export class Decision {
  readonly #options: DecisionOptions
  #last: Decided

  constructor(options: DecisionOptions) {
    this.#options = options
    this.#last = { filtering: false, intercepting: false, why: 'starting', since: options.clock.now() }
  }

  get last(): Decided {
    return this.#last
  }

  async take(): Promise<void> {
    const { clock, log, input, filter, intercept, onFilteringOff, onTaken } = this.#options
    const before = this.#last
    const decided = protection(input())
    const { filtering, intercepting, why } = decided
    if (intercepting !== before.intercepting || why !== before.why) {
      this.#last = { ...decided, since: clock.now() }
      log.info('protection', { filtering, intercepting, why })
    }
    filter(filtering)
    await intercept(intercepting)
    if (before.filtering && !filtering) onFilteringOff()
    onTaken()
  }
}
