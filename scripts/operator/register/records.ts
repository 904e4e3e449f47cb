import type { Desired } from '../../../module/line/types.ts'
import type { Numbers } from '../numbers.ts'
import type { Reported } from '../reported.ts'

/** What is known of a line beside its order and report. */
export interface LineInfo {
  groups: string[]
}

/** The last order. */
export interface OrderRecord {
  desired: Desired
  /** As it was signed: published again as it is, never signed twice. */
  jws: string
  /** That gave it; none: read from a broker. */
  act?: string
  /** Its line is forgotten: only its numbers count, which a modem may still have. */
  forgotten?: true
}

/** The last report that was right by its schema. */
export interface ReportRecord {
  reported: Reported
  /** ms since 1970, by the operator's clock. */
  heardAt: number
}

/** A line as the register knows it. */
export interface LineRecord {
  lineId: string
  groups: string[]
  order?: OrderRecord
  /** Of the order; 0 where there is none. What a claim expects. */
  orderVersion: number
  report?: ReportRecord
}

/** A signed document that is no order: the fleet's, a list's head. */
export interface DocumentRecord {
  sequence: number
  /** Seconds since 1970. */
  issuedAt: number
  jws: string
  act?: string
}

/**
 * A pack of lines sold as one (conditions, articles 2 and 3). `out` are lines taken out; `ordered` is what the pack
 * itself last ordered, by which an order given to a line alone is told from the pack's own.
 */
export interface Pack {
  pack: string
  lines: string[]
  out: string[]
  ordered: Record<string, Numbers>
}

/** Somebody does something. */
export interface Act {
  act: string
  who: string
  why: string
  ticket: string
  /** As it was typed. */
  command: string
  /** Idempotency key. */
  key?: string
}

/** What became of one line in an act. */
export interface Outcome {
  lineId: string
  numbers: Numbers
  /** `ordered`: its number is claimed. What comes after is not known yet, or was not waited for. */
  state: 'ordered' | 'applied' | 'failed'
  /** Of `failed`. */
  code?: string
}

/** The journal, one entry each; `at` in ms since 1970. */
export type JournalEntry =
  | ({ type: 'begin'; at: number } & Act)
  | ({ type: 'order'; at: number; act: string; service: string } & Pick<Outcome, 'lineId' | 'numbers'>)
  | ({ type: 'outcome'; at: number; act: string } & Outcome)
  | { type: 'document'; at: number; act: string; topic: string; sequence: number }
  | { type: 'forget'; at: number; act: string; lineId: string }
  | { type: 'group'; at: number; act: string; group: string; added: string[]; removed: string[] }
  | { type: 'end'; at: number; act: string; exit: number; code?: string; message?: string }
