import { describe, expect, it } from 'vitest'
import { bucketOf, fleetModeOf } from '../../module/line/fleet.ts'
import * as store from '../../module/line/store.ts'
import type { Desired, FleetOrder, Instant } from '../../module/line/types.ts'

const t0 = 1_800_000_000
const now: Instant = { wall: t0, floor: t0, monotonic: 0, boot: 'a' }
const order = (lineId: string, sequence: number, more: Partial<Desired> = {}): Desired => ({
  v: 1,
  lineId,
  generation: 1,
  sequence,
  service: 'enabled',
  reason: 'subscribed',
  by: 'customer',
  issuedAt: t0,
  ...more,
})
const fleet = (sequence: number, mode: FleetOrder['mode'], percent = 100, salt = 's'): FleetOrder => ({
  v: 1,
  sequence,
  mode,
  reason: 'test',
  issuedAt: t0,
  ...(mode !== 'run' && { percent, salt }),
})
const give = (book: store.LineBook, ...orders: Desired[]) =>
  orders.reduce((b, o) => store.withOrder(b, { order: o, epoch: 1, now }).state, book)
const lines = { epoch: 1, lineIds: ['a', 'b'] }
const over = { service: 'terminated', reason: 'contract-ended' } as const

describe('book of lines', () => {
  it('holds every line apart, and is the same object where nothing changed', () => {
    const book = give(
      store.emptyBook,
      order('a', 1),
      order('b', 7, { service: 'disabled', reason: 'customer' }),
    )
    expect(store.lineOf(book, 'a')).toMatchObject({ service: 'enabled', sequence: 1 })
    expect(store.lineOf(book, 'b')).toMatchObject({ service: 'disabled', sequence: 7 })
    expect(store.lineOf(book, 'c').service).toBe('dormant')
    expect(store.withOrder(book, { order: order('a', 1), epoch: 1, now })).toMatchObject({
      outcome: 'repeated',
      state: book,
    })
    expect(store.withOrder(book, { order: order('a', 0), epoch: 1, now }).state).toBe(book)
    expect(store.withTime(book, now).state).toBe(book)
  })

  it('ends suspensions of all lines', () => {
    const suspended = { service: 'suspended', reason: 'maintenance', until: t0 + 60 } as const
    const book = give(store.emptyBook, order('a', 1, suspended), order('b', 1))
    const result = store.withTime(book, { ...now, wall: t0 + 61, monotonic: 61 })
    expect(result.outcome).toBe('applied')
    expect(store.lineOf(result.state, 'a').service).toBe('enabled')
  })

  it('terminated wipes the line, and the list with the last line; the guards stay', () => {
    const both = give(
      store.emptyBook,
      order('a', 1),
      order('b', 1, { service: 'disabled', reason: 'customer' }),
    )
    expect(store.mustBeGone(both, ['a', 'b'])).toEqual({ lines: [], list: false })
    const one = give(both, order('a', 2, over))
    expect(store.mustBeGone(one, ['a', 'b'])).toEqual({ lines: ['a'], list: false })
    const none = give(one, order('b', 2, over))
    expect(store.mustBeGone(none, ['a', 'b'])).toEqual({ lines: ['a', 'b'], list: true })
    expect(store.lineOf(none, 'a')).toMatchObject({ generation: 1, sequence: 2 })
    expect(store.mustBeGone(store.emptyBook, ['a'])).toEqual({ lines: [], list: true })
  })
})

describe('fleet', () => {
  const given = (...orders: FleetOrder[]) =>
    orders.reduce((b, o) => store.withFleet(b, o, lines).state, give(store.emptyBook, order('a', 1)))

  it('newer counts; older, repeated and conflicting ones change nothing', () => {
    const book = given(fleet(2, 'pause'))
    expect(fleetModeOf(book.fleet, 'a')).toBe('pause')
    for (const [next, outcome, code] of [
      [fleet(1, 'run'), 'ignored', 'FLEET_OLDER'],
      [fleet(2, 'pause'), 'repeated', undefined],
      [fleet(2, 'run'), 'rejected', 'FLEET_CONFLICT'],
    ] as const) {
      const result = store.withFleet(book, next, lines)
      expect([result.outcome, result.code, result.state]).toEqual([outcome, code, book])
    }
    expect(fleetModeOf(given(fleet(2, 'pause'), fleet(3, 'run')).fleet, 'a')).toBe('run')
    expect(store.withFleet(book, fleet(1, 'run'), { ...lines, epoch: 2 }).outcome).toBe('applied')
  })

  it('every pair in both orders ends the same', () => {
    const all = (['run', 'pause', 'retire'] as const).flatMap((mode, i) => [
      fleet(i + 1, mode),
      fleet(i + 4, mode, 30),
    ])
    for (const a of all) for (const b of all) expect(given(a, b)).toEqual(given(b, a))
  })

  it('retire wipes once, and may be taken back', () => {
    const first = store.withFleet(given(), fleet(1, 'retire'), lines)
    expect(first.effects).toEqual(['wipe'])
    expect(store.mustBeGone(first.state, ['a', 'b'])).toEqual({ lines: ['a', 'b'], list: true })
    expect(store.withFleet(first.state, fleet(2, 'retire'), lines).effects).toEqual([])
    const back = store.withFleet(first.state, fleet(3, 'run'), lines).state
    expect(store.mustBeGone(back, ['a'])).toEqual({ lines: [], list: false })
  })

  it('a percentage means that share of lines, grows without dropping any, and changes with the salt', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `line-${i}`)
    const hit = (percent: number, salt: string) => {
      const state = given(fleet(1, 'pause', percent, salt)).fleet
      return new Set(ids.filter((id) => fleetModeOf(state, id) === 'pause'))
    }
    const ten = hit(10, 's')
    expect(Math.abs(ten.size / ids.length - 0.1)).toBeLessThan(0.01)
    const thirty = hit(30, 's')
    for (const id of ten) expect(thirty.has(id)).toBe(true)
    const other = hit(10, 't')
    expect([...ten].filter((id) => other.has(id)).length).toBeLessThan(400)
    expect([hit(0, 's').size, hit(100, 's').size]).toEqual([0, ids.length])
  })

  it('the bucket is fixed for ever', () => {
    expect([bucketOf('demo', 'salt'), bucketOf('line-1', 'x')]).toEqual([85, 90])
  })
})
