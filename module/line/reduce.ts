import { contentDigest } from './digest.ts'
import { startCountdown } from './suspension.ts'
import type { Desired, Instant, LineState, Reduced } from './types.ts'

/** A line that never got an order. */
export function dormantLine(lineId: string): LineState {
  return {
    lineId,
    epoch: 0,
    generation: 0,
    sequence: 0,
    service: 'dormant',
    reason: 'never-ordered',
    by: 'modem',
    issuedAt: 0,
    digest: '',
  }
}

/** `enabled` as before a start, where its order cannot be verified: protection goes on until the operator's next word. */
export function carriedLine(lineId: string): LineState {
  return { ...dormantLine(lineId), service: 'enabled', reason: 'carried' }
}

export interface OrderEvent {
  readonly order: Desired
  /** Of the verified document (control/documents/verify.ts). */
  readonly epoch: number
  readonly now: Instant
  /** As it was signed. */
  readonly document?: string
}

/** 1 if the order ranks above the state. Compared in turn: epoch, generation, terminated, sequence. */
function compare(state: LineState, { order, epoch }: OrderEvent): number {
  const terminated = (service: string) => (service === 'terminated' ? 1 : 0)
  return (
    Math.sign(epoch - state.epoch) ||
    Math.sign(order.generation - state.generation) ||
    // `terminated` is final for its generation whatever came before: else the order of arrival would decide.
    Math.sign(terminated(order.service) - terminated(state.service)) ||
    Math.sign(order.sequence - state.sequence)
  )
}

function accepted({ order, epoch, now, document }: OrderEvent): LineState {
  const { v: _, ...members } = order
  const state: LineState = { ...members, epoch, digest: contentDigest(order), ...(document && { document }) }
  if (order.service !== 'suspended' || order.until === undefined) return state
  return { ...state, countdown: startCountdown({ until: order.until, issuedAt: order.issuedAt }, now) }
}

/**
 * What a verified order makes of a line: the one table of transitions (docs/line-life-cycle.md). Pure.
 * The order is for this line: control/documents/verify.ts has checked that.
 */
export function reduce(state: LineState, event: OrderEvent): Reduced {
  const { order, epoch, document } = event
  const sameNumbers = order.generation === state.generation && order.sequence === state.sequence
  const sameContent = sameNumbers && contentDigest(order) === state.digest
  if (epoch === state.epoch && sameContent) return { state, outcome: 'repeated', effects: [] }
  if (epoch > state.epoch && sameContent)
    return { state: { ...state, epoch, ...(document && { document }) }, outcome: 'repeated', effects: [] }
  if (epoch === state.epoch && sameNumbers)
    return { state, outcome: 'rejected', code: 'LINE_CONFLICT', effects: [] }
  if (compare(state, event) < 0) return refused(state, event)
  const effects = order.service === 'terminated' ? (['wipe'] as const) : []
  return { state: accepted(event), outcome: 'applied', effects }
}

function refused(state: LineState, { order, epoch }: OrderEvent): Reduced {
  const afterTheEnd =
    state.service === 'terminated' &&
    epoch === state.epoch &&
    order.generation === state.generation &&
    order.sequence > state.sequence
  return afterTheEnd
    ? { state, outcome: 'rejected', code: 'LINE_TERMINATED', effects: [] }
    : { state, outcome: 'ignored', code: 'LINE_OLDER', effects: [] }
}
