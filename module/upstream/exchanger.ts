import { messageOf } from '../error.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../platform/clock.ts'
import { FairQueue } from './fair-queue.ts'
import { matchReply } from './match-reply.ts'
import { probeMessage } from './message-parts.ts'
import { Pending } from './pending.ts'
import { type FillRandom, RandomPool } from './random-pool.ts'
import { type Review, reviewReply } from './review-reply.ts'
import { isLoopback, Server } from './server.ts'
import { ServerList } from './server-list.ts'
import { type TcpConnection, TcpConnections } from './tcp-connections.ts'
import { TimerWheel } from './timer-wheel.ts'
import { type UdpSocket, UdpSockets } from './udp-sockets.ts'
import type * as upstream from './upstream.ts'

export interface UpstreamOptions {
  /** In order of preference: the first that is healthy and has room is asked. */
  servers: readonly upstream.ServerAddress[]
  /** For one try. */
  timeoutMs: number
  /** Questions in flight to one server. */
  inFlight: number
  clock: Clock
  log: Log
  random?: FillRandom
  /** UDP sockets to one server, 1 to 256. */
  sockets?: number
  tries?: number
  /** Everybody who may wait at once, queued ones included; half of them may be queued. */
  maxWaiting?: number
  tcpConnections?: number
  tcpIdleMs?: number
  /** What beyond-this-machine servers get (0x20, cookies, TCP after a wrong ID), for loopback too. */
  hardenLoopback?: boolean
}

