import type { Cookies } from './attempt.ts'

/** `opt`: EDNS at all (RFC 6891); `cookie` (RFC 7873); `case`: letters come back as they were sent (0x20). */
export type Feature = 'opt' | 'cookie' | 'case'

/** So many different names, and no answer in between that shows otherwise: one name's server speaks for itself alone. */
const WITNESSES = 3

interface Belief {
  /** An answer has shown that the server understands it. */
  understood: boolean
  /** Names whose questions were answered only without it. */
  readonly witnesses: string[]
  /** Tick until which it is not used. */
  offUntil: number
}

const unknown = (): Belief => ({ understood: false, witnesses: [], offUntil: 0 })

/**
 * What one resolver's answers have shown of it, and what it takes to believe it. A forwarder passes on what the server of
 * a name said: a FORMERR, a folded letter or a missing OPT need not be the resolver's own. So a feature that it has once
 * shown to understand stays in use, whatever one name does; only a resolver that came back after it was lost may be
 * another one, of which nothing is known. Times are ticks.
 */
export class ServerKnowledge implements Cookies {
  readonly clientCookie: Buffer
  serverCookie: Buffer | null = null
  readonly #offTicks: Readonly<Record<Feature, number>>
  #beliefs = { opt: unknown(), cookie: unknown(), case: unknown() }

  /** @param offTicks how long a feature that is not understood is left out, before it is tried again */
  constructor(clientCookie: Buffer, offTicks: Readonly<Record<Feature, number>>) {
    this.clientCookie = clientCookie
    this.#offTicks = offTicks
  }

  uses(feature: Feature, tick: number): boolean {
    return tick >= this.#beliefs[feature].offUntil
  }

  isUnderstood(feature: Feature): boolean {
    return this.#beliefs[feature].understood
  }

  understood(feature: Feature): void {
    const belief = this.#beliefs[feature]
    belief.understood = true
    belief.witnesses.length = 0
  }

  /** A question for `name` was answered without the feature, after it had failed with it. */
  refused(feature: Feature, name: string, tick: number): void {
    const belief = this.#beliefs[feature]
    if (belief.understood || belief.witnesses.includes(name)) return
    belief.witnesses.push(name)
    if (belief.witnesses.length < WITNESSES) return
    belief.witnesses.length = 0
    belief.offUntil = tick + this.#offTicks[feature]
  }

  /** It was lost and is back: perhaps it is another program. */
  forget(): void {
    this.serverCookie = null
    this.#beliefs = { opt: unknown(), cookie: unknown(), case: unknown() }
  }
}
