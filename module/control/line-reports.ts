import type { Clock } from '../base/clock.ts'
import { fleetModeOf } from '../line/fleet.ts'
import { type LineBook, lineOf } from '../line/store.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import type { Trust } from './documents/trust.ts'
import type { Session } from './mqtt/session.ts'
import {
  type DocumentRefusals,
  type Identity,
  type LineMeasurement,
  type OrderReport,
  type Reported,
  reported,
} from './reported.ts'
import { ReportedPublisher } from './reported-publisher.ts'

export interface LineReportsOptions {
  identity: Identity
  lineIds: readonly string[]
  session: Pick<Session, 'keep'>
  trust: Pick<Trust, 'number' | 'isStale'>
  trustedTime: Pick<TrustedTime, 'now' | 'floor' | 'unbelieved'>
  clock: Clock
  /** On flash. */
  book: () => LineBook
  /** What is, now. */
  measure: (lineId: string) => LineMeasurement
}

/** What the backend is told of each line. */
export class LineReports {
  readonly #options: LineReportsOptions
  readonly #publisher: ReportedPublisher
  readonly #outcomes = new Map<string, OrderReport>()
  readonly #refusals = new Map<DocumentRefusals['kind'], DocumentRefusals>()

  constructor(options: LineReportsOptions) {
    this.#options = options
    const { session, clock } = options
    this.#publisher = new ReportedPublisher({ session, clock, build: (lineId) => this.#report(lineId) })
  }

  stop(): void {
    this.#publisher.stop()
  }

  /** Something that is measured may have changed. */
  changed(force = false): void {
    for (const lineId of this.#options.lineIds) this.#publisher.changed(lineId, force)
  }

  /** An order came that changes nothing: it asks to be told so all the same. */
  repeat(lineId: string): void {
    this.#publisher.changed(lineId, true)
  }

  /** What became of the newest order. */
  outcome(lineId: string, outcome: OrderReport): void {
    this.#outcomes.set(lineId, outcome)
  }

  refused(kind: DocumentRefusals['kind'], code: string): void {
    const count = (this.#refusals.get(kind)?.count ?? 0) + 1
    this.#refusals.set(kind, { kind, code, count, at: this.#options.trustedTime.now() })
    this.changed()
  }

  #report(lineId: string): Reported {
    const { identity, trust, trustedTime, measure } = this.#options
    const book = this.#options.book()
    const now = trustedTime.now()
    return reported({
      identity,
      line: lineOf(book, lineId),
      order: this.#outcomes.get(lineId) ?? { outcome: 'none' },
      keys: { number: trust.number, stale: trust.isStale(now) },
      fleet: fleetModeOf(book.fleet, lineId),
      fleetState: book.fleet,
      refusals: [...this.#refusals.values()],
      measured: measure(lineId),
      at: now,
      floor: trustedTime.floor(),
      unbelieved: trustedTime.unbelieved(),
    })
  }
}
