import { isLoopback } from '../base/address-class.ts'
import { type Answer, readAnswer } from '../dns/answer.ts'
import { asError } from '../dns/bare-error.ts'
import { Flag, HEADER_BYTES, Rcode } from '../dns/constants.ts'
import { matchReply } from '../dns/reply-matcher.ts'
import type { Dispatcher, TransactionOwner } from './dispatcher.ts'
import type { RandomPool } from './random-pool.ts'
import { ReplyFacts } from './reply-facts.ts'
import { afterReply, afterTrouble, afterUnreadable, isExtended } from './retry-policy.ts'
import { Server } from './server.ts'
import { ServerKnowledge } from './server-knowledge.ts'
import type { ServerList } from './server-list.ts'
import { TcpConnections, type UpstreamTcpConnection } from './tcp-connections.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { Transaction, TransactionAttempt, UpstreamServer } from './transaction.ts'
import { type UdpSocket, UdpSockets } from './udp-sockets.ts'
import type { ServerAddress, UpstreamOptions } from './upstream.ts'

/** A feature that a server does not understand is left out for so long. */
const OFF_MS = { opt: 600_000, cookie: 3_600_000, case: 3_600_000 }
const CLIENT_COOKIE_BYTES = 8
const SOCKET_LIFE_MS = 120_000

