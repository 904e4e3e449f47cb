import { describe, expect, it } from 'vitest'
import { freshNames, makeNames, realNames, seeded } from '../../scripts/bench/names.ts'
import { linesOf, makeWorld, zipfRank } from '../../scripts/bench/traffic.ts'

const real = realNames()

describe('names of the bench', () => {
  it('are the same for the same seed, all different, and hold the real ones', () => {
    const names = makeNames(20_000, real)
    expect(names).toEqual(makeNames(20_000, real))
    const held = new Set(names)
    expect(held.size).toBe(20_000)
    expect(real.every((name) => held.has(name))).toBe(true)
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/)
  })

  it('differ with the seed', () => {
    expect(makeNames(20_000, real, 2)).not.toEqual(makeNames(20_000, real, 1))
  })

  it('never hold one bare word under a TLD, but for the real ones: that may be somebody’s good name', () => {
    const known = new Set(real)
    const bare = makeNames(40_000, real).filter((name) => /^[a-z]+\.[a-z]+$/.test(name) && !known.has(name))
    expect(bare).toEqual([])
  })

  it('that are new to every list are new under each mark', () => {
    const [one, two] = [freshNames(real, 'a1'), freshNames(real, 'b1')]
    const names = [...Array.from({ length: 5000 }, one), ...Array.from({ length: 5000 }, two)]
    expect(new Set(names).size).toBe(10_000)
  })
})

describe('household traffic', () => {
  const world = makeWorld(makeNames(15_000, real), real)

  it('is 80 % known, 19 % new and 1 % listed names, each in a triple', () => {
    const listed = new Set(world.listed)
    const popular = new Set(world.popular)
    const visits = linesOf('mixed', world, 60_000, 'm').map((line) => line.split('\n').filter(Boolean))
    let [known, blocked] = [0, 0]
    for (const questions of visits) {
      const [name] = questions[0]!.split(' ')
      expect(questions).toEqual([`${name} A`, `${name} AAAA`, `${name} HTTPS`])
      if (popular.has(name!)) known++
      if (listed.has(name!)) blocked++
    }
    expect(known / visits.length).toBeCloseTo(0.8, 1)
    expect(blocked / visits.length).toBeGreaterThan(0.005)
    expect(blocked / visits.length).toBeLessThan(0.015)
  })

  it('asks the first names most, as Zipf’s law has it', () => {
    const random = seeded(3)
    const counts = new Array<number>(1000).fill(0)
    for (let i = 0; i < 100_000; i++) counts[zipfRank(1000, random)]!++
    expect(counts[0]! / counts[9]!).toBeGreaterThan(5)
    expect(counts.every((count) => count >= 0)).toBe(true)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100_000)
  })
})
