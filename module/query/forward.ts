import { isLoopback } from '../base/address-class.ts'
import type { ClientKey } from '../base/client-key.ts'
import { ClientQuota } from '../base/client-quota.ts'
import type { Clients } from '../base/clients.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Answer } from '../dns/answer.ts'
import { forwardable } from '../dns/query-message.ts'
import { replyWith, tails } from '../dns/reply.ts'
import type { AnswerInspector } from './answer-inspector.ts'
import type { Cache } from './cache.ts'
import type { QueryPolicy } from './policy.ts'
import { PENDING, type Query, type QueryStep } from './query.ts'
import type { SecondLook } from './second-look.ts'
import { type ForwardFailure, UpstreamAnswers } from './upstream-answers.ts'

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
    done: (answer: Answer | null, failure: ForwardFailure | null) => void,
  ): void
}

export interface ForwardOptions {
  upstream: UpstreamPort
  cache: Cache
  policy: QueryPolicy
  inspect: AnswerInspector
  clients: Clients
  /** At answers that were held back. @default none */
  secondLook?: Pick<SecondLook, 'mayHelp' | 'of'> | null
  clock: Clock
  /** Told of every query that has its answer. */
  observe: (query: Query) => void
}

/** RFC 8767 §5, client response timer: after it a stale answer goes out, and the exchange goes on. */
const STALE_AFTER_MS = 1800

/** Over it, a device gets SERVFAIL at once: it must not take the room of all others. The modem itself is not limited. */
const IN_FLIGHT_PER_CLIENT = 1024

export interface Forward {
  /** Asks upstream and answers later. */
  step: QueryStep
  /** Asks upstream for the cache alone. */
  refresh: (query: Query) => void
}

export function createForward(options: ForwardOptions): Forward {
  const { upstream, cache, policy, inspect, clients, secondLook, clock, observe } = options
  const places = new ClientQuota({ perClient: IN_FLIGHT_PER_CLIENT })

  const answers = new UpstreamAnswers({ cache, policy, inspect })

  const judged = (query: Query, answer: Answer, done: (reply: Buffer) => void): void => {
    const reply = answers.reply(query, answer)
    if (secondLook?.mayHelp(query, answer))
      secondLook.of(query, answer, (again) => {
        if (again === null) done(answers.reply(query, answer))
        else judged(query, again, done)
      })
    else done(reply)
  }

  const ask = (
    query: Query,
    client: ClientKey,
    done: (answer: Answer | null, failure: ForwardFailure | null) => void,
  ) => {
    const { key, transport, view } = query
    const local = query.local || query.atStock
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
        const stale = answers.stale(query)
        if (stale !== null) finish(stale)
      })
    }
    ask(query, client, (answer, failure) => {
      if (isLimited) places.giveBack(client)
      // Late or not, a good reply is remembered.
      if (answer === null) finish(answers.fail(query, failure ?? 'network'))
      else judged(query, answer, finish)
    })
    return PENDING
  }

  const refresh = (asked: Query): void => {
    const query = asked.copy()
    ask(query, clients.of(query.clientAddress).key, (answer) => {
      const entry = cache.get(query.key)
      if (entry) entry.refreshing = false
      if (answer !== null) answers.reply(query, answer)
    })
  }

  return { step, refresh }
}
