import { describe, expect, it } from 'vitest'
import { weekOf } from '../../module/blockpage/page-data.ts'
import { Counters } from '../../module/telemetry/counters.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const DAY = 86_400_000

describe('counters', () => {
  it('counts by reason and category', () => {
    const counters = new Counters(() => 0)
    counters.observe({ reason: 'cached', category: -1 })
    counters.observe({ reason: 'blocked', category: 1 })
    counters.observe({ reason: 'blocked-target', category: 0 })
    expect(counters.take()).toEqual({
      questions: 3,
      byReason: { cached: 1, blocked: 1, 'blocked-target': 1 },
      blockedByCategory: { phishing: 1, malware: 1 },
    })
    expect(counters.take().questions).toBe(0)
  })

  it('a week is seven days, and a closed bypass is no threat', () => {
    const clock = new FakeClock()
    const counters = new Counters(() => clock.now())
    counters.observe({ reason: 'blocked', category: 1 })
    clock.advance(3 * DAY)
    counters.observe({ reason: 'blocked', category: 1 })
    counters.observe({ reason: 'resolver-bypass', category: 5 })
    expect([...weekOf(counters.lastDays())]).toEqual([['phishing', 2]])
    clock.advance(5 * DAY)
    expect([...weekOf(counters.lastDays())]).toEqual([['phishing', 1]])
  })

  it('survives a restart, and leaves nothing after a wipe', () => {
    const before = new Counters(() => 0)
    before.observe({ reason: 'blocked', category: 0 })
    const after = new Counters(() => 0)
    after.restore(before.history())
    expect([...weekOf(after.lastDays())]).toEqual([['malware', 1]])
    after.wipe()
    expect([...weekOf(after.lastDays()), ...after.history()]).toEqual([])
  })

  it('adds what another thread has counted, and forgets it there', () => {
    const clock = new FakeClock()
    const [main, other] = [new Counters(() => clock.now()), new Counters(() => clock.now())]
    main.observe({ reason: 'blocked', category: 1 })
    for (const category of [1, 0]) other.observe({ reason: 'blocked', category })
    other.observe({ reason: 'resolver-bypass', category: 5 })
    other.observe({ reason: 'cached', category: -1 })
    main.add(other.takeAll())
    main.add(other.takeAll())
    expect(main.peek()).toEqual({
      questions: 5,
      byReason: { blocked: 3, 'resolver-bypass': 1, cached: 1 },
      blockedByCategory: { malware: 1, phishing: 2, 'resolver-bypass': 1 },
    })
    expect(Object.fromEntries(weekOf(main.lastDays()))).toEqual({ malware: 1, phishing: 2 })
    expect([...weekOf(other.lastDays()), other.peek().questions]).toEqual([0])
  })
})
