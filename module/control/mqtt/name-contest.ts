import type { Clock } from '../../base/clock.ts'

const WINDOW_MS = 3_600_000
/** The start before this one left its document there, which is one sign; a clumsy change of a modem is two. */
const FEW = 3

/**
 * Whether another client connects under this modem's name: the two throw each other out for ever (MQTT 5 §3.1.4, 3.1.1
 * §3.1.4-2). Told by the broker (DISCONNECT, session taken over) and by presence documents of a start that is not ours.
 */
export class NameContest {
  readonly #clock: Pick<Clock, 'monotonic'>
  #signs: number[] = []
  #last: string | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** @param connection of the other one, where it is known: its last will comes after its presence, and is no second sign */
  sign(connection?: string): void {
    if (connection !== undefined && connection === this.#last) return
    this.#last = connection
    this.#signs.push(this.#clock.monotonic())
    this.#signs = this.#signs.slice(-FEW)
  }

  get isContested(): boolean {
    const [first] = this.#signs
    return this.#signs.length === FEW && this.#clock.monotonic() - (first ?? 0) < WINDOW_MS
  }
}
