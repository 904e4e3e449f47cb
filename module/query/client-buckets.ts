import type { ClientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'

export interface ClientBucket {
  tokens: number
  /** Its own, which nobody else of its link can use up. */
  saved: number
  /** Monotonic ms of the last refill of both. */
  at: number
  readonly bornAt: number
  over: number
  /** Errors left, refilled as tokens are. */
  errors: number
  errorAt: number
}

/** More than a flood of new addresses brings before an honest newcomer asks again. */
const NEWCOMERS = 8192
const KNOWN = 2048
/** Who asks again after so long, ms, is no address that was used once. */
const NEWCOMER_MS = 1000
/** Looked at for the one that was silent longest. */
const CANDIDATES = 8

export interface ClientBucketsOptions {
  clock: Pick<Clock, 'monotonic'>
  /** What a client has that was never seen. */
  tokens: number
  errors: number
}

/** What is remembered of each client. Addresses that are used once drive out each other, and nobody who is known. */
export class ClientBuckets {
  readonly #options: ClientBucketsOptions
  readonly #newcomers = new Map<ClientKey, ClientBucket>()
  readonly #known = new Map<ClientKey, ClientBucket>()

  constructor(options: ClientBucketsOptions) {
    this.#options = options
  }

  of(key: ClientKey): ClientBucket {
    const known = this.#known.get(key)
    if (known) return known
    const now = this.#options.clock.monotonic()
    const newcomer = this.#newcomers.get(key)
    if (newcomer) {
      if (now - newcomer.bornAt >= NEWCOMER_MS) this.#promote(key, newcomer)
      return newcomer
    }
    const { tokens, errors } = this.#options
    const bucket = { tokens, saved: 0, at: now, bornAt: now, over: 0, errors, errorAt: now }
    if (this.#newcomers.size >= NEWCOMERS)
      for (const [oldest] of first(this.#newcomers, 1)) this.#newcomers.delete(oldest)
    this.#newcomers.set(key, bucket)
    return bucket
  }

  #promote(key: ClientKey, bucket: ClientBucket): void {
    this.#newcomers.delete(key)
    if (this.#known.size >= KNOWN) this.#forgetSilent()
    this.#known.set(key, bucket)
  }

  /** Of a few, the one that was silent longest; the others go to the end. */
  #forgetSilent(): void {
    const candidates = first(this.#known, CANDIDATES).sort(([, a], [, b]) => b.at - a.at)
    for (const [key] of candidates) this.#known.delete(key)
    candidates.pop()
    for (const [key, bucket] of candidates) this.#known.set(key, bucket)
  }
}

function first<K, V>(map: ReadonlyMap<K, V>, count: number): [K, V][] {
  const found: [K, V][] = []
  for (const entry of map) {
    found.push(entry)
    if (found.length >= count) break
  }
  return found
}
