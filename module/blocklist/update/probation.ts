import type { Clock, Timer } from '../../base/clock.ts'
import type { StateKeeper } from './state-keeper.ts'

export interface ProbationOptions {
  clock: Clock
  keeper: StateKeeper
  /** list.probationSeconds */
  seconds: number
  /** The list has served for long enough. */
  onProven: () => Promise<void>
  onError: (error: unknown) => void
}

const tickSeconds = 60

/** Counts how long a new list has served, across restarts; a tick a minute, for flash wears out. */
export class Probation {
  readonly #options: ProbationOptions
  #timer: Timer | undefined
  #waiters: (() => void)[] = []

  constructor(options: ProbationOptions) {
    this.#options = options
  }

  /** Goes on from what the state says; does nothing where no list is on probation. */
  watch(): void {
    this.cancel()
    const { clock, keeper, seconds } = this.#options
    const { probation } = keeper.value
    if (!probation) return
    const part = Math.max(0, Math.min(seconds - probation.served, tickSeconds))
    const timer = clock.after(part * 1000, () => {
      this.#passed(probation.served + part)
        .catch((error) => this.#options.onError(error))
        // Unless it was cancelled while the medium was busy.
        .finally(() => this.#timer === timer && this.watch())
    })
    this.#timer = timer
  }

  async #passed(served: number): Promise<void> {
    const { keeper, seconds, onProven } = this.#options
    if (served < seconds) {
      // Having lived through a tick, the process does not die of the list.
      await keeper.save(({ probation }) => ({ probation: probation && { served, starts: 0 } }))
      return
    }
    await onProven()
    this.ended()
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Resolves when no list is on probation. */
  over(): Promise<void> {
    if (!this.#options.keeper.value.probation) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  ended(): void {
    for (const resume of this.#waiters.splice(0)) resume()
  }
}
