import { isLoopback } from '../base/address-class.ts'
import type { ClientKey } from '../base/client-key.ts'
import { ClientQuota } from '../base/client-quota.ts'
import type { Clients } from '../base/clients.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { type Answer, readAnswer } from '../dns/answer.ts'
import { Ede, Rcode } from '../dns/constants.ts'
import { errorOptions } from '../dns/edns.ts'
import { forwardable } from '../dns/query-message.ts'
import { emptyTail, type ReplySections, replyWith, tails } from '../dns/reply.ts'
import { restoreAnswer } from '../dns/stored-answer.ts'
import { writeReply } from '../dns/write-reply.ts'
import type { AnswerInspector } from './answer-inspector.ts'
import type { Cache } from './cache.ts'
import type { QueryPolicy } from './policy.ts'
import { PENDING, type Query, type QueryStep } from './query.ts'
import { serveStale } from './serve-stale.ts'

export type ForwardFailure = 'timeout' | 'network' | 'overload' | 'stopped'

/** A reply that came and cannot be read, or is of an RCODE that no client could be told, is a failure too. */
type Failure = ForwardFailure | 'unusable'

/** What this step needs of upstream/. */
export interface UpstreamPort {
  exchange(
    exchange: {
      key: string
      message: Buffer
      clientKey: ClientKey
      tcp: boolean
      view: number
      local: boolean
    },
    done: (reply: Buffer | null, failure: ForwardFailure | null) => void,
  ): void
}

export interface ForwardOptions {
  upstream: UpstreamPort
  cache: Cache
  policy: QueryPolicy
  inspect: AnswerInspector
  clients: Clients
  clock: Clock
  /** Told of every query that has its answer. */
  observe: (query: Query) => void
}

/** RFC 9520 §3.2: failures are remembered for 1 to 5 seconds. */
const FAILURE_SECONDS = 2
/** RFC 8767 §5, client response timer: after it a stale answer goes out, and the exchange goes on. */
const STALE_AFTER_MS = 1800

const nobodyAnswered = [{ code: Ede.NO_REACHABLE_AUTHORITY, text: 'no resolver answered' }]
const noAuthority = emptyTail(Rcode.SERVFAIL, nobodyAnswered)
const noAuthorityErrors = errorOptions(nobodyAnswered)
const unusable = emptyTail(Rcode.SERVFAIL, [
  { code: Ede.NETWORK_ERROR, text: 'the resolver’s reply cannot be used' },
])
const networkError = emptyTail(Rcode.SERVFAIL, [
  { code: Ede.NETWORK_ERROR, text: 'no resolver can be reached' },
])

/** Over it, a device gets SERVFAIL at once: it must not take the room of all others. The modem itself is not limited. */
const IN_FLIGHT_PER_CLIENT = 1024

const failureTails: Record<Failure, ReplySections> = {
  timeout: noAuthority,
  network: networkError,
  unusable,
  overload: tails.serverFailure,
  stopped: tails.serverFailure,
}

export interface Forward {
  /** Asks upstream and answers later. */
  step: QueryStep
  /** Asks upstream for the cache alone. */
  refresh: (query: Query) => void
}

/** The clients that share an exchange get the very same reply: it is walked once. */
function createReader(): (reply: Buffer, questionEnd: number) => Answer | null {
  let lastReply: Buffer | null = null
  let lastAnswer: Answer | null = null
  return (reply, questionEnd) => {
    if (reply !== lastReply) {
      lastReply = reply
      lastAnswer = readAnswer(reply, questionEnd)
    }
    return lastAnswer
  }
}

export function createForward(options: ForwardOptions): Forward {
  const { upstream, cache, policy, inspect, clients, clock, observe } = options
  const places = new ClientQuota({ perClient: IN_FLIGHT_PER_CLIENT })
  const answerIn = createReader()

  const remember = (query: Query, answer: Answer): void => {
    if (answer.ttl > 0) cache.set(query.key, answer, answer.ttl, policy.revision)
    else if (answer.rcode === Rcode.SERVFAIL && !cache.stale(query.key))
      cache.set(query.key, answer, FAILURE_SECONDS, policy.revision)
  }

  const replyTo = (query: Query, reply: Buffer): Buffer => {
    query.restoreName()
    const answer = answerIn(reply, query.end)
    if (answer === null || answer.rcode > 15) return failWith(query, 'unusable')
    const refused = inspect(query, answer)
    if (refused !== null) return refused
    if (answer.rcode === Rcode.SERVFAIL) {
      const stale = staleReply(query)
      if (stale !== null) return stale
    }
    remember(query, answer)
    query.reason = query.local ? 'local-name' : 'forwarded'
    return writeReply(query, answer, { limit: query.limit, age: 0 })
  }

  /** An expired answer, judged again if it must be. */
  const staleReply = (query: Query): Buffer | null => {
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

  const failWith = (query: Query, failure: Failure): Buffer => {
    const stale = staleReply(query)
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

  const ask = (
    query: Query,
    client: ClientKey,
    done: (reply: Buffer | null, failure: ForwardFailure | null) => void,
  ) => {
    const { key, transport, view, local } = query
    const message = forwardable(query)
    upstream.exchange({ key, message, clientKey: client, tcp: transport === 'tcp', view, local }, done)
  }

  const step: QueryStep = (query) => {
    const { key: client, isOurs } = clients.of(query.clientAddress)
    const isLimited = !isOurs && !isLoopback(query.clientAddress)
    if (isLimited && !places.take(client)) {
      query.reason = 'rate-limited'
      return replyWith(query, tails.serverFailure)
    }
    let timer: Timer | null = null
    let answered = false
    const finish = (reply: Buffer) => {
      if (answered) return
      answered = true
      timer?.cancel()
      observe(query)
      query.respond?.(reply)
    }
    if (cache.get(query.key) !== undefined) {
      timer = clock.after(STALE_AFTER_MS, () => {
        const stale = staleReply(query)
        if (stale !== null) finish(stale)
      })
    }
    ask(query, client, (reply, failure) => {
      if (isLimited) places.giveBack(client)
      // Late or not, a good reply is remembered.
      const answer = reply === null ? failWith(query, failure ?? 'network') : replyTo(query, reply)
      finish(answer)
    })
    return PENDING
  }

  const refresh = (asked: Query): void => {
    const query = asked.copy()
    ask(query, clients.of(query.clientAddress).key, (reply) => {
      const entry = cache.get(query.key)
      if (entry) entry.refreshing = false
      if (reply !== null) replyTo(query, reply)
    })
  }

  return { step, refresh }
}
