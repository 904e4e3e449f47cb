import { describe, expect, it } from 'vitest'
import { refilled, TokenBucket } from '../../module/base/token-bucket.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const rate = { perSecond: 5, burst: 3 }

describe('refilled', () => {
  it.each([
    [0, 0, 0],
    [0, 200, 1],
    [1.5, 100, 2],
    [2, 1000, 3],
    [3, 0, 3],
  ])('%f tokens, %i ms later: %f', (before, elapsedMs, after) => {
    expect(refilled(before, elapsedMs, rate)).toBe(after)
  })
})

describe('TokenBucket', () => {
  it('gives its burst at once, and then its rate', () => {
    const clock = new FakeClock()
    const bucket = new TokenBucket(rate, clock)
    const take = (times: number) => Array.from({ length: times }, () => bucket.take()).filter(Boolean).length
    expect(take(10)).toBe(3)
    clock.advance(1000)
    expect(take(10)).toBe(3)
    let taken = 0
    for (let ms = 0; ms < 10_000; ms += 50) {
      clock.advance(50)
      if (bucket.take()) taken++
    }
    expect(taken).toBe(50)
  })

  it('tells how long the next token takes', () => {
    const clock = new FakeClock()
    const bucket = new TokenBucket(rate, clock)
    expect(bucket.waitMs).toBe(0)
    for (let i = 0; i < 3; i++) bucket.take()
    expect(bucket.waitMs).toBe(200)
    clock.advance(150)
    expect(bucket.waitMs).toBeCloseTo(50)
    clock.advance(50)
    expect(bucket.take()).toBe(true)
  })
})