const tickMs = 50
/** dnsmasq holds a question that nobody answers for 10 s: two windows of 5 s. */
const ghostWindowMs = 5000
const optAgainMs = 600_000
const caseAgainMs = 3_600_000
const cookiesAgainMs = 3_600_000
const spareObjects = 256
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
  #waiting = 0
  #running = false

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#random = new RandomPool(options.random)
    this.#wheel = new TimerWheel({ clock: options.clock, tickMs, onDue: (pending) => this.#onDue(pending) })
    this.#maxWaiting = options.maxWaiting ?? 8192
    this.#queue = new FairQueue(this.#maxWaiting >> 1)
    this.#deadlineTicks = this.#wheel.ticks(options.timeoutMs * (options.tries ?? 3))
    this.#ghostTicks = this.#wheel.ticks(ghostWindowMs)
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
    if (!this.#running) return void process.nextTick(done, null, 'stopped')
    if (this.#waiting >= this.#maxWaiting) {
      this.#count.overloads++
      return void process.nextTick(done, null, 'overload')
    }
    const shared = this.#inFlight.get(exchange.key)
    if (shared) {
      this.#count.shared++
      this.#waiting++
      shared.sharers.push(done)
      return
    }
    const pending = this.#spare.pop() ?? new Pending()
    if (!pending.begin(exchange, done)) return void process.nextTick(done, null, 'network')
    this.#waiting++
    this.#inFlight.set(exchange.key, pending)
    pending.triesLeft = this.#options.tries ?? 3
    pending.deadlineTick = this.#wheel.tick + this.#deadlineTicks
    // Newcomers wait behind those who wait already, or the queue would be fair to nobody.
    if (this.#queue.size > 0) this.#enqueue(pending)
    else this.#dispatch(pending)
  }

  #makeServer = (where: upstream.ServerAddress): Server => {
    const { options, server } = { options: this.#options, server: { it: null as Server | null } }
    const random = this.#random
    const { address, port } = where
    const udp = new UdpSockets<Pending>({
      ...{ address, port, random, count: options.sockets ?? 16, lifeTicks: this.#wheel.ticks(120_000) },
      handlers: {
        onMessage: (socket, message) => this.#onDatagram(server.it!, socket, message),
        onError: (socket, error) => this.#onSocketError(server.it!, socket, error),
      },
    })
    const tcp = new TcpConnections<Pending>({
      ...{ address, port, random, clock: options.clock },
      limit: options.tcpConnections ?? 4,
      idleMs: options.tcpIdleMs ?? 5000,
      handlers: {
        onMessage: (connection, message) => this.#onStream(server.it!, connection, message),
        onGone: (connection, waiting) => this.#onGone(server.it!, connection, waiting),
      },
    })
    const remote = options.hardenLoopback === true || !isLoopback(address)
    server.it = new Server({ where, remote, udp, tcp, random })
    return server.it
  }

  #dispatch(pending: Pending): void {
    const server = this.#servers.pick(pending)
    if (server === null) return this.#finish(pending, null, 'network')
    if (server === 'full') return this.#enqueue(pending)
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
    if (!socket) return this.#unreachable(pending, server, 'no socket')
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

  #onDatagram(server: Server, socket: UdpSocket<Pending>, message: Buffer): void {
    const id = message.length >= 12 ? (message[0]! << 8) | message[1]! : -1
    const pending = socket.waiting.get(id)
    if (!pending) return this.#onUnexpected(server, socket, message, id)
    const exactCase = pending.cased && !(server.caseOffUntil > this.#wheel.tick)
    const match = matchReply(message, id, pending.query, pending.questionEnd, exactCase)
    if (match === 'match') return this.#onReply(pending, server, message, false)
    this.#count.junk++
    if (match === 'header-only') pending.bareError ||= (message[3]! & 15) === 1 || (message[3]! & 15) === 4
    if (match !== 'wrong-case') return
    pending.caseWrong = true
    this.#alsoTcp(pending, server)
  }

  #onUnexpected(server: Server, socket: UdpSocket<Pending>, message: Buffer, id: number): void {
    if (id < 0 || (message[2]! & 0x80) === 0) {
      this.#count.junk++
      return
    }
    if (socket.retired.includes(id)) return
    this.#count.wrongId++
    if (!server.remote) return
    for (const pending of socket.waiting.values()) this.#alsoTcp(pending, server)
  }

  #onStream(server: Server, connection: TcpConnection<Pending>, message: Buffer): void {
    const id = message.length >= 12 ? message.readUInt16BE(0) : -1
    const pending = connection.waiting.get(id)
    const match = pending
      ? matchReply(message, id, pending.query, pending.questionEnd, pending.cased)
      : 'wrong-id'
    if (!pending || (match !== 'match' && match !== 'wrong-case')) {
      this.#count.junk++
      return
    }
    // Nobody forges a stream: this server itself does not keep the case.
    if (match === 'wrong-case') server.caseOffUntil = this.#wheel.tick + this.#wheel.ticks(caseAgainMs)
    this.#onReply(pending, server, message, true)
  }

  #onReply(pending: Pending, server: Server, reply: Buffer, overTcp: boolean): void {
    this.#servers.answered(server)
    if (pending.probe) return this.#finish(pending, reply, null)
    const wholeOverTcp =
      !overTcp && ((reply[2]! & 2) !== 0 || (server.remote && reply.length > pending.advertised))
    if (wholeOverTcp || server.remote || (reply[3]! & 15) !== 0) {
      const review = wholeOverTcp ? 'tcp' : reviewReply(reply, pending, server, overTcp)
      if (review !== 'accept') return this.#onReview(review, pending, server, reply)
    }
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
        return this.#resend(pending, server)
      case 'without-cookie':
        server.cookiesOffUntil = this.#wheel.tick + this.#wheel.ticks(cookiesAgainMs)
        return this.#resend(pending, server)
      case 'without-opt':
        pending.plain = true
        return this.#resend(pending, server)
      case 'refused':
        return this.#onRefused(pending, server, reply)
      case 'servfail':
        if (this.#servers.another(server, pending)) return this.#elsewhere(pending, reply)
        return this.#finish(pending, reply, null)
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
    if (this.#servers.another(server, pending)) return this.#elsewhere(pending, reply)
    const few = Math.max(8, this.#options.inFlight >> 3)
    const busy = server.held(this.#wheel.tick, this.#ghostTicks) > few
    if (!busy && pending.refusals > 0) return this.#finish(pending, reply, null)
    if (!busy && pending.secondBest) return this.#finish(pending, reply, null)
    pending.secondBest = null
    this.#detach(pending)
    pending.delayed = true
    this.#wheel.schedule(pending, 100 << Math.min(pending.refusals++, 3))
    this.#drain()
  }

  #onDue(pending: Pending): void {
    const late = this.#wheel.tick >= pending.deadlineTick
    if (pending.queued || (pending.delayed && late)) return this.#finish(pending, null, 'overload')
    if (pending.delayed) {
      pending.delayed = false
      return this.#dispatch(pending)
    }
    const server = pending.server!
    const { connection } = pending
    server.timeouts++
    this.#servers.failed(server, 'timeout', false)
    pending.releaseTcp()
    // A length and then silence, or a stranger's tarpit: nothing whole came all the while.
    if (connection && connection.messages === pending.connectionMessages) server.tcp.drop(connection, null)
    if (pending.bareError) pending.plain = true
    if (--pending.triesLeft <= 0 || late) return this.#finish(pending, null, 'timeout')
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
    if (pending.probe) return this.#finish(pending, null, 'network')
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
      // A kept connection may have been closed by the other end as we wrote (RFC 7766 §6.2.4).
      if (pending.tcpFailures++ === 0 && connection.messages > 0) {
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
    done(reply, failure)
    for (const sharer of sharers) sharer(reply, failure)
  }

  #drain(): void {
    while (this.#running && this.#queue.size > 0 && this.#servers.hasRoom()) {
      const pending = this.#queue.next()!
      this.#wheel.cancel(pending)
      this.#dispatch(pending)
      if (pending.queued) return
    }
  }
}

/** Constructor only: nothing is opened before `start()`. */
export function createUpstream(options: UpstreamOptions): upstream.ServersUpstream {
  return new Exchanger(options)
}
