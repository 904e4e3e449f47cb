import type { Clients } from '../base/clients.ts'
import type { Clock } from '../base/clock.ts'
import type { AnswerInspector } from './answer-inspector.ts'
import { any } from './any.ts'
import type { BlockedReply } from './blocked.ts'
import type { Cache } from './cache.ts'
import { cached } from './cached.ts'
import { createForward, type UpstreamPort } from './forward.ts'
import { guard, type RateLimit } from './guard.ts'
import type { QueryPolicy } from './policy.ts'
import { NEXT, PENDING, type Query, type QueryStep, type StepResult } from './query.ts'
import type { SecondLook } from './second-look.ts'
import { type HouseholdNames, specialNames } from './special-names.ts'
import { verdict } from './verdict.ts'

export interface ChainParts {
  policy: QueryPolicy
  rateLimit: RateLimit
  cache: Cache
  inspect: AnswerInspector
  blocked: BlockedReply
  upstream: UpstreamPort
  clients: Clients
  clock: Clock
  /** Zones that the stock resolver owns. */
  localZones: readonly string[]
  /** What else its configuration says. @default none */
  household?: HouseholdNames
  /** @default none */
  secondLook?: Pick<SecondLook, 'mayHelp' | 'of'>
  refuseBypass: boolean
  /** Whose upstream and answers a client gets, by its address; null: all get the same. */
  viewOf?: ((client: string) => number) | null
  /** Told of every query that has its answer, for counting; must be quick. */
  observe: (query: Query) => void
}

/**
 * The way of one query, from top to bottom. Synchronous but for what upstream must answer:
 *
 *     client ── udp/tcp ──> guard ─> special names ─> cache ─> verdict ─> ANY ─> forward ──> resolver behind us
 *        <── reply ───────────┴───────────┴────────────┴─────────┴─────────┴─── inspect <─────────┘
 *
 * @returns a function that gives the reply at once, DROP, or PENDING: then `query.respond` is called later
 */
export function createChain(parts: ChainParts): (query: Query) => StepResult {
  const { policy, cache, inspect, blocked, upstream, clients, clock, observe, viewOf } = parts
  const forward = createForward({
    ...{ upstream, cache, policy, inspect, clients, clock, observe },
    secondLook: parts.secondLook ?? null,
  })

  const steps: readonly QueryStep[] = [
    // First, so that nothing is spent on what is malformed or too much.
    guard(parts.rateLimit),
    // Before the cache and the list: these names never leave the modem, or belong to the stock resolver, whatever a list says.
    specialNames(policy, parts.localZones, parts.refuseBypass, parts.household),
    // Before the verdict: what is stored was judged under the same revision, and a hit saves the look-up.
    cached({ cache, policy, inspect, refresh: forward.refresh }),
    // Before anything leaves the modem: a listed name is never asked for.
    verdict(policy, blocked),
    // After the verdict, so that a listed name is blocked for ANY too (RFC 8482 leaves the choice to us).
    any,
    // Last: the only step that waits. Its answer is judged link by link before it is stored or served.
    forward.step,
  ]

  return (query) => {
    if (viewOf) query.view = viewOf(query.clientAddress)
    for (let i = 0; i < steps.length; i++) {
      const outcome = steps[i]!(query)
      if (outcome === NEXT) continue
      if (outcome !== PENDING) observe(query)
      return outcome
    }
    throw new Error('the last step of the chain must answer')
  }
}
