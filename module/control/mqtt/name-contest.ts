import type { Clock } from '../../base/clock.ts'

const WINDOW_MS = 600_000
/** A restart of our own looks like one; a clumsy change of a modem like two. */
const FEW = 3

/**
 * Whether another client connects under this modem's name: the two throw each other out for ever (MQTT 5 §3.1.4, 3.1.1
 * §3.1.4-2). Told by the broker (DISCONNECT, session taken over) and by presence documents of a start that is not ours.
 */
export class NameContest {
  readonly #clock: Pick<Clock, 'monotonic'>
  #signs: number[] = []

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** A sign of the other one. */
  sign(): void {
    this.#signs.push(this.#clock.monotonic())
    this.#signs = this.#signs.slice(-FEW)
  }

  get isContested(): boolean {
    const [first] = this.#signs
    return this.#signs.length === FEW && this.#clock.monotonic() - (first ?? 0) < WINDOW_MS
  }
}
