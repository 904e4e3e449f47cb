import { writeFileSync } from 'node:fs'
import { freshNames, seeded, shuffled } from './names.ts'

/** Questions of one kind, as dnsperf reads them: a name and a type a line. */
export type Kind = 'blocked' | 'cached' | 'misses' | 'mixed'

export interface World {
  /** Names on the list, shuffled. */
  listed: readonly string[]
  real: readonly string[]
  /** Names that a household asks again and again. */
  popular: readonly string[]
}

const triple = (name: string) => `${name} A\n${name} AAAA\n${name} HTTPS\n`
const POPULAR_NAMES = 1000

export function makeWorld(listed: readonly string[], real: readonly string[]): World {
  const next = freshNames(real, 'popular')
  return { listed, real, popular: Array.from({ length: POPULAR_NAMES }, next) }
}

/** Rank of a name asked by people: Zipf's law with exponent 1, by inversion of its (continuous) distribution. */
export function zipfRank(count: number, random: () => number): number {
  return Math.min(count - 1, Math.floor(Math.exp(random() * Math.log(count + 1))) - 1)
}

/** 80 % known names, 19 % new ones, 1 % listed; each as browsers ask it: A, AAAA and HTTPS. */
export function mixedLines(world: World, visits: number, mark: string): string[] {
  const random = seeded(visits)
  const fresh = freshNames(world.real, mark)
  return Array.from({ length: visits }, () => {
    const dice = random()
    if (dice < 0.8) return triple(world.popular[zipfRank(world.popular.length, random)]!)
    if (dice < 0.99) return triple(fresh())
    return triple(world.listed[Math.floor(random() * world.listed.length)]!)
  })
}

/**
 * @param count questions, about
 * @param mark makes new names new: another one for every run
 */
export function linesOf(kind: Kind, world: World, count: number, mark: string): string[] {
  switch (kind) {
    case 'blocked':
      return world.listed.slice(0, count).map((name) => `${name} A\n`)
    case 'cached':
      return shuffled(
        world.popular.flatMap((name) => [`${name} A\n`, `${name} AAAA\n`]),
        seeded(count),
      )
    case 'misses': {
      const fresh = freshNames(world.real, mark)
      return Array.from({ length: count }, () => `${fresh()} A\n`)
    }
    case 'mixed':
      return mixedLines(world, Math.ceil(count / 3), mark)
  }
}

export function writeTraffic(path: string, lines: readonly string[]): string {
  writeFileSync(path, lines.join(''))
  return path
}
