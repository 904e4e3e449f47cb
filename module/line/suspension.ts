import type { ClockStep, Countdown, Instant, LineState, Reduced } from './types.ts'

/** Seconds that wall and monotonic clock may drift apart unnoticed (NTP slews). */
const TOLERANCE = 60
/** What the wall clock alone says is believed once it has lasted so long: a wrong NTP answer is corrected sooner. */
const BELIEVE_AFTER = 600

interface Order {
  readonly until: number
  readonly issuedAt: number
}

/**
 * Never longer than the order says from its issue to its end. Where the wall clock alone says that it is over already, it
 * is given ten minutes to be corrected.
 */
export function startCountdown({ until, issuedAt }: Order, now: Instant): Countdown {
  const byWall = until - Math.max(now.wall, now.floor)
  const bySignatures = Math.max(until - now.floor, 0)
  const left = Math.min(Math.max(byWall, Math.min(BELIEVE_AFTER, bySignatures)), until - issuedAt)
  return { left, boot: now.boot, monotonic: now.monotonic, wall: now.wall }
}

function unchanged(state: LineState): Reduced {
  return { state, outcome: 'repeated', effects: [] }
}

/** What `then` says, under the order's own numbers, so that a repeat of the order stays a repeat. */
export function ended(state: LineState): LineState {
  const { countdown: _, then, until: __, ...rest } = state
  return { ...rest, service: then ?? 'enabled', reason: 'suspension-ended', by: 'modem' }
}

/** Whether a step is another one altogether than the one that was reported. */
function isNews(before: ClockStep | undefined, by: number): boolean {
  return !before || Math.abs(before.by - by) > Math.max(TOLERANCE, Math.abs(before.by))
}

/**
 * The end; said so if nothing but an unconfirmed wall clock brought it about, and where it comes although the wall clock
 * says that it is not yet time: a signature may have been a thief's.
 */
function atTheEnd(state: LineState, order: Order, countdown: Countdown, now: Instant): Reduced {
  const by = now.wall - now.floor
  const byWallAlone = countdown.wall >= order.until && now.floor < order.until
  const againstWall = now.wall < order.until - TOLERANCE && isNews(state.clockStep, by)
  if (!byWallAlone && !againstWall) return { state: ended(state), outcome: 'applied', effects: [] }
  const clockStep = { by, believed: byWallAlone }
  return { state: { ...ended(state), clockStep }, outcome: 'applied', code: 'CLOCK_STEPPED', effects: [] }
}

/** Reported when it is seen, when it is believed, and when it has become another one altogether. */
function withStep(state: LineState, countdown: Countdown, by: number, believed: boolean): Reduced {
  const before = state.clockStep
  if (before?.believed === believed && !isNews(before, by)) return unchanged({ ...state, countdown })
  const next = { ...state, countdown, clockStep: { by, believed } }
  return { state: next, outcome: 'applied', code: 'CLOCK_STEPPED', effects: [] }
}

/** The wall clock differs from what the monotonic clock expects by `step` seconds. */
function stepped(state: LineState, order: Order, countdown: Countdown, now: Instant, step: number): Reduced {
  // Below the floor the wall clock is known to be wrong: the monotonic clock alone counts.
  if (now.wall < now.floor) return withStep(state, countdown, step, false)
  const stepSeen = countdown.stepSeen ?? now.monotonic
  if (now.monotonic - stepSeen < BELIEVE_AFTER)
    return withStep(state, { ...countdown, stepSeen }, step, false)
  const left = Math.min(order.until - now.wall, order.until - order.issuedAt)
  const anchor = { left, boot: now.boot, monotonic: now.monotonic, wall: now.wall }
  return left > 0 ? withStep(state, anchor, step, true) : atTheEnd(state, order, anchor, now)
}

/** After a new start the monotonic clock counts from elsewhere: go on with what was left, or with less if time passed. */
function afterBoot(order: Order, countdown: Countdown, now: Instant): Countdown {
  const fresh = startCountdown(order, now)
  return { ...fresh, left: Math.min(fresh.left, countdown.left) }
}

/**
 * To be called every few seconds: ends a suspension in time. Pure.
 *
 * What counts is, in this order: signed time (the floor) has passed `until`; the monotonic clock has counted what was left;
 * the wall clock, where it agrees with the monotonic one. A wall clock that steps is reported at once (CLOCK_STEPPED) and
 * believed when the step has lasted ten minutes, so it neither shortens nor prolongs a suspension unnoticed.
 * @returns outcome `applied` if what is persisted and reported changed, else `repeated` (keep the state all the same)
 */
export function reduceTime(state: LineState, now: Instant): Reduced {
  const { until, issuedAt } = state
  if (state.service !== 'suspended' || until === undefined || !state.countdown) return unchanged(state)
  const order = { until, issuedAt }
  const sameBoot = state.countdown.boot === now.boot
  const countdown = sameBoot ? state.countdown : afterBoot(order, state.countdown, now)
  const elapsed = now.monotonic - countdown.monotonic
  if (now.floor >= until || elapsed >= countdown.left) return atTheEnd(state, order, countdown, now)
  const step = now.wall - countdown.wall - elapsed
  if (Math.abs(step) > TOLERANCE) return stepped(state, order, countdown, now, step)
  if (sameBoot && countdown.stepSeen === undefined) return unchanged(state)
  const { stepSeen: _, ...steady } = countdown
  return unchanged({ ...state, countdown: steady })
}
