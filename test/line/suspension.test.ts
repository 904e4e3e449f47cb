import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dormantLine, reduce } from '../../module/line/reduce.ts'
import { reduceTime } from '../../module/line/suspension.ts'
import type { Desired, Instant, LineState } from '../../module/line/types.ts'

const t0 = 1_800_000_000
const hour = 3600
const suspension: Desired = {
  v: 1,
  lineId: 'l',
  generation: 1,
  sequence: 1,
  service: 'suspended',
  reason: 'maintenance',
  by: 'operator',
  until: t0 + hour,
  issuedAt: t0,
}
const at = (seconds: number, more: Partial<Instant> = {}): Instant => ({
  wall: t0 + seconds,
  floor: t0,
  monotonic: 1000 + seconds,
  boot: 'a',
  ...more,
})
const suspended = (now = at(0), more: Partial<Desired> = {}) =>
  reduce(dormantLine('l'), { order: { ...suspension, ...more }, epoch: 1, now }).state

/** Ticks every 10 s; what was reported and when the suspension ended. */
function run(state: LineState, clock: (seconds: number) => Instant, seconds = 4 * hour) {
  const reported: string[] = []
  let current = state
  for (let s = 0; s <= seconds; s += 10) {
    const result = reduceTime(current, clock(s))
    if (result.code) reported.push(`${s} ${result.code} ${result.state.clockStep?.believed}`)
    current = result.state
    if (current.service !== 'suspended') return { endedAt: s, state: current, reported }
  }
  return { endedAt: undefined, state: current, reported }
}

describe('end of a suspension', () => {
  it.each([
    [undefined, 'enabled'],
    ['enabled', 'enabled'],
    ['disabled', 'disabled'],
  ] as const)('then %s: %s comes back at `until`, under the same numbers', (then, service) => {
    const { endedAt, state, reported } = run(suspended(at(0), then ? { then } : {}), (s) => at(s))
    expect({ endedAt, reported }).toEqual({ endedAt: hour, reported: [] })
    expect(state).toMatchObject({
      service,
      reason: 'suspension-ended',
      by: 'modem',
      generation: 1,
      sequence: 1,
    })
    expect(state).not.toHaveProperty('until')
    const order = { ...suspension, ...(then && { then }) }
    const again = reduce(state, { order, epoch: 1, now: at(2 * hour) })
    expect([again.outcome, again.state.service]).toEqual(['repeated', service])
  })

  it('without `until` it lasts until another order comes', () => {
    const { until: _, ...order } = suspension
    const { state } = reduce(dormantLine('l'), { order, epoch: 1, now: at(0) })
    expect(run(state, (s) => at(s), 100 * hour).endedAt).toBeUndefined()
  })

  it('does nothing to other services', () => {
    const line = dormantLine('l')
    expect(reduceTime(line, at(0)).state).toBe(line)
  })

  it('an order that was retained for half an hour has half an hour left', () => {
    expect(run(suspended(at(hour / 2)), (s) => at(hour / 2 + s)).endedAt).toBe(hour / 2)
  })

  it('one that is long over by signed time ends at the first tick', () => {
    const now = at(30 * 24 * hour, { floor: t0 + 30 * 24 * hour })
    expect(reduceTime(suspended(now), now).state.service).toBe('enabled')
  })
})

