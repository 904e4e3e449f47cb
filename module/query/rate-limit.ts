import { isLoopback } from '../base/address-class.ts'
import { type ClientKey, clientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'
import { type Rate, refilled } from '../base/token-bucket.ts'
import type { RateLimit } from './guard.ts'

export interface RateLimitOptions {
  clock: Clock
  /** Per client. Left out: `LAN_DEFAULT` for clients of the LAN, none for the modem's own (loopback). */
  queriesPerSecond?: number | undefined
  /** Queries that a client may ask at once. */
  burst: number
  /** Threads that each admit their part of all this; 1 where left out. */
  sharedBy?: number
}

interface ClientBucket {
  tokens: number
  /** Monotonic ms. */
  at: number
  /** Every second query over the limit gets TC=1, so that a real client notices. */
  over: number
  /** Errors left, refilled as tokens are. */
  errors: number
  errorAt: number
}

const LAN_DEFAULT = 2000
/** Errors a second, and at once. RFC 8906 §3 wants every error answered; nobody who asks in earnest makes so many. */
const ERRORS: Rate = { perSecond: 100, burst: 200 }
/** Addresses remembered; the older half is forgotten when it is full. */
const REMEMBERED = 4096

/** A token bucket for each client; what it remembers is bounded. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { clock, queriesPerSecond, sharedBy = 1 } = options
  const questions: Rate = {
    perSecond: (queriesPerSecond ?? LAN_DEFAULT) / sharedBy,
    // Less than one would admit nobody ever.
    burst: Math.max(1, options.burst / sharedBy),
  }
  const errors: Rate = { perSecond: ERRORS.perSecond / sharedBy, burst: ERRORS.burst / sharedBy }
  const exemptLoopback = queriesPerSecond === undefined
  let byAddress = new Map<string, ClientBucket>()
  let byKey = new Map<ClientKey, ClientBucket>()

  const newBucket = (): ClientBucket => {
    const now = clock.monotonic()
    return { tokens: questions.burst, at: now, over: 0, errors: errors.burst, errorAt: now }
  }

  const bucketOf = (address: string): ClientBucket => {
    const known = byAddress.get(address)
    if (known) return known
    if (byAddress.size >= REMEMBERED) {
      byAddress = new Map()
      byKey = new Map([...byKey].slice(-REMEMBERED / 2))
    }
    const key = clientKey(address)
    const bucket = byKey.get(key) ?? newBucket()
    byAddress.set(address, bucket)
    byKey.set(key, bucket)
    return bucket
  }

  return {
    admit(address, transport) {
      if (exemptLoopback && isLoopback(address)) return 'answer'
      const bucket = bucketOf(address)
      const now = clock.monotonic()
      bucket.tokens = refilled(bucket.tokens, now - bucket.at, questions)
      bucket.at = now
      if (bucket.tokens >= 1) {
        bucket.tokens--
        return 'answer'
      }
      // TCP has proven its address and is bounded by its connections; reading it is paused by back-pressure instead.
      if (transport === 'tcp') return 'answer'
      return ++bucket.over % 2 === 1 ? 'truncate' : 'drop'
    },
    admitError(address) {
      if (exemptLoopback && isLoopback(address)) return true
      const bucket = bucketOf(address)
      const now = clock.monotonic()
      bucket.errors = refilled(bucket.errors, now - bucket.errorAt, errors)
      bucket.errorAt = now
      if (bucket.errors < 1) return false
      bucket.errors--
      return true
    },
  }
}
