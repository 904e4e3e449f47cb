import { ownClientKey } from '../base/client-key.ts'
import { messageOf } from '../base/error.ts'
import type { Answer } from '../dns/answer.ts'
import { probeMessage } from '../dns/query-message.ts'
import {
  afterLostConnection,
  afterSilence,
  pauseMs,
  type RetryStep,
  type TroubleCase,
} from './retry-policy.ts'
import type { Sender } from './sender.ts'
import type { ServerList } from './server-list.ts'
import type { UpstreamTcpConnection } from './tcp-connections.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { Transaction, TransactionAttempt, UpstreamServer } from './transaction.ts'
import type { UdpSocket } from './udp-sockets.ts'
import type { ExchangeFailure, UpstreamCounts } from './upstream.ts'

/** dnsmasq holds a question that nobody answers for 10 s: two windows of 5 s. */
const GHOST_WINDOW_MS = 5000
/** In flight at one server below this, it is not we who keep it busy. */
const FEW_IN_FLIGHT = 8
/** A refusal that comes so soon after it held many may still be due to that. */
const BUSY_FOR_MS = 500

export interface DispatcherParts {
  sender: Sender
  /** Most questions in flight to one server. */
  inFlight: number
  wheel: TimerWheel<Transaction>
  servers: ServerList
  count: UpstreamCounts
  owner: TransactionOwner
}

/** Who has the transactions. */
export interface TransactionOwner {
  /** No server has room for it. */
  wait(transaction: Transaction): void
  /** There may be room again. */
  onRoom(): void
  /** Its answer, or why there is none. */
  settle(transaction: Transaction, answer: Answer | null, failure: ExchangeFailure | null): void
}

/** Sends transactions to servers, and sends them again as the retry policy says, until they are settled. */
export class Dispatcher {
  readonly #parts: DispatcherParts
  readonly #ghostTicks: number

  constructor(parts: DispatcherParts) {
    this.#parts = parts
    this.#ghostTicks = parts.wheel.ticks(GHOST_WINDOW_MS)
  }

  dispatch(transaction: Transaction): void {
    const server = this.#parts.servers.pick(transaction)
    if (server === null) this.#parts.owner.settle(transaction, null, 'network')
    else if (server === 'full') this.#parts.owner.wait(transaction)
    else this.#send(transaction, server)
  }

  /** Asks a server that fails whether it is back. */
  probe(transaction: Transaction, server: UpstreamServer): void {
    transaction.begin({ key: '', message: probeMessage, clientKey: ownClientKey('probe'), tcp: false }, null)
    transaction.isProbe = true
    transaction.triesLeft = 1
    this.#send(transaction, server)
  }

  /** Off its server and out of every table but the one of questions in flight. */
  detach(transaction: Transaction): void {
    transaction.release()
    this.#parts.wheel.cancel(transaction)
    if (transaction.server) transaction.server.inFlight--
    transaction.server = null
  }

  /** Its server is gone: another one is asked. */
  moveOn(transaction: Transaction): void {
    this.detach(transaction)
    this.dispatch(transaction)
  }

  /** Somebody may be guessing at our IDs (RFC 5452 §9.2): UDP is waited for as well, and the timer goes on. */
  alsoOverTcp(transaction: Transaction, server: UpstreamServer): void {
    if (transaction.alsoOverTcp || transaction.server !== server || transaction.isProbe) return
    if (transaction.tcpAttempt !== null) return
    transaction.alsoOverTcp = true
    this.#parts.sender.sendTcp(transaction, server)
  }

  /** Carries out what the retry policy says after a reply of the server that is asked. */
  askAgain(
    step: Exclude<RetryStep, 'accept' | 'ignore'>,
    transaction: Transaction,
    answer: Answer | null,
  ): void {
    const server = transaction.server!
    switch (step) {
      case 'tcp':
        this.#continueOverTcp(transaction, server)
        return
      case 'elsewhere':
        transaction.secondBest = answer ?? transaction.secondBest
        transaction.tried.push(server)
        this.#parts.count.retries++
        this.moveOn(transaction)
        return
      case 'later':
        this.#pause(transaction)
        return
      case 'new-cookie':
        transaction.badCookies++
        break
      case 'without-cookie':
        transaction.withoutCookie = true
        break
      case 'without-opt':
        transaction.withoutOpt = true
        break
    }
    this.#resend(transaction, server)
  }

  /** What the retry policy must know after an error that is the server's. */
  troubleOf(transaction: Transaction, server: UpstreamServer, rcode: number): TroubleCase {
    const { servers, wheel } = this.#parts
    return {
      rcode,
      another: servers.another(server, transaction),
      // Replies come by several sockets: when this one is read, those that were sent after it may have been read already.
      busy: this.#holdsMany(server) || wheel.tick - server.busyTick <= wheel.ticks(BUSY_FOR_MS),
    }
  }