describe('wrong clocks', () => {
  it('1970 throughout: the monotonic clock counts the whole', () => {
    const clock = (s: number) => at(s, { wall: s, floor: t0 + s })
    expect(run(suspended(clock(0)), clock).endedAt).toBe(hour)
  })

  it('1970, then right: reported, believed after ten minutes, in time', () => {
    const clock = (s: number) => at(s, { wall: s < 600 ? s : t0 + s, floor: t0 + s })
    const { endedAt, reported } = run(suspended(clock(0)), clock)
    expect(endedAt).toBe(hour)
    expect(reported).toEqual(['600 CLOCK_STEPPED false', '1200 CLOCK_STEPPED true'])
  })

  it('a jump ahead that is corrected soon does not shorten it, and is reported', () => {
    const clock = (s: number) => at(s, { wall: t0 + s + (s >= 600 && s < 900 ? 20 * 365 * 86_400 : 0) })
    const { endedAt, reported } = run(suspended(), clock)
    expect(endedAt).toBe(hour)
    expect(reported).toEqual(['600 CLOCK_STEPPED false'])
  })

  it('a jump ahead that lasts is believed after ten minutes, and reported', () => {
    const clock = (s: number) => at(s, { wall: t0 + s + (s >= 600 ? 86_400 : 0) })
    const { endedAt, reported } = run(suspended(), clock)
    expect(endedAt).toBe(1200)
    expect(reported).toEqual(['600 CLOCK_STEPPED false', '1200 CLOCK_STEPPED true'])
  })

  it('a jump back below the floor does not prolong it, and is reported', () => {
    const clock = (s: number) => at(s, { wall: s < 600 ? t0 + s : s, floor: t0 + s })
    const { endedAt, reported } = run(suspended(), clock)
    expect(endedAt).toBe(hour)
    expect(reported).toEqual(['600 CLOCK_STEPPED false'])
  })

  it('a wall clock that alone says it is over is given ten minutes, then reported', () => {
    const clock = (s: number) => at(s, { wall: t0 + 9 * hour + s })
    const { endedAt, reported } = run(suspended(clock(0)), clock)
    expect(endedAt).toBe(600)
    expect(reported).toEqual(['600 CLOCK_STEPPED true'])
  })

  it('signed time that says it is over ends it at once, and is reported where the wall clock says otherwise', () => {
    const floor = (s: number) => (s < 300 ? t0 : t0 + 2 * hour)
    const against = run(suspended(), (s) => at(s, { floor: floor(s) }))
    expect(against).toMatchObject({ endedAt: 300, reported: ['300 CLOCK_STEPPED false'] })
    expect(against.state.clockStep).toEqual({ by: 300 - 2 * hour, believed: false })
    const clock = (s: number) => at(s, { floor: floor(s), wall: t0 + s + (s < 300 ? 0 : 2 * hour) })
    expect(run(suspended(), clock)).toMatchObject({ endedAt: 300, reported: [] })
  })

  it('a floor that a signature leads shortens it by no more than the lead, and is reported', () => {
    const clock = (s: number) => at(s, { floor: t0 + hour / 2 })
    const { endedAt, reported } = run(suspended(clock(0)), clock)
    expect({ endedAt, reported }).toEqual({ endedAt: hour / 2, reported: ['1800 CLOCK_STEPPED false'] })
  })

  it('restarts do not prolong it, with the wall clock in 1970 and a floor that is stored', () => {
    const clock = (s: number) => {
      const boot = Math.floor(s / 1200)
      return at(s, { wall: s % 1200, floor: t0 + s, monotonic: s % 1200, boot: `b${boot}` })
    }
    expect(run(suspended(clock(0)), clock).endedAt).toBe(hour)
  })

  it('is never longer than from issue to `until`, where every clock is behind the order', () => {
    const clock = (s: number) => at(s, { wall: s, floor: t0 - hour + s })
    expect(run(suspended(clock(0)), clock).endedAt).toBe(hour)
  })

  it('a restart with the wall clock in 1970 goes on with what was left at acceptance', () => {
    const clock = (s: number) => at(s, { wall: s, boot: 'b' })
    expect(run(suspended(at(hour / 2)), clock).endedAt).toBe(hour / 2)
  })

  it('a restart after 50 minutes without power has ten left', () => {
    const clock = (s: number) => at(s, { wall: t0 + 3000 + s, boot: 'b' })
    expect(run(suspended(), clock).endedAt).toBe(600)
  })

  it('whatever the wall clock does unnoticed, it is off by no more than the tolerance', () => {
    const jump = fc.record({ at: fc.integer({ min: 0, max: 360 }), by: fc.integer({ min: -1e9, max: 1e9 }) })
    fc.assert(
      fc.property(fc.array(jump, { maxLength: 4 }), (jumps) => {
        const shift = (s: number) => jumps.reduce((sum, j) => sum + (s >= j.at * 10 ? j.by : 0), 0)
        const clock = (s: number) => at(s, { wall: t0 + s + (s === 0 ? 0 : shift(s)), floor: t0 })
        const { endedAt, reported } = run(suspended(clock(0)), clock, 2 * hour)
        if (reported.length === 0) expect(Math.abs((endedAt ?? Infinity) - hour)).toBeLessThanOrEqual(60)
      }),
    )
  })
})
