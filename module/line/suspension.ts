import type { Countdown, Instant, LineState, Reduced } from './types.ts'

/** Seconds that wall and monotonic clock may drift apart unnoticed (NTP slews). */
const tolerance = 60
/** A step of the wall clock is believed once it has lasted so long; a wrong NTP answer is corrected sooner. */
const believeAfter = 600

/** Never longer than the order says from its issue to its end, whatever the clocks show. */
export function startCountdown(until: number, issuedAt: number, now: Instant): Countdown {
  const left = Math.min(until - Math.max(now.wall, now.floor), until - issuedAt)
  return { left: Math.max(left, 0), boot: now.boot, monotonic: now.monotonic, wall: now.wall }
}

/** After a new start the monotonic clock counts from elsewhere: go on with what was left, or with less if time passed. */
function afterBoot(state: LineState, countdown: Countdown, now: Instant): LineState {
  const fresh = startCountdown(state.until ?? 0, state.issuedAt, now)
  return { ...state, countdown: { ...fresh, left: Math.min(fresh.left, countdown.left) } }
}

/** The suspension is over: what `then` says, under the order's own numbers, so that a repeat of it stays a repeat. */
function ended(state: LineState): LineState {
  const { countdown: _, then, until, ...rest } = state
  return { ...rest, service: then ?? 'enabled', reason: 'suspension-ended', by: 'modem' }
}

function unchanged(state: LineState): Reduced {
  return { state, outcome: 'repeated', effects: [] }
}

function withStep(state: LineState, countdown: Countdown, by: number, believed: boolean): Reduced {
  const before = state.clockStep
  const isNews = before?.believed !== believed || Math.abs(before.by - by) > tolerance
  const next = { ...state, countdown, clockStep: { by, believed } }
  return isNews
    ? { state: next, outcome: 'applied', code: 'CLOCK_STEPPED', effects: [] }
    : unchanged({ ...state, countdown })
}

/** The wall clock differs from what the monotonic clock expects by `step` seconds. */
function stepped(state: LineState, countdown: Countdown, now: Instant, step: number): Reduced {
  // Below the floor the wall clock is known to be wrong: the monotonic clock alone counts.
  if (now.wall < now.floor) return withStep(state, countdown, step, false)
  const seen = countdown.stepSeen ?? now.monotonic
  if (now.monotonic - seen < believeAfter) return withStep(state, { ...countdown, stepSeen: seen }, step, false)
  return withStep(state, startCountdown(state.until ?? 0, state.issuedAt, now), step, true)
}

/**
 * To be called every few seconds: ends a suspension in time. Pure.
 *
 * What counts is, in this order: signed time (the floor) has passed `until`; the monotonic clock has counted what was left;
 * the wall clock, where it agrees with the monotonic one. A wall clock that steps is reported at once (CLOCK_STEPPED) and
 * believed when the step has lasted ten minutes, so it neither shortens nor prolongs a suspension unnoticed.
 * @returns outcome `applied` if state or report changed, else `repeated`
 */
export function tick(state: LineState, now: Instant): Reduced {
  const { countdown, until } = state
  if (state.service !== 'suspended' || until === undefined || !countdown) return unchanged(state)
  if (countdown.boot !== now.boot) return tick(afterBoot(state, countdown, now), now)
  const elapsed = now.monotonic - countdown.monotonic
  if (now.floor >= until || elapsed >= countdown.left)
    return { state: ended(state), outcome: 'applied', effects: [] }
  const step = now.wall - countdown.wall - elapsed
  if (Math.abs(step) > tolerance) return stepped(state, countdown, now, step)
  const { stepSeen: _, ...steady } = countdown
  return unchanged(countdown.stepSeen === undefined ? state : { ...state, countdown: steady })
}
