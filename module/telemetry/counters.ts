import { type Category, categoryName } from '../category.ts'
import { type Reason, reasons } from '../query/reason.ts'

/** What one query adds; the chain's view of it, without its name. */
export interface Observed {
  reason: Reason
  /** -1 where nothing was blocked. */
  category: number
}

/** Blocks that a person would call a stopped threat; a closed bypass is none (3-dns.md). */
const threats: ReadonlySet<Reason> = new Set(['blocked', 'blocked-target', 'blocked-upstream'])

const DAY_MS = 86_400_000
const DAYS = 7

export interface CounterTotals {
  questions: number
  byReason: Partial<Record<Reason, number>>
  blockedByCategory: Partial<Record<Category, number>>
}

/** Counts by reason and category, since the last `take` and by day for a week; no names, nothing on flash by itself. */
export class Counters {
  readonly #now: () => number
  readonly #byReason = new Map<Reason, number>()
  readonly #byCategory = new Map<number, number>()
  /** Day number -> category -> stopped. */
  readonly #days = new Map<number, Map<number, number>>()
  #questions = 0

  /** @param now wall clock, ms */
  constructor(now: () => number) {
    this.#now = now
  }

  observe({ reason, category }: Observed): void {
    this.#questions++
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1)
    if (category < 0) return
    this.#byCategory.set(category, (this.#byCategory.get(category) ?? 0) + 1)
    if (threats.has(reason)) this.#stopped(category)
  }

  #stopped(category: number): void {
    const today = Math.floor(this.#now() / DAY_MS)
    let counts = this.#days.get(today)
    if (!counts) {
      counts = new Map()
      this.#days.set(today, counts)
      for (const day of this.#days.keys()) if (day <= today - DAYS) this.#days.delete(day)
    }
    counts.set(category, (counts.get(category) ?? 0) + 1)
  }

  /** Threats stopped in the last seven days. */
  stoppedThisWeek(): Map<Category, number> {
    const oldest = Math.floor(this.#now() / DAY_MS) - DAYS
    const week = new Map<Category, number>()
    for (const [day, counts] of this.#days) {
      if (day <= oldest) continue
      for (const [category, count] of counts) {
        const name = categoryName(category)
        week.set(name, (week.get(name) ?? 0) + count)
      }
    }
    return week
  }

  /** Totals since the last call, which starts a new period. */
  take(): CounterTotals {
    const totals = this.peek()
    this.#questions = 0
    this.#byReason.clear()
    this.#byCategory.clear()
    return totals
  }

  peek(): CounterTotals {
    const blockedByCategory: Partial<Record<Category, number>> = {}
    for (const [category, count] of this.#byCategory) blockedByCategory[categoryName(category)] = count
    const byReason: Partial<Record<Reason, number>> = {}
    for (const reason of reasons) {
      const count = this.#byReason.get(reason)
      if (count !== undefined) byReason[reason] = count
    }
    return { questions: this.#questions, byReason, blockedByCategory }
  }

  /** For the coarse snapshot: days, categories, counts. */
  history(): [number, [number, number][]][] {
    return [...this.#days].map(([day, counts]) => [day, [...counts]])
  }

  restore(history: [number, [number, number][]][]): void {
    for (const [day, counts] of history) this.#days.set(day, new Map(counts))
  }

  /** Terminated lines leave nothing behind (1-mission.md). */
  wipe(): void {
    this.take()
    this.#days.clear()
  }
}