/** The second octet of the flags has AD in it, the first has TC. */
const AD_OCTET = 3
const TC_IN_OCTET = Flag.TC >> 8

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
    const knowledge = new ServerKnowledge(random.octets(CLIENT_COOKIE_BYTES), {
      opt: wheel.ticks(OFF_MS.opt),
      cookie: wheel.ticks(OFF_MS.cookie),
      case: wheel.ticks(OFF_MS.case),
    })
    const server: UpstreamServer = new Server({ where, remote, udp, tcp, knowledge })
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
    const match = matchReply(message, id, attempt.query, transaction.questionEnd, attempt.cased)
    if (match === 'match') {
      this.#onReply(server, attempt, message)
      return
    }
    if (match === 'header-only' && this.#onBareError(server, attempt, message)) return
    this.#parts.count.junk++
    if (match !== 'wrong-case') return
    transaction.caseWrong = true
    this.#parts.dispatcher.alsoOverTcp(transaction, server)
  }

  /**
   * An error without its question does not match (RFC 5452 §9.1), but it can put nothing into an answer. From the stock
   * resolver, or over TCP, it is the server's word; from beyond this machine somebody may have guessed the ID, so that the
   * same is asked over TCP, and taken as it comes where there is none.
   * @returns whether it was taken
   */
  #onBareError(server: UpstreamServer, attempt: TransactionAttempt, message: Buffer): boolean {
    const { transaction } = attempt
    const error = asError(message, transaction.message, transaction.questionEnd)
    if (error === null) return false
    if (!server.remote || attempt.overTcp || transaction.asItComes) {
      this.#onReply(server, attempt, error)
      return true
    }
    transaction.bareError = true
    this.#parts.dispatcher.alsoOverTcp(transaction, server)
    return false
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
    if (attempt && (match === 'match' || match === 'wrong-case')) {
      // Nobody forges a stream: whoever answered this name does not keep the case.
      if (match === 'wrong-case') server.knowledge.refused('case', attempt.transaction.name, wheel.tick)
      this.#onReply(server, attempt, message)
      return
    }
    if (attempt && match === 'header-only' && this.#onBareError(server, attempt, message)) return
    count.junk++
  }

  #onReply(server: UpstreamServer, attempt: TransactionAttempt, reply: Buffer): void {
    const { count, dispatcher, owner, servers } = this.#parts
    const { transaction } = attempt
    servers.answered(server)
    if (transaction.isProbe) {
      owner.settle(transaction, null, null)
      return
    }
    if (attempt.cased) this.#restoreCase(server, attempt, reply)
    // RFC 6840 §5.8: whoever is between could have set AD; only over loopback is it the resolver's word.
    if (server.remote) reply[AD_OCTET]! &= ~Flag.AD
    const answer = readAnswer(reply, transaction.questionEnd)
    const step = this.#judge(server, attempt, reply, answer)
    if (step === 'accept') this.#accept(server, attempt, answer!)
    else if (step === 'ignore') count.junk++
    // A late word from a server that is no longer asked: only a whole answer from it would have been of use.
    else if (server !== transaction.server) return
    else if (step === 'server-trouble') this.#onTrouble(server, attempt, answer!)
    else if (step === 'unreadable') this.#onUnreadable(server, attempt)
    else dispatcher.askAgain(step, transaction, answer)
  }

  #restoreCase(
    { knowledge }: UpstreamServer,
    { transaction, query }: TransactionAttempt,
    reply: Buffer,
  ): void {
    const { message, questionEnd } = transaction
    if (!knowledge.isUnderstood('case')) {
      const isDrawn = message.compare(query, HEADER_BYTES, questionEnd, HEADER_BYTES, questionEnd) !== 0
      const isKept = reply.compare(query, HEADER_BYTES, questionEnd, HEADER_BYTES, questionEnd) === 0
      if (isDrawn && isKept) knowledge.understood('case')
    }
    message.copy(reply, HEADER_BYTES, HEADER_BYTES, questionEnd)
  }

  /** @returns what the retry policy says; the stock resolver's good answers need no look */
  #judge(
    server: UpstreamServer,
    attempt: TransactionAttempt,
    reply: Buffer,
    answer: Answer | null,
  ): ReturnType<typeof afterReply> | 'unreadable' {
    const isCut = (reply[2]! & TC_IN_OCTET) !== 0 || (server.remote && reply.length > attempt.advertised)
    if (!attempt.overTcp && isCut) return 'tcp'
    if (answer === null) return 'unreadable'
    const { knowledge } = server
    if (attempt.optSent && answer.hasOpt) knowledge.understood('opt')
    if (!server.remote && answer.rcode === Rcode.NOERROR) return 'accept'
    const facts = this.#facts
    facts.read(answer, reply, attempt, server)
    if (facts.cookie === 'ours') knowledge.understood('cookie')
    if (facts.serverCookie) knowledge.serverCookie = Buffer.from(facts.serverCookie)
    const step = afterReply(facts)
    if (step === 'tcp') knowledge.serverCookie = null
    return step
  }

  #onTrouble(server: UpstreamServer, attempt: TransactionAttempt, answer: Answer): void {
    const { dispatcher, owner } = this.#parts
    const { transaction } = attempt
    if (answer.rcode === Rcode.REFUSED) server.refused++
    const step = afterTrouble(dispatcher.troubleOf(transaction, server, answer.rcode))
    if (step !== 'accept') dispatcher.askAgain(step, transaction, answer)
    else if (isExtended(answer.rcode)) owner.settle(transaction, null, 'unusable')
    else this.#accept(server, attempt, answer)
  }

  #onUnreadable(server: UpstreamServer, { transaction, overTcp }: TransactionAttempt): void {
    const { dispatcher, owner, servers } = this.#parts
    const step = afterUnreadable(overTcp, servers.another(server, transaction))
    if (step === 'give-up') owner.settle(transaction, null, 'unusable')
    else dispatcher.askAgain(step, transaction, null)
  }

  #accept(server: UpstreamServer, { transaction, optSent }: TransactionAttempt, answer: Answer): void {
    const { owner, wheel } = this.#parts
    if (answer.rcode === Rcode.NOERROR || answer.rcode === Rcode.NXDOMAIN) {
      const { withoutOpt, withoutCookie } = transaction
      if (withoutOpt && !optSent) server.knowledge.refused('opt', transaction.name, wheel.tick)
      else if (withoutCookie) server.knowledge.refused('cookie', transaction.name, wheel.tick)
    }
    owner.settle(transaction, answer, null)
  }
}
