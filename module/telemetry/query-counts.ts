import type { Clock } from '../base/clock.ts'
import { isWithin } from '../dns/name.ts'
import { Question } from '../dns/question.ts'
import type { Query } from '../query/query.ts'
import { type CounterDelta, Counters } from './counters.ts'
import { LatencyHistogram } from './latency-histogram.ts'

export interface QueryCountsOptions {
  clock: Clock
  /** The service addresses: who asks from one of them is the self-test. */
  ownAddresses: readonly string[]
  /** Wire name of the zone of test names. */
  testZone: Uint8Array
  /** Something of a client's was blocked; `Question.name` is its name. */
  onBlocked: (query: Query) => void
}

/** What one thread hands to another. */
export interface QueriesCounted {
  received: number
  counted: CounterDelta
  latency: Uint32Array | null
}

/** Reading the clock costs more than counting: every so many-th query is timed. */
const SAMPLE = 16

/** Counts what clients ask and get. The self-test's questions are nobody's browsing, and test names are no threat. */
export class QueryCounts {
  readonly counters: Counters
  readonly latency = new LatencyHistogram()
  readonly #options: QueryCountsOptions
  #received = 0

  constructor(options: QueryCountsOptions) {
    this.#options = options
    this.counters = new Counters(() => options.clock.now())
  }

  /** Datagrams and messages of clients so far, however malformed. */
  get received(): number {
    return this.#received
  }

  /** What came and is not even looked at (listener/udp-transport.ts). */
  receiveUnanswerable(): void {
    this.#received++
  }

  /** Before the chain. */
  receive(query: Query): void {
    const { ownAddresses, clock } = this.#options
    // Two at most; a Set would hash an address that is a new string for each datagram.
    if (ownAddresses.includes(query.clientAddress)) return
    query.fromClient = true
    if (++this.#received % SAMPLE === 0) query.receivedAt = clock.monotonic()
  }

  /** Once a query has its answer. */
  observe(query: Query): void {
    const { clock, testZone, onBlocked } = this.#options
    if (!query.fromClient) return
    if (query.receivedAt > 0) this.latency.add(clock.monotonic() - query.receivedAt)
    if (query.category >= 0 && isWithin(Question.name, query.nameLength, testZone)) return
    this.counters.observe(query)
    if (query.category >= 0) onBlocked(query)
  }

  /** Everything since the last call, which is then forgotten here. */
  take(): QueriesCounted {
    const received = this.#received
    this.#received = 0
    return { received, counted: this.counters.takeAll(), latency: this.latency.take() }
  }

  /** @param other what another thread's `take` gave */
  add({ received, counted, latency }: QueriesCounted): void {
    this.#received += received
    this.counters.add(counted)
    if (latency) this.latency.merge(latency)
  }

  wipe(): void {
    this.counters.wipe()
    this.latency.reset()
  }
}
