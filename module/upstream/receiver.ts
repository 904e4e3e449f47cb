import { isLoopback } from '../base/address-class.ts'
import { Flag, HEADER_BYTES, Rcode } from '../dns/constants.ts'
import { matchReply } from '../dns/reply-matcher.ts'
import type { Dispatcher, TransactionOwner } from './dispatcher.ts'
import type { RandomPool } from './random-pool.ts'
import { ReplyFacts } from './reply-facts.ts'
import { afterReply, afterTrouble } from './retry-policy.ts'
import { Server } from './server.ts'
import type { ServerList } from './server-list.ts'
import { TcpConnections, type UpstreamTcpConnection } from './tcp-connections.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { Transaction, TransactionAttempt, UpstreamServer } from './transaction.ts'
import { type UdpSocket, UdpSockets } from './udp-sockets.ts'
import type { ServerAddress, UpstreamOptions } from './upstream.ts'

const CASE_AGAIN_MS = 3_600_000
const SOCKET_LIFE_MS = 120_000

/** The second octet of the flags has AD in it, the first has TC. */
const AD_OCTET = 3
const TC_IN_OCTET = Flag.TC >> 8
const rcodeIn = (reply: Buffer) => reply[3]! & 0x0f

export interface ReceiverParts {
  options: UpstreamOptions
  random: RandomPool
  wheel: TimerWheel<Transaction>
  servers: ServerList
  count: { junk: number; wrongId: number }
  dispatcher: Dispatcher
  owner: Pick<TransactionOwner, 'settle'>
}

/** The way up: what comes from the servers' sockets is matched and judged, and settles its transaction or sends it again. */
export class Receiver {
  readonly #parts: ReceiverParts
  readonly #facts = new ReplyFacts()

  constructor(parts: ReceiverParts) {
    this.#parts = parts
  }

  makeServer(where: ServerAddress): UpstreamServer {
    const { options, random, wheel, dispatcher } = this.#parts
    const { address, port } = where
    const udp = new UdpSockets<TransactionAttempt>({
      ...{ address, port, random, count: options.sockets ?? 16, lifeTicks: wheel.ticks(SOCKET_LIFE_MS) },
      handlers: {
        onMessage: (socket, message) => this.#onDatagram(server, socket, message),
        onError: (socket, error) => dispatcher.onSocketError(server, socket, error),
      },
    })
    const tcp = new TcpConnections<TransactionAttempt>({
      ...{ address, port, random, clock: options.clock },
      limit: options.tcpConnections ?? 4,
      idleMs: options.tcpIdleMs ?? 5000,
      handlers: {
        onMessage: (connection, message) => this.#onStream(server, connection, message),
        onGone: (connection, waiting) => dispatcher.onConnectionGone(server, connection, waiting),
      },
    })
    const remote = options.hardenLoopback === true || !isLoopback(address)
    const server: UpstreamServer = new Server({ where, remote, udp, tcp, random })
    return server
  }

  /** The hot path: everything between the kernel and a matched reply. */
  #onDatagram(server: UpstreamServer, socket: UdpSocket<TransactionAttempt>, message: Buffer): void {
    const id = message.length >= HEADER_BYTES ? (message[0]! << 8) | message[1]! : -1
    const attempt = socket.waiting.get(id)
    if (!attempt) {
      this.#onUnexpected(server, socket, message, id)
      return
    }
    const { transaction } = attempt
    const exactCase = attempt.cased && server.takesCase(this.#parts.wheel.tick)
    const match = matchReply(message, id, attempt.query, transaction.questionEnd, exactCase)
    if (match === 'match') {
      this.#onReply(server, attempt, message)
      return
    }
    this.#parts.count.junk++
    if (match === 'header-only') {
      const rcode = rcodeIn(message)
      transaction.bareError ||= rcode === Rcode.FORMERR || rcode === Rcode.NOTIMP
    }
    if (match !== 'wrong-case') return
    transaction.caseWrong = true
    this.#parts.dispatcher.alsoOverTcp(transaction, server)
  }

