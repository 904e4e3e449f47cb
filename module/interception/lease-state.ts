/**
 * What the module's own check found, through every listening socket:
 * `pass`: it blocks what it must and answers what the upstream answers; `fail`: the upstream answers and we do not;
 * `upstream-down`: neither answers.
 */
export type SelfCheckResult = 'pass' | 'fail' | 'upstream-down'

/** Why the kernel's lease is or is not renewed at a step. */
export type RenewalReason = 'pass' | 'upstream-down' | 'self-test'

export interface LeaseState {
  /** Monotonic ms of the last renewal that the kernel took; null while nothing can be armed. */
  renewedAt: number | null
  /** Questions that the kernel let in since the last that reached us. */
  unseen: number
  /** Counters at the last look; null where unknown (first look, table rebuilt, back-end that cannot count). */
  counted: QuestionCounts | null
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
  counted: null,
  interruptions: 0,
  why: null,
}

/** Fewer may still lie in a socket's buffer, or be no questions at all. */
const UNSEEN_LIMIT = 3

/** Takes note that a lease ran out unrenewed: crash of the loop, failing checks, a stopped process. */
export function lapse(state: LeaseState, now: number, leaseMs: number): LeaseState {
  if (state.renewedAt === null || now - state.renewedAt < leaseMs) return state
  return { ...state, counted: null, unseen: 0, renewedAt: null, interruptions: state.interruptions + 1 }
}

/** Compares the growth of both counts since the last look; null starts anew. */
export function count(state: LeaseState, counted: QuestionCounts | null): LeaseState {
  const before = state.counted
  if (!counted || !before) return { ...state, counted }
  // A count that shrank was reset: the table is new, or the set's element expired.
  const sent = Math.max(0, counted.translated - before.translated)
  const arrived = Math.max(0, counted.own - before.own)
  return { ...state, counted, unseen: arrived > 0 ? 0 : state.unseen + sent }
}

/**
 * Questions that the kernel let in did not arrive, more than chance explains. Any device can make it look so: it is a
 * reason to look at everything again, and none to let go.
 */
export const isSuspicious = (state: LeaseState): boolean => state.unseen >= UNSEEN_LIMIT

/**
 * The one decision of each round. What our own check found is all that counts here: nothing that a device sends.
 * @returns whether to renew (or arm), and why or why not
 */
export function decide(state: LeaseState, earned: SelfCheckResult): { renew: boolean; why: RenewalReason } {
  if (earned === 'fail') return { renew: false, why: 'self-test' }
  // Taking protection away would mend nothing while the stock resolver is down too; putting it on proves nothing.
  if (earned === 'upstream-down') return { renew: state.renewedAt !== null, why: 'upstream-down' }
  return { renew: true, why: 'pass' }
}
