import type { Clock, Timer } from '../base/clock.ts'
import type { Category } from '../category.ts'

export interface Notice {
  lineId: string
  name: string
  category: Category
}

export interface NoticesOptions {
  clock: Clock
  /** At most one notice for a name within so long: a page asks for its parts a hundred times. */
  quietMs?: number
  send: (notice: Notice) => void
}

const QUIET_MS = 3_600_000
const REMEMBERED = 500

/** Threat notices that the line's order has asked for: one a name and hour; names are kept in memory alone. */
export class Notices {
  readonly #options: NoticesOptions
  readonly #sent = new Map<string, Timer>()

  constructor(options: NoticesOptions) {
    this.#options = options
  }

  /** Nothing to do: notices come from queries. */
  start(): void {}

  stop(): void {
    for (const timer of this.#sent.values()) timer.cancel()
    this.#sent.clear()
  }

  add(notice: Notice): void {
    const key = `${notice.lineId} ${notice.name}`
    // A flood of names is no news to a person; what is remembered is bounded, and so is what is sent.
    if (this.#sent.has(key) || this.#sent.size >= REMEMBERED) return
    const { clock, quietMs = QUIET_MS, send } = this.#options
    this.#sent.set(
      key,
      clock.after(quietMs, () => void this.#sent.delete(key)),
    )
    send(notice)
  }
}