  #holdsMany(server: UpstreamServer): boolean {
    const { inFlight, wheel } = this.#parts
    return server.held(wheel.tick, this.#ghostTicks) > Math.max(FEW_IN_FLIGHT, inFlight >> 3)
  }

  /** Its time is over: the pause's, or the attempt's. */
  onDue(transaction: Transaction): void {
    const { wheel } = this.#parts
    const isLate = wheel.tick >= transaction.deadlineTick
    if (!transaction.paused) this.#onSilence(transaction, transaction.server!, isLate)
    else if (isLate) this.#parts.owner.settle(transaction, null, 'overload')
    else {
      transaction.paused = false
      this.dispatch(transaction)
    }
  }

  onSocketError(server: UpstreamServer, socket: UdpSocket<TransactionAttempt>, error: Error): void {
    server.udp.fail(socket)
    for (const attempt of [...socket.waiting.values()]) {
      const { transaction } = attempt
      // Settled, or sent elsewhere, as another one on this socket was dealt with.
      if (attempt.socket !== socket) continue
      attempt.release()
      if (transaction.server !== server || transaction.tcpAttempt !== null) continue
      this.#unreachable(transaction, server, messageOf(error))
    }
  }

  onConnectionGone(
    server: UpstreamServer,
    connection: UpstreamTcpConnection<TransactionAttempt>,
    waiting: readonly TransactionAttempt[],
  ): void {
    for (const attempt of waiting) {
      if (attempt.connection !== connection) continue
      attempt.release()
      this.#onLostConnection(server, connection, attempt.transaction)
    }
  }

  #onLostConnection(
    server: UpstreamServer,
    { messages }: UpstreamTcpConnection<TransactionAttempt>,
    transaction: Transaction,
  ): void {
    const { overTcp, caseWrong, bareError, lostConnections: lost } = transaction
    switch (afterLostConnection({ overTcp, caseWrong, bareError, messages, lost })) {
      case 'wait':
        return
      case 'as-it-comes':
        if (caseWrong) server.knowledge.refused('case', transaction.name, this.#parts.wheel.tick)
        transaction.asItComes = true
        this.#resend(transaction, server)
        return
      case 'reconnect':
        transaction.lostConnections++
        this.#parts.sender.sendTcp(transaction, server)
        return
      case 'unreachable':
        transaction.dead.push(server)
        this.moveOn(transaction)
    }
  }

  #onSilence(transaction: Transaction, server: UpstreamServer, isLate: boolean): void {
    const { count, owner, servers, wheel } = this.#parts
    server.timeouts++
    servers.failed(server, 'timeout', false)
    const attempt = transaction.tcpAttempt
    if (attempt !== null) {
      const connection = attempt.connection!
      const isSilent = connection.messages === attempt.messagesBefore
      attempt.release()
      // A length and then silence, or a stranger's tarpit: nothing whole came all the while.
      if (isSilent) server.tcp.drop(connection, null)
    }
    if (afterSilence(--transaction.triesLeft, isLate) === 'give-up') {
      owner.settle(transaction, null, 'timeout')
      return
    }
    count.retries++
    server.abandoned(wheel.tick, this.#ghostTicks)
    server.inFlight--
    transaction.tried.push(server)
    transaction.server = null
    this.dispatch(transaction)
  }

  #send(transaction: Transaction, server: UpstreamServer): void {
    if (transaction.fittedTo !== server) transaction.fitTo(server)
    transaction.server = server
    server.inFlight++
    if (this.#holdsMany(server)) server.busyTick = this.#parts.wheel.tick
    this.#sendOn(transaction, server)
  }

  #sendOn(transaction: Transaction, server: UpstreamServer): void {
    const { sender } = this.#parts
    if (transaction.overTcp) sender.sendTcp(transaction, server)
    else if (!sender.sendUdp(transaction, server)) this.#unreachable(transaction, server, 'no socket')
  }

  #resend(transaction: Transaction, server: UpstreamServer): void {
    this.#parts.count.retries++
    transaction.release()
    this.#sendOn(transaction, server)
  }

  #continueOverTcp(transaction: Transaction, server: UpstreamServer): void {
    const { sender } = this.#parts
    transaction.overTcp = true
    transaction.releaseUdp()
    if (transaction.tcpAttempt === null) sender.sendTcp(transaction, server)
    else sender.startTimer(transaction)
  }

  #pause(transaction: Transaction): void {
    transaction.secondBest = null
    this.detach(transaction)
    transaction.paused = true
    this.#parts.wheel.schedule(transaction, pauseMs(transaction.refusals++))
    this.#parts.owner.onRoom()
  }

  #unreachable(transaction: Transaction, server: UpstreamServer, why: string): void {
    this.#parts.servers.failed(server, why, true)
    if (transaction.isProbe) {
      this.#parts.owner.settle(transaction, null, 'network')
      return
    }
    transaction.dead.push(server)
    this.moveOn(transaction)
  }
}
