import { categories } from '../../category.ts'
import { nameFromText } from '../../dns/name.ts'
import { createMatcher } from '../matcher.ts'
import { neverBlockCore } from '../never-block.ts'
import type { Store } from '../store/store.ts'
import { popularNames } from './popular-names.ts'

/** @returns why a candidate must not serve, or null */
export type AcceptanceCheck = (candidate: Store) => string | null

export interface AcceptanceOptions {
  /** `<category>.<testZone>` must be blocked. */
  testZone: string
  /** Never-block names of the configuration, besides the module's own. */
  neverBlock?: readonly string[]
  popular?: readonly string[]
}

/** Asks the list alone: what core and allow would forgive is a wrong list all the same. */
export function createAcceptanceCheck({
  testZone,
  neverBlock = [],
  popular = popularNames,
}: AcceptanceOptions): AcceptanceCheck {
  return (candidate) => {
    const matcher = createMatcher({ store: candidate, allow: [], core: [] })
    const blocked = (name: string) => {
      const wire = nameFromText(name)
      return wire !== null && matcher.verdict(wire, 0) !== 0
    }
    for (const category of categories)
      if (!blocked(`${category}.${testZone}`)) return `test name ${category}.${testZone} is not blocked`
    for (const name of neverBlockCore) if (blocked(name)) return `${name} of the never-block core is blocked`
    for (const name of neverBlock) if (blocked(name)) return `${name} of dns.neverBlock is blocked`
    for (const name of popular) if (blocked(name)) return `the popular ${name} is blocked`
    return null
  }
}
