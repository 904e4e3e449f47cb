import { ownClientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'
import type { Answer } from '../dns/answer.ts'
import { Flag, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { forwardable, queryMessage } from '../dns/query-message.ts'
import { Question } from '../dns/question.ts'
import type { UpstreamPort } from './forward.ts'
import type { Nat64 } from './nat64.ts'
import type { Query } from './query.ts'
import type { AnswerReason } from './reason.ts'

/** What the stock resolver holds itself: upstream/own-data.ts. */
export interface OwnDataPort {
  ask(name: Uint8Array, type: number, done: (own: Answer | null) => void): void
}

export interface SecondLookOptions {
  upstream: Pick<UpstreamPort, 'exchange'>
  ownData: OwnDataPort
  nat64: Nat64
  clock: Clock
}

/** A prefix hardly ever changes; a stranger's names must not make us ask at their pace. */
const ASK_AGAIN_MS = 60_000
const ipv4only = nameFromText('ipv4only.arpa')!
const heldReasons: readonly AnswerReason[] = ['rebinding', 'blocked-target', 'blocked-upstream']

function pref64Question(): Buffer {
  const question = new Question(queryMessage(ipv4only, Type.AAAA))
  question.read()
  return forwardable(question)
}

/**
 * An answer that was held back may be right: the household's own (docs/adr/0015-household-names.md), or one that DNS64 has
 * made with a private prefix. What tells is asked for only then, so that it costs nothing otherwise.
 */
export class SecondLook {
  readonly #options: SecondLookOptions
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(options: SecondLookOptions) {
    this.#options = options
  }

  /** Whether `of` may come to something else. @param query as the inspector has left it */
  mayHelp(query: Query, answer: Answer): boolean {
    if (query.view !== 0 || !heldReasons.includes(query.reason)) return false
    return this.#maySayPrefix(query) || (answer.bytes.readUInt16BE(2) & Flag.AA) !== 0
  }

  /** @param done once, later: the answer to be judged again; null: what was decided stands */
  of(query: Query, answer: Answer, done: (again: Answer | null) => void): void {
    if (this.#maySayPrefix(query)) this.#askPrefix((isKnown) => done(isKnown ? answer : null))
    else this.#askOwner(query, done)
  }

  #maySayPrefix(query: Query): boolean {
    const { clock } = this.#options
    return (
      query.type === Type.AAAA &&
      query.reason === 'rebinding' &&
      clock.monotonic() - this.#askedAt >= ASK_AGAIN_MS
    )
  }

  #askPrefix(done: (isKnown: boolean) => void): void {
    const { upstream, nat64, clock } = this.#options
    // One key: all who wait share one exchange.
    const exchange = { key: 'nat64', message: pref64Question(), clientKey: ownClientKey('nat64') }
    upstream.exchange({ ...exchange, tcp: false, view: 0, local: false }, (answer) => {
      this.#askedAt = clock.monotonic()
      done(answer !== null && nat64.learn(answer))
    })
  }

  #askOwner(query: Query, done: (own: Answer | null) => void): void {
    query.restoreName()
    const name = Question.name.subarray(0, query.nameLength)
    this.#options.ownData.ask(name, query.type, (own) => {
      if (own === null) return done(null)
      query.local = true
      // Not kept: in the cache it would be judged as a stranger's when the list changes.
      done({ ...own, ttl: 0 })
    })
  }
}
