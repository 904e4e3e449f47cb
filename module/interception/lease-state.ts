import { backoff } from '../base/backoff.ts'

/**
 * What the module's own check found, through every listening socket:
 * `pass`: it blocks what it must and answers what the upstream answers; `fail`: the upstream answers and we do not;
 * `upstream-down`: neither answers.
 */
export type SelfCheckResult = 'pass' | 'fail' | 'upstream-down'

/** Why the kernel's lease is or is not renewed at a step. */
export type RenewalReason = 'pass' | 'upstream-down' | 'self-test' | 'unreached' | 'held-off'

export interface LeaseState {
  /** Monotonic ms of the last renewal that the kernel took; null while nothing can be armed. */
  renewedAt: number | null
  /** Questions translated by the kernel since the last that reached us. */
  unseen: number
  /** `unseen` has come to more than chance explains. */
  unreached: boolean
  /** Counters at the last look; null where unknown (first look, table rebuilt, back-end that cannot count). */
  counted: QuestionCounts | null
  /** Lapses in a row that came from questions that never reached us: each doubles the pause before the next try. */
  lapses: number
  /** Monotonic ms before which it is not tried again. */
  heldUntil: number
  /** Leases that ran out although protection was wanted. */
  interruptions: number
  why: RenewalReason | null
}

/** Both counts, read at the same moment. */
export interface QuestionCounts {
  translated: number
  own: number
}

export const initialLeaseState: LeaseState = {
  renewedAt: null,
  unseen: 0,
  unreached: false,
  counted: null,
  lapses: 0,
  heldUntil: 0,
  interruptions: 0,
  why: null,
}

/** Fewer may still lie in a socket's buffer, or be no questions at all. */
const UNSEEN_LIMIT = 3
const holding = { firstMs: 30_000, longestMs: 600_000 }

/** Takes note that a lease ran out unrenewed: crash of the loop, failing checks, a stopped process. */
export function lapse(state: LeaseState, now: number, leaseMs: number): LeaseState {
  if (state.renewedAt === null || now - state.renewedAt < leaseMs) return state
  const uncounted = { counted: null, unseen: 0, unreached: false }
  const lapsed = { ...state, ...uncounted, renewedAt: null, interruptions: state.interruptions + 1 }
  if (state.why !== 'unreached') return lapsed
  // Only traffic shows that questions do not arrive, and without a lease there is none: trying again at once would
  // take the LAN down for most of each round.
  const lapses = state.lapses + 1
  return { ...lapsed, lapses, heldUntil: now + backoff(lapses, holding) }
}

/** Compares the growth of both counts since the last look; null starts anew. */
export function count(state: LeaseState, counted: QuestionCounts | null): LeaseState {
  const before = state.counted
  if (!counted || !before) return { ...state, counted }
  // A count that shrank was reset: the table is new, or the set's element expired.
  const sent = Math.max(0, counted.translated - before.translated)
  const arrived = Math.max(0, counted.own - before.own)
  const unseen = arrived > 0 ? 0 : state.unseen + sent
  const lapses = arrived > 0 && sent > 0 ? 0 : state.lapses
  return { ...state, counted, unseen, lapses, unreached: unseen >= UNSEEN_LIMIT }
}

/**
 * The one decision of each round.
 * @returns whether to renew (or arm), and why or why not
 */
export function decide(
  state: LeaseState,
  earned: SelfCheckResult,
  now: number,
): { renew: boolean; why: RenewalReason } {
  if (now < state.heldUntil) return { renew: false, why: 'held-off' }
  if (earned === 'fail') return { renew: false, why: 'self-test' }
  if (state.unreached) return { renew: false, why: 'unreached' }
  // Taking protection away would mend nothing while the stock resolver is down too; putting it on proves nothing.
  if (earned === 'upstream-down') return { renew: state.renewedAt !== null, why: 'upstream-down' }
  return { renew: true, why: 'pass' }
}
