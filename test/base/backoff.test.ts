import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoff, jitteredBackoff } from '../../module/base/backoff.ts'

const range = { firstMs: 1000, longestMs: 60_000 }

describe('backoff', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [6, 32_000],
    [7, 60_000],
    [100_000, 60_000],
  ])('after %i failures: %i ms', (failures, ms) => {
    expect(backoff(failures, range)).toBe(ms)
  })
})

describe('jitteredBackoff', () => {
  it.each([
    [1, 0.5, 0, 500],
    [2, 0.5, 0, 1000],
    [3, 0.999, 0, 3996],
    [7, 0.5, 0, 30_000],
    [1000, 0.5, 0, 30_000],
    [5, 0, 0, 0],
    [1, 0, 200, 200],
    [1, 0.5, 200, 600],
  ])('after %i failures, random %f, at least %i: %i ms', (failures, random, leastMs, ms) => {
    expect(jitteredBackoff(failures, range, random, leastMs)).toBe(ms)
  })

  it('stays between the least and the doubled wait', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        (failures, random, leastMs) => {
          const ms = jitteredBackoff(failures, range, random, leastMs)
          expect(ms).toBeGreaterThanOrEqual(leastMs)
          expect(ms).toBeLessThanOrEqual(backoff(failures, range))
        },
      ),
    )
  })
})
