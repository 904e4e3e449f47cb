import { RESOLVER_BYPASS } from '../category.ts'
import type { Matcher } from './matcher.ts'
import { NOT_LISTED, verdictCategory } from './verdict.ts'

/** What the query chain asks (query/policy.ts): the matcher's verdict, while filtering is on. */
export class ListPolicy {
  readonly #matcher: Pick<Matcher, 'verdict' | 'exempt' | 'revision'>
  readonly #refuseBypass: boolean
  #filtering = false
  #switches = 0

  /** @param refuseBypass false: names of public encrypted resolvers are let through */
  constructor(matcher: Pick<Matcher, 'verdict' | 'exempt' | 'revision'>, refuseBypass: boolean) {
    this.#matcher = matcher
    this.#refuseBypass = refuseBypass
  }

  get filtering(): boolean {
    return this.#filtering
  }

  set filtering(filtering: boolean) {
    if (filtering === this.#filtering) return
    this.#filtering = filtering
    this.#switches++
  }

  /** Both parts only grow, so their sum changes whenever either does. */
  get revision(): number {
    return this.#matcher.revision + this.#switches
  }

  /** @returns the category of the block, or -1 */
  verdict(wire: Uint8Array, start: number): number {
    const verdict = this.#matcher.verdict(wire, start)
    if (verdict === NOT_LISTED) return -1
    const category = verdictCategory(verdict)
    return category === RESOLVER_BYPASS && !this.#refuseBypass ? -1 : category
  }

  exempt(wire: Uint8Array, start: number): boolean {
    return this.#matcher.exempt(wire, start) !== null
  }
}
