import { describe, expect, it } from 'vitest'
import { type Answer, readAnswer } from '../../module/dns/answer.ts'
import { restoreAnswer } from '../../module/dns/stored-answer.ts'
import { Cache } from '../../module/query/cache.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { query, rdata, reply } from '../helpers/wire.ts'

const message = query()
const answer = readAnswer(
  reply(message, { answers: [{ type: 1, rdata: rdata.a('192.0.2.1') }] }),
  29,
) as Answer

describe('the cache', () => {
  it('never holds more bytes than it may, however many unique names come', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 100_000 })
    for (let i = 0; i < 50_000; i++) {
      cache.set(`random${i}`, answer, 300, 1)
      expect(cache.bytes).toBeLessThanOrEqual(100_000)
    }
    expect(cache.size).toBeGreaterThan(100)
  })

  it('hot entries survive a flood of random names', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 100_000 })
    const hot = Array.from({ length: 50 }, (_, i) => `hot${i}`)
    for (const key of hot) cache.set(key, answer, 300, 1)
    for (let i = 0; i < 20_000; i++) {
      cache.set(`random${i}`, answer, 300, 1)
      const entry = cache.get(hot[i % hot.length]!)
      if (entry) entry.visited = true
    }
    expect(hot.filter((key) => cache.get(key) !== undefined)).toHaveLength(50)
  })

  it('without use they do not: it is the asking that keeps them', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 100_000 })
    cache.set('cold', answer, 300, 1)
    for (let i = 0; i < 20_000; i++) cache.set(`random${i}`, answer, 300, 1)
    expect(cache.get('cold')).toBeUndefined()
  })

  it('gives back the bytes of what is replaced, deleted or cleared', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 100_000 })
    cache.set('a', answer, 300, 1)
    const one = cache.bytes
    cache.set('a', answer, 60, 1)
    expect(cache.bytes).toBe(one)
    cache.delete('a')
    expect(cache.bytes).toBe(0)
    cache.set('b', answer, 300, 1)
    cache.clear()
    expect([cache.bytes, cache.size]).toEqual([0, 0])
  })

  it('gives an answer back as it was', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 100_000 })
    cache.set('a', answer, 300, 1)
    const { bytes, ...rest } = restoreAnswer(cache.get('a')!)
    const { bytes: before, ...others } = answer
    expect(rest).toEqual(others)
    expect(bytes.subarray(12)).toEqual(before.subarray(12))
  })

  it('does not keep what is larger than an eighth of it', () => {
    const cache = new Cache({ clock: new FakeClock(), bytes: 2000 })
    cache.set('a', answer, 300, 1)
    expect(cache.size).toBe(0)
  })
})
