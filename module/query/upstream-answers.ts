import { type Answer, readAnswer } from '../dns/answer.ts'
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
const noAuthority = emptyTail(Rcode.SERVFAIL, nobodyAnswered)
const noAuthorityErrors = errorOptions(nobodyAnswered)
const unusable = emptyTail(Rcode.SERVFAIL, [
  { code: Ede.NETWORK_ERROR, text: 'the resolver’s reply cannot be used' },
])
const networkError = emptyTail(Rcode.SERVFAIL, [
  { code: Ede.NETWORK_ERROR, text: 'no resolver can be reached' },
])

const failureTails: Record<ForwardFailure, ReplySections> = {
  timeout: noAuthority,
  network: networkError,
  unusable,
  overload: tails.serverFailure,
  stopped: tails.serverFailure,
}

/** RFC 8767 §4: these alone take the place of what is known; any other RCODE is the server's trouble. */
const isNews = ({ rcode, truncated }: Answer) =>
  (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) && !truncated

/** Without an OPT upstream has not seen DO, and left out what it was asked for (RFC 3225 §3). */
const mayBeKept = (query: Query, answer: Answer) => answer.ttl > 0 && (answer.hasOpt || !query.dnssecOk)

export interface UpstreamAnswersOptions {
  cache: Cache
  policy: QueryPolicy
  inspect: AnswerInspector
}

/** What an answer from upstream, or its failure, means for the client who waits and for the cache. */
export class UpstreamAnswers {
  readonly #options: UpstreamAnswersOptions

  constructor(options: UpstreamAnswersOptions) {
    this.#options = options
  }

  #remember(query: Query, answer: Answer): void {
    const { cache, policy } = this.#options
    if (mayBeKept(query, answer)) cache.set(query.key, answer, answer.ttl, policy.revision)
    // What has expired never comes back as stale once there was a newer answer.
    else if (isNews(answer)) cache.delete(query.key)
    else if (answer.rcode === Rcode.SERVFAIL && !cache.stale(query.key))
      cache.set(query.key, answer, FAILURE_SECONDS, policy.revision)
  }

  /** The reply to a client, by an answer from upstream, which is remembered. */
  reply(query: Query, given: Answer): Buffer {
    const { cache, inspect } = this.#options
    query.restoreName()
    const answer = given.hasProofs && !query.dnssecOk ? withoutProofs(given) : given
    if (answer === null) return this.fail(query, 'unusable')
    const refused = inspect(query, answer)
    if (refused !== null) {
      if (isNews(answer)) cache.delete(query.key)
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

  /** An expired answer, judged again if it must be. */
  stale(query: Query): Buffer | null {
    const { cache, policy, inspect } = this.#options
    const entry = cache.stale(query.key)
    if (entry === null) return null
    if (entry.revision !== policy.revision) {
      query.restoreName()
      const answer = restoreAnswer(entry)
      const refused = inspect(query, answer)
      if (refused !== null) return refused
      entry.rejudged(answer, policy.revision)
    }
    entry.staleUntil = cache.seconds() + FAILURE_SECONDS
    return serveStale(query, entry)
  }

  /** The reply to a client that upstream has no answer for. */
  fail(query: Query, failure: ForwardFailure): Buffer {
    const { cache, policy } = this.#options
    const stale = this.stale(query)
    if (stale !== null) return stale
    query.reason = 'upstream-failure'
    const reply = replyWith(query, failureTails[failure])
    // RFC 9520 §2.2: silence is a failure to remember too; what cannot be reached may be back at once.
    if (failure === 'timeout') {
      const answer = readAnswer(reply, query.end)
      if (answer !== null)
        cache.set(query.key, { ...answer, errors: noAuthorityErrors }, FAILURE_SECONDS, policy.revision)
    }
    return reply
  }
}
