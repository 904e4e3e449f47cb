import { isLoopback } from '../base/address-class.ts'
import type { Client, Clients } from '../base/clients.ts'
import type { Clock } from '../base/clock.ts'
import { type Rate, refilled, TokenBucket } from '../base/token-bucket.ts'
import { type ClientBucket, ClientBuckets } from './client-buckets.ts'
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

/**
 * A token bucket for each client, and one for each link that all its clients share. A device that turns through addresses is
 * a new client each time: a new one has saved nothing and lives from the share of its link, one that is here for some time
 * has its own. What is remembered is bounded.
 */
class ClientRates implements RateLimit, Pace {
  readonly #clock: Clock
  readonly #clients: Clients
  readonly #rates: Rates
  readonly #buckets: ClientBuckets
  readonly #pools = new Map<string, TokenBucket>()

  constructor({ clock, clients }: RateLimitOptions, rates: Rates) {
    this.#clock = clock
    this.#clients = clients
    this.#rates = rates
    this.#buckets = new ClientBuckets({ clock, tokens: rates.questions.burst, errors: rates.errors.burst })
  }

  admit(address: string, transport: 'udp' | 'tcp'): ReturnType<RateLimit['admit']> {
    const client = this.#clients.of(address)
    if (this.#isExempt(client, address)) return 'answer'
    const bucket = this.#bucketOf(client)
    // TCP is not read while its client has used up what it may ask: `waitMs`.
    if (bucket.tokens < 1) return transport === 'tcp' ? 'answer' : over(bucket)
    if (bucket.saved >= 1) bucket.saved--
    else if (!this.#poolOf(client.link).take() && transport === 'udp') return over(bucket)
    bucket.tokens -= transport === 'tcp' ? TCP_COST : 1
    return 'answer'
  }

  waitMs(address: string): number {
    const client = this.#clients.of(address)
    if (this.#isExempt(client, address)) return 0
    const { questions, saved } = this.#rates
    const bucket = this.#bucketOf(client)
    if (bucket.tokens < 1) return ((1 - bucket.tokens) * 1000) / questions.perSecond
    if (bucket.saved >= 1) return 0
    const untilSaved = ((1 - bucket.saved) * 1000) / saved.perSecond
    return Math.min(untilSaved, this.#poolOf(client.link).waitMs)
  }

  admitError(address: string): boolean {
    const client = this.#clients.of(address)
    if (this.#isExempt(client, address)) return true
    const bucket = this.#bucketOf(client)
    bucket.errors = refilled(bucket.errors, bucket.at - bucket.errorAt, this.#rates.errors)
    bucket.errorAt = bucket.at
    if (bucket.errors < 1) return false
    bucket.errors--
    return true
  }

  #isExempt({ isOurs }: Client, address: string): boolean {
    return isOurs || (this.#rates.exemptLoopback && isLoopback(address))
  }

  #bucketOf({ key }: Client): ClientBucket {
    const bucket = this.#buckets.of(key)
    const now = this.#clock.monotonic()
    const elapsed = now - bucket.at
    bucket.tokens = refilled(bucket.tokens, elapsed, this.#rates.questions)
    bucket.saved = refilled(bucket.saved, elapsed, this.#rates.saved)
    bucket.at = now
    return bucket
  }

  #poolOf(link: string): TokenBucket {
    const known = this.#pools.get(link)
    if (known) return known
    if (this.#pools.size >= LINKS) this.#pools.clear()
    const pool = new TokenBucket(this.#rates.shared, this.#clock)
    this.#pools.set(link, pool)
    return pool
  }
}

/** Every second query over the limit gets TC=1, so that a real client notices. */
function over(bucket: ClientBucket): 'truncate' | 'drop' {
  return ++bucket.over % 2 === 1 ? 'truncate' : 'drop'
}

interface Rates {
  /** Of one client. */
  readonly questions: Rate
  readonly saved: Rate
  /** Of one link. */
  readonly shared: Rate
  readonly errors: Rate
  readonly exemptLoopback: boolean
}

export function createRateLimit(options: RateLimitOptions): RateLimit & Pace {
  const { queriesPerSecond, sharedBy = 1 } = options
  const perSecond = (queriesPerSecond ?? LAN_DEFAULT) / sharedBy
  // Less than one would admit nobody ever.
  const burst = Math.max(1, options.burst / sharedBy)
  return new ClientRates(options, {
    questions: { perSecond, burst },
    saved: { perSecond: perSecond * SAVED, burst: Math.max(1, burst * SAVED) },
    shared: { perSecond: perSecond * POOL, burst: burst * POOL },
    errors: { perSecond: ERRORS.perSecond / sharedBy, burst: ERRORS.burst / sharedBy },
    exemptLoopback: queriesPerSecond === undefined,
  })
}
