import { CATEGORY_NUMBERS, type Category, categoryName } from '../category.ts'
import { type AnswerReason, answerReasons } from '../query/reason.ts'

/** What one query adds; the chain's view of it, without its name. */
export interface AnswerObservation {
  reason: AnswerReason
  /** -1 where nothing was blocked. */
  category: number
}

/** Blocks that a person would call a stopped threat; a closed bypass is none (docs/dns.md, Blocked). */
const threats: ReadonlySet<AnswerReason> = new Set(['blocked', 'blocked-target', 'blocked-upstream'])

const DAY_MS = 86_400_000
const DAYS = 7

/** Threats stopped on one day of the modem's local time. */
export interface DayCounts {
  /** Days since 1970-01-01. */
  readonly day: number
  readonly stopped: ReadonlyMap<Category, number>
}

/** The day of the household's own calendar, as its page shows it; days since 1970-01-01. */
function localDay(ms: number): number {
  return Math.floor((ms - new Date(ms).getTimezoneOffset() * 60_000) / DAY_MS)
}

/** Category and count, of those that have one. */
function pairsOf(counts: Uint32Array): [number, number][] {
  return Array.from(counts, (count, category): [number, number] => [category, count]).filter(
    ([, count]) => count > 0,
  )
}

export interface CounterTotals {
  questions: number
  byReason: Partial<Record<AnswerReason, number>>
  blockedByCategory: Partial<Record<Category, number>>
}

/** All that was counted in a while: to be added to the counts of another thread. */
export interface CounterDelta {
  questions: number
  /** In the order of `reasons`. */
  byReason: number[]
  /** Categories and counts. */
  blocked: [number, number][]
  /** Threats: days, categories, counts. */
  stopped: [number, [number, number][]][]
}

/** Counts by reason and category, since the last `take` and by day for a week; no names, nothing on flash by itself. */
export class Counters {
  readonly #now: () => number
  /** A cell each, so that counting is one look-up and allocates nothing. */
  readonly #byReason = new Map<AnswerReason, { count: number }>(
    answerReasons.map((reason) => [reason, { count: 0 }]),
  )
  readonly #byCategory = new Uint32Array(CATEGORY_NUMBERS)
  /** Day number -> how many stopped, by category. */
  readonly #days = new Map<number, Uint32Array>()
  #questions = 0

  /** @param now wall clock, ms */
  constructor(now: () => number) {
    this.#now = now
  }

  observe({ reason, category }: AnswerObservation): void {
    this.#questions++
    this.#byReason.get(reason)!.count++
    if (category < 0) return
    this.#byCategory[category]!++
    if (threats.has(reason)) this.#stopped(category)
  }

  #stopped(category: number): void {
    this.#ofDay(localDay(this.#now()))[category]!++
  }

  #ofDay(day: number): Uint32Array {
    let counts = this.#days.get(day)
    if (!counts) {
      counts = new Uint32Array(CATEGORY_NUMBERS)
      this.#days.set(day, counts)
      for (const other of this.#days.keys()) if (other <= day - DAYS) this.#days.delete(other)
    }
    return counts
  }

  /** Everything counted so far, which is then forgotten here. */
  takeAll(): CounterDelta {
    const byReason = Array.from(this.#byReason.values(), ({ count }) => count)
    const counted: CounterDelta = {
      questions: this.#questions,
      byReason,
      blocked: pairsOf(this.#byCategory),
      stopped: this.history(),
    }
    this.wipe()
    return counted
  }

  /** What another thread has counted. */
  add({ questions, byReason, blocked, stopped }: CounterDelta): void {
    this.#questions += questions
    for (const [index, cell] of [...this.#byReason.values()].entries()) cell.count += byReason[index] ?? 0
    for (const [category, count] of blocked) this.#byCategory[category]! += count
    for (const [day, counts] of stopped)
      for (const [category, count] of counts) this.#ofDay(day)[category]! += count
  }

  /** Threats stopped in the last seven days, the oldest first and today last; days without any among them. */
  lastDays(): DayCounts[] {
    const today = localDay(this.#now())
    return Array.from({ length: DAYS }, (_, i) => {
      const day = today - DAYS + 1 + i
      const pairs = pairsOf(this.#days.get(day) ?? new Uint32Array(0))
      return { day, stopped: new Map(pairs.map(([category, count]) => [categoryName(category), count])) }
    })
  }

  /** Totals since the last call, which starts a new period. */
  take(): CounterTotals {
    const totals = this.peek()
    this.#questions = 0
    for (const cell of this.#byReason.values()) cell.count = 0
    this.#byCategory.fill(0)
    return totals
  }

  peek(): CounterTotals {
    const blockedByCategory: Partial<Record<Category, number>> = {}
    for (const [category, count] of pairsOf(this.#byCategory))
      blockedByCategory[categoryName(category)] = count
    const byReason: Partial<Record<AnswerReason, number>> = {}
    for (const [reason, { count }] of this.#byReason) if (count > 0) byReason[reason] = count
    return { questions: this.#questions, byReason, blockedByCategory }
  }

  /** For the coarse snapshot: days, categories, counts. */
  history(): [number, [number, number][]][] {
    return [...this.#days].map(([day, counts]) => [day, pairsOf(counts)])
  }

  restore(history: [number, [number, number][]][]): void {
    for (const [day, counts] of history) {
      const restored = new Uint32Array(CATEGORY_NUMBERS)
      for (const [category, count] of counts) if (category < CATEGORY_NUMBERS) restored[category] = count
      this.#days.set(day, restored)
    }
  }

  /** Terminated lines leave nothing behind (docs/line-life-cycle.md). */
  wipe(): void {
    this.take()
    this.#days.clear()
  }
}
