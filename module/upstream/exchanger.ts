import { isOwnClientKey } from '../base/client-key.ts'
import { messageOf } from '../base/error.ts'
import type { Answer } from '../dns/answer.ts'
import { Dispatcher, type TransactionOwner } from './dispatcher.ts'
import { FairQueue } from './fair-queue.ts'
import { RandomPool } from './random-pool.ts'
import { Receiver } from './receiver.ts'
import { Sender } from './sender.ts'
import { ServerList } from './server-list.ts'
import { TimerWheel } from './timer-wheel.ts'
import { Transaction, type UpstreamServer } from './transaction.ts'
import type * as upstream from './upstream.ts'
import { ZoneShares, zoneOf } from './zone-shares.ts'

const TICK_MS = 50
const TRIES = 3
const WAITING = 8192
/** Objects kept for the next questions. */
const SPARE_TRANSACTIONS = 256

/**
 * Who asks, who shares, who waits: the life of every transaction from `exchange` to `done`. How it is sent is the
 * dispatcher's business, what comes back the receiver's.
 */
export class Exchanger implements upstream.ServersUpstream, TransactionOwner {
  readonly #options: upstream.UpstreamOptions
  readonly #wheel: TimerWheel<Transaction>
  readonly #queue: FairQueue<Transaction>
  readonly #zones: ZoneShares<Transaction>
  readonly #servers: ServerList
  readonly #dispatcher: Dispatcher
  readonly #receiver: Receiver
  readonly #inFlight = new Map<string, Transaction>()
  readonly #probes = new Set<Transaction>()
  readonly #spare: Transaction[] = []
  readonly #tries: number
  readonly #deadlineTicks: number
  readonly #maxWaiting: number
  readonly #count: upstream.UpstreamCounts = {
    exchanges: 0,
    shared: 0,
    timeouts: 0,
    retries: 0,
    tcp: 0,
    wrongId: 0,
    junk: 0,
    overloads: 0,
  }
  readonly #makeServer = (where: upstream.ServerAddress) => this.#receiver.makeServer(where)
  #waiting = 0
  #running = false
  #draining = false

  constructor(options: upstream.UpstreamOptions) {
    this.#options = options
    const { clock, log, inFlight, timeoutMs } = options
    this.#maxWaiting = options.maxWaiting ?? WAITING
    this.#queue = new FairQueue(this.#maxWaiting >> 1)
    this.#zones = new ZoneShares({ inFlight, mostWaiting: this.#maxWaiting >> 2, clock })
    const wheel = new TimerWheel<Transaction>({
      ...{ clock, tickMs: TICK_MS },
      onDue: (transaction) => this.#onDue(transaction),
    })
    this.#wheel = wheel
    // The last try has its whole time, although each may take two ticks longer.
    this.#tries = options.tries ?? TRIES
    this.#deadlineTicks = wheel.ticks(timeoutMs * this.#tries) + 3 * this.#tries
    const random = new RandomPool(options.random)
    const servers = new ServerList({ clock, log, inFlight, probe: (server) => this.#probe(server) })
    this.#servers = servers
    const common = { random, wheel, servers, count: this.#count, owner: this }
    const sender = new Sender({ timeoutMs, ...common })
    this.#dispatcher = new Dispatcher({ sender, inFlight, ...common })
    this.#receiver = new Receiver({ options, dispatcher: this.#dispatcher, ...common })
  }

  async start(): Promise<void> {
    this.#running = true
    if (!this.hasServers) this.setServers(this.#options.servers)
  }

  /** Everyone who waits is told `stopped` before this resolves. */
  async stop(): Promise<void> {
    this.#running = false
    for (const transaction of this.#all()) this.settle(transaction, null, 'stopped')
    for (const server of this.#servers.set([], this.#makeServer)) server.close()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  setServers(servers: readonly upstream.ServerAddress[]): void {
    const gone = this.#servers.set(servers, this.#makeServer)
    for (const transaction of this.#all()) {
      if (!transaction.server?.removed) continue
      if (transaction.isProbe) this.settle(transaction, null, 'network')
      else this.#dispatcher.moveOn(transaction)
    }
    for (const server of gone) server.close()
    this.onRoom()
  }

  get hasServers(): boolean {
    return this.#servers.all.length > 0
  }

  stats(): upstream.UpstreamStats {
    const { all } = this.#servers
    return {
      ...this.#count,
      inFlight: all.reduce((sum, server) => sum + server.inFlight, 0),
      queued: this.#queue.size,
      servers: all.map((server) => server.stats()),
    }
  }

  exchange(exchange: upstream.Exchange, done: upstream.OnExchanged): void {
    this.#count.exchanges++
    if (!this.#running) {
      process.nextTick(done, null, 'stopped')
      return
    }
    const isOwn = isOwnClientKey(exchange.clientKey)
    if (this.#waiting >= this.#maxWaiting && !isOwn) {
      this.#count.overloads++
      process.nextTick(done, null, 'overload')
      return
    }
    const shared = this.#inFlight.get(exchange.key)
    if (shared) {
      this.#count.shared++
      this.#waiting++
      shared.sharers.push(done)
      return
    }
    const transaction = this.#spare.pop() ?? new Transaction()
    if (!transaction.begin(exchange, done)) {
      process.nextTick(done, null, 'network')
      return
    }
    this.#waiting++
    this.#inFlight.set(exchange.key, transaction)
    transaction.triesLeft = this.#tries
    transaction.deadlineTick = this.#wheel.tick + this.#deadlineTicks
    if (isOwn) this.#dispatcher.dispatch(transaction)
    else this.#admit(transaction)
  }

  #admit(transaction: Transaction): void {
    transaction.zone = zoneOf(transaction.message)
    if (this.#zones.take(transaction)) this.#begin(transaction)
    else this.#waitUntilDeadline(transaction, this.#zones.wait(transaction))
  }

  /** Newcomers wait behind those who wait already, or the queue would be fair to nobody. */
  #begin(transaction: Transaction): void {
    if (this.#queue.size > 0) this.wait(transaction)
    else this.#dispatcher.dispatch(transaction)
  }

  wait(transaction: Transaction): void {
    this.#waitUntilDeadline(transaction, this.#queue.add(transaction))
  }

  /** @param dropped whom there was no room for */
  #waitUntilDeadline(transaction: Transaction, dropped: Transaction | null): void {
    if (transaction.queued)
      this.#wheel.schedule(transaction, (transaction.deadlineTick - this.#wheel.tick) * TICK_MS)
    if (dropped) this.settle(dropped, null, 'overload')
  }

  settle(transaction: Transaction, answer: Answer | null, failure: upstream.ExchangeFailure | null): void {
    const { done, key, zone, isProbe, secondBest, server } = transaction
    if (zone !== '') this.#zones.release(transaction, failure === 'timeout' && !answer)
    this.#queue.remove(transaction)
    this.#dispatcher.detach(transaction)
    if (isProbe) this.#probes.delete(transaction)
    else this.#inFlight.delete(key)
    const sharers = transaction.reset()
    if (this.#spare.length < SPARE_TRANSACTIONS) this.#spare.push(transaction)
    if (isProbe) {
      if (server && this.#running) this.#servers.scheduleProbe(server)
      return
    }
    if (failure === 'timeout') this.#count.timeouts++
    if (failure === 'overload') this.#count.overloads++
    this.#waiting -= 1 + sharers.length
    const outcome = answer ?? (failure === 'stopped' ? null : secondBest)
    if (outcome) this.#tell(done!, sharers, outcome, null)
    else process.nextTick(() => this.#tell(done!, sharers, null, failure))
    if (zone !== '') this.#goOn(zone)
    if (this.#queue.size > 0) this.onRoom()
  }

  /** Those of a zone that waited for its share. */
  #goOn(zone: string): void {
    for (let next = this.#zones.next(zone); next; next = this.#zones.next(zone)) {
      this.#wheel.cancel(next)
      this.#begin(next)
    }
  }

  /** Those who wait are sent while there is room. */
  onRoom(): void {
    // One that fails at once ends here again: a loop, not a stack as deep as the queue.
    if (this.#draining) return
    this.#draining = true
    while (this.#running && this.#queue.size > 0 && this.#servers.hasRoom(this.#queue.hasOwn)) {
      const transaction = this.#queue.next()!
      this.#wheel.cancel(transaction)
      this.#dispatcher.dispatch(transaction)
      if (transaction.queued) break
    }
    this.#draining = false
  }

  #all(): Transaction[] {
    return [...this.#inFlight.values(), ...this.#probes]
  }

  #onDue(transaction: Transaction): void {
    if (transaction.queued) this.settle(transaction, null, 'overload')
    else this.#dispatcher.onDue(transaction)
  }

  #probe(server: UpstreamServer): void {
    if (!this.#running) return
    const transaction = this.#spare.pop() ?? new Transaction()
    transaction.deadlineTick = this.#wheel.tick + this.#deadlineTicks
    this.#probes.add(transaction)
    this.#dispatcher.probe(transaction, server)
  }

  #tell(
    done: upstream.OnExchanged,
    sharers: readonly upstream.OnExchanged[],
    answer: Answer | null,
    failure: upstream.ExchangeFailure | null,
  ): void {
    for (let i = -1; i < sharers.length; i++) {
      try {
        if (i < 0) done(answer, failure)
        else sharers[i]!(answer, failure)
      } catch (error) {
        // One asker's fault must not cost the others their answer.
        this.#options.log.error('upstream-asker-threw', { error: messageOf(error) })
      }
    }
  }
}

/** Constructor only: nothing is opened before `start()`. */
export function createUpstream(options: upstream.UpstreamOptions): upstream.ServersUpstream {
  return new Exchanger(options)
}