  #onUnexpected(
    server: UpstreamServer,
    socket: UdpSocket<TransactionAttempt>,
    message: Buffer,
    id: number,
  ): void {
    const { count, dispatcher } = this.#parts
    if (id < 0 || (message[2]! & (Flag.QR >> 8)) === 0) {
      count.junk++
      return
    }
    if (socket.retired.includes(id)) return
    count.wrongId++
    if (!server.remote) return
    for (const { transaction } of socket.waiting.values()) dispatcher.alsoOverTcp(transaction, server)
  }

  #onStream(
    server: UpstreamServer,
    connection: UpstreamTcpConnection<TransactionAttempt>,
    message: Buffer,
  ): void {
    const { count, wheel } = this.#parts
    const id = message.length >= HEADER_BYTES ? message.readUInt16BE(0) : -1
    const attempt = connection.waiting.get(id)
    const match = attempt
      ? matchReply(message, id, attempt.query, attempt.transaction.questionEnd, attempt.cased)
      : 'wrong-id'
    if (!attempt || (match !== 'match' && match !== 'wrong-case')) {
      count.junk++
      return
    }
    // Nobody forges a stream: this server itself does not keep the case.
    if (match === 'wrong-case') server.caseOffUntil = wheel.tick + wheel.ticks(CASE_AGAIN_MS)
    this.#onReply(server, attempt, message)
  }

  #onReply(server: UpstreamServer, attempt: TransactionAttempt, reply: Buffer): void {
    const { dispatcher, owner, servers } = this.#parts
    const { transaction } = attempt
    servers.answered(server)
    if (transaction.isProbe) {
      owner.settle(transaction, reply, null)
      return
    }
    if (attempt.cased) transaction.message.copy(reply, HEADER_BYTES, HEADER_BYTES, transaction.questionEnd)
    const step = this.#judge(server, attempt, reply)
    if (step === 'accept') this.#accept(server, transaction, reply)
    else if (step === 'ignore') this.#parts.count.junk++
    // A late word from a server that is no longer asked: only a whole answer from it would have been of use.
    else if (server !== transaction.server) return
    else if (step === 'server-trouble') this.#onTrouble(server, transaction, reply)
    else dispatcher.askAgain(step, transaction, reply)
  }

  /** @returns what the retry policy says; the stock resolver's good replies need no look */
  #judge(server: UpstreamServer, attempt: TransactionAttempt, reply: Buffer): ReturnType<typeof afterReply> {
    const isCut = (reply[2]! & TC_IN_OCTET) !== 0 || (server.remote && reply.length > attempt.advertised)
    if (!attempt.overTcp && isCut) return 'tcp'
    if (!server.remote && rcodeIn(reply) === Rcode.NOERROR) return 'accept'
    const facts = this.#facts
    facts.read(reply, attempt, server)
    if (facts.serverCookie) server.serverCookie = Buffer.from(facts.serverCookie)
    return afterReply(facts)
  }

  #onTrouble(server: UpstreamServer, transaction: Transaction, reply: Buffer): void {
    const { dispatcher } = this.#parts
    const rcode = rcodeIn(reply)
    if (rcode === Rcode.REFUSED) server.refused++
    const step = afterTrouble(dispatcher.troubleOf(transaction, server, rcode))
    if (step === 'accept') this.#accept(server, transaction, reply)
    else dispatcher.askAgain(step, transaction, reply)
  }

  #accept(server: UpstreamServer, transaction: Transaction, reply: Buffer): void {
    // RFC 6840 §5.8: whoever is between could have set AD; only over loopback is it the resolver's word.
    if (server.remote) reply[AD_OCTET]! &= ~Flag.AD
    if (transaction.withoutOpt && rcodeIn(reply) === Rcode.NOERROR)
      this.#parts.dispatcher.acceptedWithoutOpt(server)
    this.#parts.owner.settle(transaction, reply, null)
  }
}
