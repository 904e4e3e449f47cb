import type { Category } from '../category.ts'

/** What the page asks of the daemon. Both are called on every request, synchronously: they must cost microseconds. */
export interface PageData {
  /**
   * Is this host blocked now?
   * @param name lower case, no dot at the end, A-labels
   * @returns the category and the listed name that matched (`name` itself or a parent of it), or null
   */
  blockedAs(name: string): { category: Category; suffix: string } | null
  status(): ProtectionStatus
}

export interface ProtectionStatus {
  /** What is measured, not what was ordered. */
  readonly protecting: boolean
  /** Stable code of the decision; the page has a sentence for the ones in `Texts.why` and a general one for others. */
  readonly why: string
  /** Start of the present state, ms since 1970; null when the clock was not set then. */
  readonly since: number | null
  readonly listVersion: number | null
  readonly listAgeSeconds: number | null
  /** Counters only: never a name, never a device. */
  readonly stoppedThisWeek: ReadonlyMap<Category, number>
  /** Harmless names that are always blocked, so that a person can try the service. */
  readonly testNames: readonly string[]
}
