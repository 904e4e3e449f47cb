import type { Category } from '../category.ts'
import type { Unseen } from './unseen-blocks.ts'

/** Threats stopped on one day. */
export interface DayStopped {
  /** Of the household's calendar: days since 1970-01-01. */
  readonly day: number
  readonly stopped: ReadonlyMap<Category, number>
}

/** What the page asks of the daemon. All are called on every request, synchronously: they must cost microseconds. */
export interface PageData {
  /**
   * Is this host blocked now?
   * @param name lower case, no dot at the end, A-labels
   * @returns the category and the listed name that matched (`name` itself or a parent of it), or null
   */
  blockedAs(name: string): { category: Category; suffix: string } | null
  status(): ProtectionStatus
  /** The page, or a part of one, was asked for under a blocked name. */
  asked(name: string): void
}

export interface ProtectionStatus {
  /** What is measured, not what was ordered. */
  readonly protecting: boolean
  /** Stable code of the decision; the page has a sentence for the ones in `Texts.why` and a general one for others. */
  readonly why: string
  /** Start of the present state, ms since 1970; null when the clock was not set then. */
  readonly since: number | null
  /** The end of this modem's name, for a reader on the phone with the helpdesk. */
  readonly modem: string
  readonly listVersion: number | null
  readonly listAgeSeconds: number | null
  /** When the operator last said, or could have said, which list is the newest; ms since 1970, null: not since the start. */
  readonly listCheckedAt: number | null
  /** The last seven days, today last. Counters only: never a name, never a device. */
  readonly days: readonly DayStopped[]
  /** Stopped in the last 24 hours without this page; null: nothing. */
  readonly unseen: Unseen | null
  /** Harmless names that are always blocked and lead to the page, so that a person can try the service. */
  readonly testNames: readonly string[]
}

/** Of all days together. */
export function weekOf(days: readonly DayStopped[]): Map<Category, number> {
  const week = new Map<Category, number>()
  for (const { stopped } of days)
    for (const [category, count] of stopped) week.set(category, (week.get(category) ?? 0) + count)
  return week
}
