import type { LineConfig } from '../config/config.ts'
import { activeLine } from '../line/active-line.ts'
import { fleetModeOf } from '../line/fleet.ts'
import type { ProtectionInput } from '../line/protection.ts'
import { type LineBook, lineOf, mustBeGone } from '../line/store.ts'
import type { Uplink } from '../platform/uplink.ts'

/** The lines of this modem: what was ordered for each, and which one carries the traffic. */
export class ModemLines {
  readonly #lines: readonly LineConfig[]
  readonly #uplink: Pick<Uplink, 'name'>
  /** What was accepted and is on flash. */
  book: LineBook

  constructor(lines: readonly LineConfig[], uplink: Pick<Uplink, 'name'>, book: LineBook) {
    this.#lines = lines
    this.#uplink = uplink
    this.book = book
  }

  get active(): LineConfig | undefined {
    return activeLine(this.#lines, this.#uplink.name)
  }

  /** Logical interfaces that may carry the traffic now. */
  get interfaces(): string[] {
    const { active } = this
    return (active ? [active] : this.#lines).map((line) => line.interface)
  }

  /** The active line, if its order asks for notices. */
  get noticedLine(): string | null {
    const { active } = this
    return active && lineOf(this.book, active.id).notices === true ? active.id : null
  }

  /** What no line may leave on this modem any more. */
  get mustBeGone(): ReturnType<typeof mustBeGone> {
    return mustBeGone(
      this.book,
      this.#lines.map((line) => line.id),
    )
  }

  get protectionInput(): Pick<ProtectionInput, 'service' | 'fleet'> {
    const { active } = this
    return {
      service: active && lineOf(this.book, active.id).service,
      fleet: active ? fleetModeOf(this.book.fleet, active.id) : 'run',
    }
  }
}
