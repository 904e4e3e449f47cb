import { messageOf } from '../base/error.ts'
import { probeMessage } from '../dns/edns.ts'
import { FairQueue } from './fair-queue.ts'
import { Pending } from './pending.ts'
import { RandomPool } from './random-pool.ts'
import { Receiver } from './receiver.ts'
import { type Review, reviewReply } from './review-reply.ts'
import type { Server } from './server.ts'
import { ServerList } from './server-list.ts'
import type { TcpConnection } from './tcp-connections.ts'
import { TimerWheel } from './timer-wheel.ts'
import type { UdpSocket } from './udp-sockets.ts'
import type * as upstream from './upstream.ts'
import type { UpstreamOptions } from './upstream-options.ts'

const tickMs = 50
/** dnsmasq holds a question that nobody answers for 10 s: two windows of 5 s. */
const ghostWindowMs = 5000
const optAgainMs = 600_000
const cookiesAgainMs = 3_600_000
const spareObjects = 256
const tcpTriesMost = 8
const noSharers: readonly upstream.ExchangeDone[] = []

/**
 * One question's life:
 *
 *     exchange -> dispatch -> sendUdp -> onDatagram -> onReply -> finish
 *                   |  ^         |                       | TC, cookie, wrong ID
 *        no room: queue |     onDue: next server      sendTcp -> onStream -> onReply -> finish
 */
