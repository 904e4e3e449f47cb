import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dormantLine, reduce } from '../../module/line/reduce.ts'
import type { Desired, Instant, LineState, OrderedService } from '../../module/line/types.ts'
import { orderedServices, reasonsOf } from '../../module/line/types.ts'

const t0 = 1_800_000_000
const now: Instant = { wall: t0, floor: t0, monotonic: 0, boot: 'a' }

function order(
  service: OrderedService,
  generation: number,
  sequence: number,
  more: Partial<Desired> = {},
): Desired {
  const until = service === 'suspended' ? { until: t0 + 3600 } : {}
  const reason = reasonsOf[service][0]
  return {
    v: 1,
    lineId: 'l',
    generation,
    sequence,
    service,
    reason,
    by: 'support',
    issuedAt: t0,
    ...until,
    ...more,
  }
}
const give = (state: LineState, desired: Desired, epoch = 1) => reduce(state, { order: desired, epoch, now })
const lineAfter = (...orders: Desired[]) =>
  orders.reduce((state, desired) => give(state, desired).state, dormantLine('l'))
const seen = ({ service, generation, sequence }: LineState) => `${service} ${generation}.${sequence}`

/** Where the new order's numbers lie, and what happens whatever it orders; docs/line-life-cycle.md has the same table. */
const table = [
  ['higher generation', 3, 1, 'applied', undefined],
  ['higher sequence', 2, 6, 'applied', undefined],
  ['same numbers, other content', 2, 5, 'rejected', 'LINE_CONFLICT'],
  ['lower sequence', 2, 4, 'ignored', 'LINE_OLDER'],
  ['lower generation', 1, 9, 'ignored', 'LINE_OLDER'],
] as const

describe('every state x every order', () => {
  for (const from of orderedServices)
    for (const to of orderedServices)
      it.each(table)(`${from}, then ${to} with %s`, (_, generation, sequence, outcome, code) => {
        const state = lineAfter(order(from, 2, 5))
        const result = give(state, order(to, generation, sequence, { issuedAt: t0 + 1 }))
        const finality = generation === 2 && sequence !== 5
        if (finality && from === 'terminated' && to !== 'terminated') {
          const later = sequence > 5
          expect([result.outcome, result.code]).toEqual(
            later ? ['rejected', 'LINE_TERMINATED'] : ['ignored', 'LINE_OLDER'],
          )
        } else if (finality && to === 'terminated' && from !== 'terminated')
          expect(result.outcome).toBe('applied')
        else expect([result.outcome, result.code]).toEqual([outcome, code])
        if (result.outcome === 'applied') expect(seen(result.state)).toBe(`${to} ${generation}.${sequence}`)
        else expect(result.state).toBe(state)
        const wipes = to === 'terminated' && result.outcome === 'applied'
        expect(result.effects).toEqual(wipes ? ['wipe'] : [])
      })

  it.each(orderedServices)('dormant, then %s: applied; again: repeated, without effects', (to) => {
    const first = give(dormantLine('l'), order(to, 1, 0))
    expect(first.outcome).toBe('applied')
    const again = give(first.state, order(to, 1, 0))
    expect(again).toEqual({ state: first.state, outcome: 'repeated', effects: [] })
  })

  it('members in another order are the same content', () => {
    const desired = order('enabled', 1, 1)
    const turned = Object.fromEntries(Object.entries(desired).reverse()) as unknown as Desired
    expect(give(lineAfter(desired), turned).outcome).toBe('repeated')
  })
})

describe('order of arrival', () => {
  const all = orderedServices.flatMap((service) =>
    [1, 2].flatMap((generation) => [1, 2, 3].map((sequence) => order(service, generation, sequence))),
  )

  it('every pair of orders, in both orders, ends in the same state', () => {
    let pairs = 0
    for (const a of all)
      for (const b of all) {
        // Two contents under one pair of numbers is a backend's mistake: the first stays, LINE_CONFLICT is reported.
        if (a !== b && a.generation === b.generation && a.sequence === b.sequence) continue
        expect(seen(lineAfter(a, b)), JSON.stringify([a, b])).toBe(seen(lineAfter(b, a)))
        expect(lineAfter(a, b)).toEqual(lineAfter(b, a))
        pairs++
      }
    expect(pairs).toBe(24 * 24 - 24 * 3)
  })

  it('any sequence of orders, in any order, with repeats, ends in the same state', () => {
    const distinct = fc.uniqueArray(fc.constantFrom(...all), {
      selector: (desired) => `${desired.generation}.${desired.sequence}`,
    })
    fc.assert(
      fc.property(distinct, fc.infiniteStream(fc.nat()), (orders, stream) => {
        const random = [...orders, ...orders].map((desired) => ({ desired, at: stream.next().value ?? 0 }))
        const shuffled = random.sort((a, b) => a.at - b.at).map(({ desired }) => desired)
        expect(lineAfter(...shuffled)).toEqual(lineAfter(...orders))
      }),
    )
  })
})

describe('after the line role has got all new keys (epoch)', () => {
  const burnt = order('disabled', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  it('numbers that a thief burnt are free again', () => {
    const result = give(lineAfter(burnt), order('enabled', 1, 1), 2)
    expect([result.outcome, seen(result.state)]).toEqual(['applied', 'enabled 1.1'])
  })
  it('the same order signed anew is a repeat; older ones still are older', () => {
    const state = lineAfter(order('enabled', 2, 5))
    const again = give(state, order('enabled', 2, 5), 2)
    expect([again.outcome, again.state.epoch]).toEqual(['repeated', 2])
    expect(give(again.state, order('disabled', 2, 4), 2).outcome).toBe('ignored')
    expect(give(again.state, order('disabled', 9, 9), 1).outcome).toBe('ignored')
  })
})
