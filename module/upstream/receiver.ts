import { isLoopback } from '../base/address-class.ts'
import { matchReply } from './match-reply.ts'
import type { Pending } from './pending.ts'
import type { RandomPool } from './random-pool.ts'
import { Server } from './server.ts'
import { TcpConnections, type UpstreamTcpConnection } from './tcp-connections.ts'
import type { TimerWheel } from './timer-wheel.ts'
import { type UdpSocket, UdpSockets } from './udp-sockets.ts'
import type { ServerAddress } from './upstream.ts'
import type { UpstreamOptions } from './upstream-options.ts'

const caseAgainMs = 3_600_000

export interface ReceiverHandlers {
  /** The reply matches its query (RFC 5452 §9.1). */
  onReply(pending: Pending, server: Server, reply: Buffer, overTcp: boolean): void
  /** Somebody may be guessing: this question is asked over TCP as well. */
  alsoTcp(pending: Pending, server: Server): void
  onSocketError(server: Server, socket: UdpSocket<Pending>, error: Error): void
  onGone(server: Server, connection: UpstreamTcpConnection<Pending>, waiting: Pending[]): void
}

/** What comes from the servers' sockets: matched, or counted and ignored. */
export class Receiver {
  readonly #parts: {
    options: UpstreamOptions
    random: RandomPool
    wheel: TimerWheel<Pending>
    count: { junk: number; wrongId: number }
    handlers: ReceiverHandlers
  }

  constructor(parts: {
    options: UpstreamOptions
    random: RandomPool
    wheel: TimerWheel<Pending>
    count: { junk: number; wrongId: number }
    handlers: ReceiverHandlers
  }) {
    this.#parts = parts
  }

  makeServer(where: ServerAddress): Server {
    const { options, random, wheel, handlers } = this.#parts
    const { address, port } = where
    const udp = new UdpSockets<Pending>({
      ...{ address, port, random, count: options.sockets ?? 16, lifeTicks: wheel.ticks(120_000) },
      handlers: {
        onMessage: (socket, message) => this.#onDatagram(server, socket, message),
        onError: (socket, error) => handlers.onSocketError(server, socket, error),
      },
    })
    const tcp = new TcpConnections<Pending>({
      ...{ address, port, random, clock: options.clock },
      limit: options.tcpConnections ?? 4,
      idleMs: options.tcpIdleMs ?? 5000,
      handlers: {
        onMessage: (connection, message) => this.#onStream(server, connection, message),
        onGone: (connection, waiting) => handlers.onGone(server, connection, waiting),
      },
    })
    const remote = options.hardenLoopback === true || !isLoopback(address)
    const server = new Server({ where, remote, udp, tcp, random })
    return server
  }

  /** The hot path: everything between the kernel and a matched reply. */
  #onDatagram(server: Server, socket: UdpSocket<Pending>, message: Buffer): void {
    const id = message.length >= 12 ? (message[0]! << 8) | message[1]! : -1
    const pending = socket.waiting.get(id)
    if (!pending) {
      this.#onUnexpected(server, socket, message, id)
      return
    }
    const exactCase = pending.cased && !(server.caseOffUntil > this.#parts.wheel.tick)
    const match = matchReply(message, id, pending.query, pending.questionEnd, exactCase)
    if (match === 'match') {
      this.#parts.handlers.onReply(pending, server, message, false)
      return
    }
    this.#parts.count.junk++
    if (match === 'header-only') pending.bareError ||= (message[3]! & 15) === 1 || (message[3]! & 15) === 4
    if (match !== 'wrong-case') return
    pending.caseWrong = true
    this.#parts.handlers.alsoTcp(pending, server)
  }

  #onUnexpected(server: Server, socket: UdpSocket<Pending>, message: Buffer, id: number): void {
    if (id < 0 || (message[2]! & 0x80) === 0) {
      this.#parts.count.junk++
      return
    }
    if (socket.retired.includes(id)) return
    this.#parts.count.wrongId++
    if (!server.remote) return
    for (const pending of socket.waiting.values()) this.#parts.handlers.alsoTcp(pending, server)
  }

  #onStream(server: Server, connection: UpstreamTcpConnection<Pending>, message: Buffer): void {
    const id = message.length >= 12 ? message.readUInt16BE(0) : -1
    const pending = connection.waiting.get(id)
    const match = pending
      ? matchReply(message, id, pending.query, pending.questionEnd, pending.cased)
      : 'wrong-id'
    if (!pending || (match !== 'match' && match !== 'wrong-case')) {
      this.#parts.count.junk++
      return
    }
    // Nobody forges a stream: this server itself does not keep the case.
    if (match === 'wrong-case')
      server.caseOffUntil = this.#parts.wheel.tick + this.#parts.wheel.ticks(caseAgainMs)
    this.#parts.handlers.onReply(pending, server, message, true)
  }
}