export class Exchanger implements upstream.ServersUpstream {
  readonly #options: UpstreamOptions
  readonly #random: RandomPool
  readonly #wheel: TimerWheel<Pending>
  readonly #queue: FairQueue<Pending>
  readonly #servers: ServerList
  readonly #inFlight = new Map<string, Pending>()
  readonly #probes = new Set<Pending>()
  readonly #spare: Pending[] = []
  readonly #deadlineTicks: number
  readonly #ghostTicks: number
  readonly #maxWaiting: number
  readonly #count = {
    exchanges: 0,
    shared: 0,
    timeouts: 0,
    retries: 0,
    tcp: 0,
    wrongId: 0,
    junk: 0,
    overloads: 0,
  }
  readonly #receiver: Receiver
  readonly #makeServer = (where: upstream.ServerAddress) => this.#receiver.makeServer(where)
  #waiting = 0
  #running = false
  #draining = false

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#random = new RandomPool(options.random)
    this.#wheel = new TimerWheel({ clock: options.clock, tickMs, onDue: (pending) => this.#onDue(pending) })
    this.#maxWaiting = options.maxWaiting ?? 8192
    this.#queue = new FairQueue(this.#maxWaiting >> 1)
    // The last try has its whole time, although each may take two ticks longer.
    const tries = options.tries ?? 3
    this.#deadlineTicks = this.#wheel.ticks(options.timeoutMs * tries) + 3 * tries
    this.#ghostTicks = this.#wheel.ticks(ghostWindowMs)
    this.#receiver = new Receiver({
      ...{ options, random: this.#random, wheel: this.#wheel, count: this.#count },
      handlers: {
        onReply: (pending, server, reply, overTcp) => this.#onReply(pending, server, reply, overTcp),
        alsoTcp: (pending, server) => this.#alsoTcp(pending, server),
        onSocketError: (server, socket, error) => this.#onSocketError(server, socket, error),
        onGone: (server, connection, waiting) => this.#onGone(server, connection, waiting),
      },
    })
    const { clock, log, inFlight } = options
    this.#servers = new ServerList({ clock, log, inFlight, probe: (server) => this.#probe(server) })
  }

  async start(): Promise<void> {
    this.#running = true
    if (this.#servers.all.length === 0) this.setServers(this.#options.servers)
  }

  /** Everybody who waits is told `stopped` before this resolves. */
  async stop(): Promise<void> {
    this.#running = false
    for (const pending of [...this.#inFlight.values(), ...this.#probes])
      this.#finish(pending, null, 'stopped')
    for (const server of this.#servers.set([], this.#makeServer)) server.close()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  setServers(servers: readonly upstream.ServerAddress[]): void {
    const gone = this.#servers.set(servers, this.#makeServer)
    for (const pending of [...this.#inFlight.values(), ...this.#probes]) {
      if (!pending.server?.removed) continue
      if (pending.probe) {
        this.#finish(pending, null, 'network')
        continue
      }
      this.#detach(pending)
      this.#dispatch(pending)
    }
    for (const server of gone) server.close()
    this.#drain()
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

  exchange(exchange: upstream.Exchange, done: upstream.ExchangeDone): void {
    this.#count.exchanges++
    if (!this.#running) {
      process.nextTick(done, null, 'stopped')
      return
    }
    if (this.#waiting >= this.#maxWaiting) {
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
    const pending = this.#spare.pop() ?? new Pending()
    if (!pending.begin(exchange, done)) {
      process.nextTick(done, null, 'network')
      return
    }
    this.#waiting++
    this.#inFlight.set(exchange.key, pending)
    pending.triesLeft = this.#options.tries ?? 3
    pending.deadlineTick = this.#wheel.tick + this.#deadlineTicks
    // Newcomers wait behind those who wait already, or the queue would be fair to nobody.
    if (this.#queue.size > 0) this.#enqueue(pending)
    else this.#dispatch(pending)
  }

  #dispatch(pending: Pending): void {
    const server = this.#servers.pick(pending)
    if (server === null) {
      this.#finish(pending, null, 'network')
      return
    }
    if (server === 'full') {
      this.#enqueue(pending)
      return
    }
    pending.server = server
    server.inFlight++
    if (pending.wantTcp) this.#sendTcp(pending, server)
    else this.#sendUdp(pending, server)
  }

  #enqueue(pending: Pending): void {
    const dropped = this.#queue.add(pending)
    if (pending.queued) this.#wheel.schedule(pending, (pending.deadlineTick - this.#wheel.tick) * tickMs)
    if (dropped) this.#finish(dropped, null, 'overload')
  }

  #sendUdp(pending: Pending, server: Server): void {
    const { tick } = this.#wheel
    const socket = server.udp.draw(tick)
    if (!socket) {
      this.#unreachable(pending, server, 'no socket')
      return
    }
    pending.write(server, tick, this.#random)
    const id = server.udp.freshId(socket)
    pending.query[0] = id >> 8
    pending.query[1] = id & 0xff
    socket.waiting.set(id, pending)
    pending.sockets.push(socket)
    pending.ids.push(id)
    this.#wheel.schedule(pending, this.#options.timeoutMs)
    server.udp.send(socket, pending.query, pending.queryLength)
  }

  /** Also called while UDP is waited for (RFC 5452 §9.2): then the timer goes on. */
  #sendTcp(pending: Pending, server: Server): void {
    if (pending.sockets.length === 0) pending.write(server, this.#wheel.tick, this.#random)
    this.#count.tcp++
    const connection = server.tcp.draw()
    pending.connection = connection
    pending.connectionId = server.tcp.freshId(connection)
    pending.connectionMessages = connection.messages
    if (pending.wantTcp) this.#wheel.schedule(pending, this.#options.timeoutMs)
    server.tcp.send(connection, pending.connectionId, pending, pending.frame(pending.connectionId))
  }

  #alsoTcp(pending: Pending, server: Server): void {
    if (pending.spoofed || pending.connection || pending.server !== server || pending.probe) return
    pending.spoofed = true
    this.#sendTcp(pending, server)
  }

  #onReply(pending: Pending, server: Server, reply: Buffer, overTcp: boolean): void {
    this.#servers.answered(server)
    if (pending.probe) {
      this.#finish(pending, reply, null)
      return
    }
    const wholeOverTcp =
      !overTcp && ((reply[2]! & 2) !== 0 || (server.remote && reply.length > pending.advertised))
    if (wholeOverTcp || server.remote || (reply[3]! & 15) !== 0) {
      const review = wholeOverTcp ? 'tcp' : reviewReply(reply, pending, server, overTcp)
      if (review !== 'accept') {
        this.#onReview(review, pending, server, reply)
        return
      }
    }
    // RFC 6840 §5.8: whoever is between could have set AD; only over loopback is it the resolver's word.
    if (server.remote) reply[3]! &= ~0x20
    const { tick } = this.#wheel
    if (pending.plain && (reply[3]! & 15) === 0) server.ednsOffUntil = tick + this.#wheel.ticks(optAgainMs)
    this.#finish(pending, reply, null)
  }

  #onReview(review: Exclude<Review, 'accept'>, pending: Pending, server: Server, reply: Buffer): void {
    if (review === 'ignore') this.#count.junk++
    // A late word from a server that is no longer asked: only a whole answer from it would have been of use.
    if (review === 'ignore' || server !== pending.server) return
    switch (review) {
      case 'tcp':
        server.serverCookie = null
        pending.wantTcp = true
        pending.releaseUdp()
        if (pending.connection) this.#wheel.schedule(pending, this.#options.timeoutMs)
        else this.#sendTcp(pending, server)
        return
      case 'new-cookie':
        pending.badCookies++
        this.#resend(pending, server)
        return
      case 'without-cookie':
        server.cookiesOffUntil = this.#wheel.tick + this.#wheel.ticks(cookiesAgainMs)
        this.#resend(pending, server)
        return
      case 'without-opt':
        pending.plain = true
        this.#resend(pending, server)
        return
      case 'refused':
        this.#onRefused(pending, server, reply)
        return
      case 'servfail':
        if (this.#servers.another(server, pending)) {
          this.#elsewhere(pending, reply)
          return
        }
        this.#finish(pending, reply, null)
        return
    }
  }

  #resend(pending: Pending, server: Server): void {
    this.#count.retries++
    pending.releaseUdp()
    pending.releaseTcp()
    if (pending.wantTcp) this.#sendTcp(pending, server)
    else this.#sendUdp(pending, server)
  }

  #elsewhere(pending: Pending, reply: Buffer): void {
    pending.secondBest = reply
    pending.tried.push(pending.server!)
    this.#count.retries++
    this.#detach(pending)
    this.#dispatch(pending)
  }

  /** dnsmasq refuses what goes beyond its 150 questions in flight: that says nothing about the name. */
  #onRefused(pending: Pending, server: Server, reply: Buffer): void {
    server.refused++
    if (this.#servers.another(server, pending)) {
      this.#elsewhere(pending, reply)
      return
    }
    const few = Math.max(8, this.#options.inFlight >> 3)
    const busy = server.held(this.#wheel.tick, this.#ghostTicks) > few
    if (!busy && pending.refusals > 0) {
      this.#finish(pending, reply, null)
      return
    }
    if (!busy && pending.secondBest) {
      this.#finish(pending, reply, null)
      return
    }
    pending.secondBest = null
    this.#detach(pending)
    pending.delayed = true
    this.#wheel.schedule(pending, 100 << Math.min(pending.refusals++, 3))
    this.#drain()
  }

  #onDue(pending: Pending): void {
    const late = this.#wheel.tick >= pending.deadlineTick
    if (pending.queued || (pending.delayed && late)) {
      this.#finish(pending, null, 'overload')
      return
    }
    if (pending.delayed) {
      pending.delayed = false
      this.#dispatch(pending)
      return
    }
    const server = pending.server!
    const { connection } = pending
    server.timeouts++
    this.#servers.failed(server, 'timeout', false)
    pending.releaseTcp()
    // A length and then silence, or a stranger's tarpit: nothing whole came all the while.
    if (connection && connection.messages === pending.connectionMessages) server.tcp.drop(connection, null)
    if (pending.bareError) pending.plain = true
    if (--pending.triesLeft <= 0 || late) {
      this.#finish(pending, null, 'timeout')
      return
    }
    this.#count.retries++
    server.abandoned(this.#wheel.tick, this.#ghostTicks)
    server.inFlight--
    pending.tried.push(server)
    pending.server = null
    this.#dispatch(pending)
  }

  #onSocketError(server: Server, socket: UdpSocket<Pending>, error: Error): void {
    server.udp.fail(socket)
    for (const pending of [...socket.waiting.values()]) {
      pending.releaseSocket(socket)
      if (pending.server !== server || pending.connection || !this.#holds(pending)) continue
      this.#unreachable(pending, server, messageOf(error))
    }
  }

  #holds(pending: Pending): boolean {
    return pending.probe ? this.#probes.has(pending) : this.#inFlight.get(pending.key) === pending
  }

  #unreachable(pending: Pending, server: Server, why: string): void {
    this.#servers.failed(server, why, true)
    if (pending.probe) {
      this.#finish(pending, null, 'network')
      return
    }
    pending.dead.push(server)
    this.#detach(pending)
    this.#dispatch(pending)
  }

  #onGone(server: Server, connection: TcpConnection<Pending>, waiting: Pending[]): void {
    for (const pending of waiting) {
      if (pending.connection !== connection) continue
      pending.connection = null
      if (!pending.wantTcp) {
        if (pending.caseWrong) {
          // No TCP to compare with: a server that loses the case must not be lost with it.
          server.caseOffUntil = this.#wheel.tick + this.#wheel.ticks(optAgainMs)
          this.#resend(pending, server)
        }
        continue
      }
      // A kept connection may have been closed by the other end as we wrote (RFC 7766 §6.2.4): dnsmasq does so after a
      // hundred questions, and one that waits behind many may meet that more than once.
      if (connection.messages > 0 && pending.tcpFailures++ < tcpTriesMost) {
        this.#sendTcp(pending, server)
        continue
      }
      pending.dead.push(server)
      this.#detach(pending)
      this.#dispatch(pending)
    }
  }

  #probe(server: Server): void {
    if (!this.#running) return
    const pending = this.#spare.pop() ?? new Pending()
    pending.begin({ key: '', message: probeMessage, clientKey: '', tcp: false }, null)
    pending.probe = true
    pending.triesLeft = 1
    pending.deadlineTick = this.#wheel.tick + this.#deadlineTicks
    pending.server = server
    server.inFlight++
    this.#probes.add(pending)
    this.#sendUdp(pending, server)
  }

  /** Off its server and out of every table but the one of questions in flight. */
  #detach(pending: Pending): void {
    pending.releaseUdp()
    pending.releaseTcp()
    this.#wheel.cancel(pending)
    if (pending.server) pending.server.inFlight--
    pending.server = null
  }

  #finish(pending: Pending, reply: Buffer | null, failure: upstream.ExchangeFailure | null): void {
    const { server, done, key, probe } = pending
    const outcome = reply ?? (failure === 'stopped' ? null : pending.secondBest)
    this.#queue.remove(pending)
    this.#detach(pending)
    if (failure === 'timeout' && !probe) this.#count.timeouts++
    if (failure === 'overload') this.#count.overloads++
    if (outcome && pending.cased) pending.message.copy(outcome, 12, 12, pending.questionEnd)
    const sharers = pending.sharers.length > 0 ? pending.sharers.splice(0) : noSharers
    if (probe) this.#probes.delete(pending)
    else this.#inFlight.delete(key)
    pending.reset()
    if (this.#spare.length < spareObjects) this.#spare.push(pending)
    if (probe) {
      if (server && this.#running) this.#servers.scheduleProbe(server)
      return
    }
    this.#waiting -= 1 + sharers.length
    if (outcome) this.#tell(done!, sharers, outcome, null)
    else process.nextTick(() => this.#tell(done!, sharers, null, failure))
    if (this.#queue.size > 0) this.#drain()
  }

  #tell(
    done: upstream.ExchangeDone,
    sharers: readonly upstream.ExchangeDone[],
    reply: Buffer | null,
    failure: upstream.ExchangeFailure | null,
  ): void {
    for (let i = -1; i < sharers.length; i++) {
      try {
        if (i < 0) done(reply, failure)
        else sharers[i]!(reply, failure)
      } catch (error) {
        // One asker's fault must not cost the others their answer.
        this.#options.log.error('upstream-asker-threw', { error: messageOf(error) })
      }
    }
  }

  #drain(): void {
    // One that fails at once ends here again: a loop, not a stack as deep as the queue.
    if (this.#draining) return
    this.#draining = true
    while (this.#running && this.#queue.size > 0 && this.#servers.hasRoom()) {
      const pending = this.#queue.next()!
      this.#wheel.cancel(pending)
      this.#dispatch(pending)
      if (pending.queued) break
    }
    this.#draining = false
  }
}

/** Constructor only: nothing is opened before `start()`. */
export function createUpstream(options: UpstreamOptions): upstream.ServersUpstream {
  return new Exchanger(options)
}
