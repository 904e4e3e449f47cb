import type { Answer } from '../dns/answer.ts'
import { readAnswer } from '../dns/answer.ts'
import { Ede, Rcode } from '../dns/constants.ts'
import { errorOptions } from '../dns/edns.ts'
import { emptyTail, type ReplySections, replyWith, tails } from '../dns/reply.ts'
import { restoreAnswer } from '../dns/stored-answer.ts'
import { withoutProofs } from '../dns/without-proofs.ts'
import { writeReply } from '../dns/write-reply.ts'
import type { AnswerInspector } from './answer-inspector.ts'
import type { Cache } from './cache.ts'
import type { QueryPolicy } from './policy.ts'
import type { Query } from './query.ts'
import { serveStale } from './serve-stale.ts'

/** `unusable`: a reply that came and cannot be read, or is of an RCODE that no client could be told. */
export type ForwardFailure = 'timeout' | 'network' | 'overload' | 'stopped' | 'unusable'

/** RFC 9520 §3.2: failures are remembered for 1 to 5 seconds. */
const FAILURE_SECONDS = 2

const nobodyAnswered = [{ code: Ede.NO_REACHABLE_AUTHORITY, text: 'no resolver answered' }]
const noAuthorityErrors = errorOptions(nobodyAnswered)
const networkError = (text: string) => emptyTail(Rcode.SERVFAIL, [{ code: Ede.NETWORK_ERROR, text }])

const failureTails: Record<ForwardFailure, ReplySections> = {
  timeout: emptyTail(Rcode.SERVFAIL, nobodyAnswered),
  network: networkError('no resolver can be reached'),
  unusable: networkError('the resolver’s reply cannot be used'),
  overload: tails.serverFailure,
  stopped: tails.serverFailure,
}

/** RFC 8767 §4: these alone take the place of what is known; any other RCODE is the server's trouble. */
const isNews = ({ rcode, truncated }: Answer) =>
  (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && !truncated

/** Without an OPT upstream has not seen DO, and left out what it was asked for (RFC 3225 §3). */
const mayBeKept = (query: Query, answer: Answer) => answer.ttl > 0 && (answer.hasOpt || !query.dnssecOk)

/** What a client gets of what came from upstream, or did not come, and what is kept of it. */
export class ClientReply {
  readonly #cache: Cache
  readonly #policy: QueryPolicy
  readonly #inspect: AnswerInspector

  constructor(parts: { cache: Cache; policy: QueryPolicy; inspect: AnswerInspector }) {
    this.#cache = parts.cache
    this.#policy = parts.policy
    this.#inspect = parts.inspect
  }

  answered(query: Query, given: Answer): Buffer {
    query.restoreName()
    const answer = given.hasProofs && !query.dnssecOk ? withoutProofs(given) : given
    if (answer === null) return this.failed(query, 'unusable')
    const refused = this.#inspect(query, answer)
    if (refused !== null) {
      if (isNews(answer)) this.#cache.delete(query.key)
      return refused
    }
    if (!isNews(answer)) {
      const stale = this.stale(query)
      if (stale !== null) return stale
    }
    this.#remember(query, answer)
    query.reason = query.local ? 'local-name' : 'forwarded'
    return writeReply(query, answer, { limit: query.limit, age: 0 })
  }

  failed(query: Query, failure: ForwardFailure): Buffer {
    const stale = this.stale(query)
    if (stale !== null) return stale
    query.reason = 'upstream-failure'
    const reply = replyWith(query, failureTails[failure])
    // RFC 9520 §2.2: silence is a failure to remember too; what cannot be reached may be back at once.
    if (failure === 'timeout') {
      const answer = readAnswer(reply, query.end)
      if (answer !== null) this.#rememberFailure(query, { ...answer, errors: noAuthorityErrors })
    }
    return reply
  }

  /** @returns an expired answer, judged again if it must be; null where there is none */
  stale(query: Query): Buffer | null {
    const entry = this.#cache.stale(query.key)
    if (entry === null) return null
    const { revision } = this.#policy
    if (entry.revision !== revision) {
      query.restoreName()
      const answer = restoreAnswer(entry)
      const refused = this.#inspect(query, answer)
      if (refused !== null) return refused
      entry.rejudged(answer, revision)
    }
    entry.staleUntil = this.#cache.seconds() + FAILURE_SECONDS
    return serveStale(query, entry)
  }

  #remember(query: Query, answer: Answer): void {
    const cache = this.#cache
    if (mayBeKept(query, answer)) cache.set(query.key, answer, answer.ttl, this.#policy.revision)
    // What has expired never comes back as stale once there was a newer answer.
    else if (isNews(answer)) cache.delete(query.key)
    else if (answer.rcode === Rcode.SERVFAIL && !cache.stale(query.key)) this.#rememberFailure(query, answer)
  }

  #rememberFailure(query: Query, answer: Answer): void {
    this.#cache.set(query.key, answer, FAILURE_SECONDS, this.#policy.revision)
  }
}
