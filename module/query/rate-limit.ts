import { isLoopback } from '../base/address-class.ts'
import type { Clients } from '../base/clients.ts'
import type { Clock } from '../base/clock.ts'
import { type Rate, refilled, TokenBucket } from '../base/token-bucket.ts'
import { ClientBuckets } from './client-buckets.ts'
import type { RateLimit } from './guard.ts'

export interface RateLimitOptions {
  clock: Clock
  clients: Clients
  /** Per client. Left out: `LAN_DEFAULT` for clients of the LAN, none for the modem's own (loopback). */
  queriesPerSecond?: number | undefined
  /** Queries that a client may ask at once. */
  burst: number
  /** Threads that each admit their part of all this; 1 where left out. */
  sharedBy?: number
}

export interface Pace {
  /** ms until the client may ask its next question; 0: now. A connection is not read before. */
  waitMs(address: string): number
}

const LAN_DEFAULT = 2000
/** Errors a second, and at once. RFC 8906 §3 wants every error answered; nobody who asks in earnest makes so many. */
const ERRORS: Rate = { perSecond: 100, burst: 200 }
/** What all of one link may ask beyond what each has saved, as so many clients. */
const POOL = 2
/** Of a client's rate, what it saves for itself, whatever the others of its link ask. */
const SAVED = 1 / 10
/** What a question over TCP counts for: it costs so much more, here and at the resolver behind us. */
const TCP_COST = 4
/** More links than a modem has. */
const LINKS = 64

function ratesOf({ queriesPerSecond = LAN_DEFAULT, burst, sharedBy = 1 }: RateLimitOptions): {
  readonly [rate in 'questions' | 'saved' | 'shared' | 'errors']: Rate
} {
  const perSecond = queriesPerSecond / sharedBy
  // Less than one would admit no question ever.
  const questions = { perSecond, burst: Math.max(1, burst / sharedBy) }
  return {
    questions,
    saved: { perSecond: perSecond * SAVED, burst: Math.max(1, questions.burst * SAVED) },
    shared: { perSecond: perSecond * POOL, burst: questions.burst * POOL },
    errors: { perSecond: ERRORS.perSecond / sharedBy, burst: ERRORS.burst / sharedBy },
  }
}

/**
 * A token bucket for each client, and one for each link that all its clients share. A device that turns through addresses is
 * a new client each time: a new one has saved nothing and lives from the share of its link, one that is here for some time
 * has its own. What is remembered is bounded.
 */
export function createRateLimit(options: RateLimitOptions): RateLimit & Pace {
  const { clock, clients, queriesPerSecond } = options
  const { questions, saved, shared, errors } = ratesOf(options)
  const exemptLoopback = queriesPerSecond === undefined
  const buckets = new ClientBuckets({ clock, tokens: questions.burst, errors: errors.burst })
  const pools = new Map<string, TokenBucket>()

  const poolOf = (link: string): TokenBucket => {
    const known = pools.get(link)
    if (known) return known
    if (pools.size >= LINKS) pools.clear()
    const pool = new TokenBucket(shared, clock)
    pools.set(link, pool)
    return pool
  }

  const isExempt = (address: string): boolean =>
    clients.of(address).isOurs || (exemptLoopback && isLoopback(address))

  const bucketOf = (address: string) => {
    const bucket = buckets.of(clients.of(address).key)
    const now = clock.monotonic()
    const elapsed = now - bucket.at
    bucket.tokens = refilled(bucket.tokens, elapsed, questions)
    bucket.saved = refilled(bucket.saved, elapsed, saved)
    bucket.at = now
    return bucket
  }

  return {
    admit(address, transport) {
      if (isExempt(address)) return 'answer'
      const bucket = bucketOf(address)
      if (bucket.tokens >= 1) {
        if (bucket.saved >= 1) bucket.saved--
        else if (!poolOf(clients.of(address).link).take() && transport === 'udp') return over(bucket)
        bucket.tokens -= transport === 'tcp' ? TCP_COST : 1
        return 'answer'
      }
      // TCP is not read while its client has used up what it may ask: `waitMs`.
      if (transport === 'tcp') return 'answer'
      return over(bucket)
    },
    waitMs(address) {
      if (isExempt(address)) return 0
      const bucket = bucketOf(address)
      if (bucket.tokens < 1) return ((1 - bucket.tokens) * 1000) / questions.perSecond
      if (bucket.saved >= 1) return 0
      const untilSaved = ((1 - bucket.saved) * 1000) / saved.perSecond
      return Math.min(untilSaved, poolOf(clients.of(address).link).waitMs)
    },
    admitError(address) {
      if (isExempt(address)) return true
      const bucket = bucketOf(address)
      bucket.errors = refilled(bucket.errors, bucket.at - bucket.errorAt, errors)
      bucket.errorAt = bucket.at
      if (bucket.errors < 1) return false
      bucket.errors--
      return true
    },
  }
}

/** Every second query over the limit gets TC=1, so that a real client notices. */
function over(bucket: { over: number }): 'truncate' | 'drop' {
  return ++bucket.over % 2 === 1 ? 'truncate' : 'drop'
}
