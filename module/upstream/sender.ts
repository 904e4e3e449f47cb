import type { RandomPool } from './random-pool.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { Transaction, UpstreamServer } from './transaction.ts'

export interface SenderOptions {
  /** For one attempt. */
  timeoutMs: number
  random: RandomPool
  wheel: TimerWheel<Transaction>
  /** Counts questions sent over TCP. */
  count: { tcp: number }
}

/** Makes an attempt of a transaction and sends it to one server. */
export class Sender {
  readonly #options: SenderOptions

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** @returns false where the system gives no socket */
  sendUdp(transaction: Transaction, server: UpstreamServer): boolean {
    const { random, wheel } = this.#options
    const { tick } = wheel
    const socket = server.udp.draw(tick)
    if (!socket) return false
    const attempt = transaction.freeAttempt()
    const { knowledge, remote } = server
    const withCookie = remote && !transaction.withoutCookie && knowledge.uses('cookie', tick)
    const opt = !transaction.withoutOpt && knowledge.uses('opt', tick)
    attempt.fit(opt, this.#withCase(transaction, server), withCookie ? knowledge : null, random)
    attempt.setId(server.udp.freshId(socket))
    attempt.socket = socket
    socket.waiting.set(attempt.id, attempt)
    this.startTimer(transaction)
    server.udp.send(socket, attempt.query, attempt.length)
    return true
  }

  /** Where UDP is waited for as well, its timer goes on. No cookie: a stream has no need of one (RFC 7873 §5.2.1). */
  sendTcp(transaction: Transaction, server: UpstreamServer): void {
    const { count, random, wheel } = this.#options
    count.tcp++
    const connection = server.tcp.draw()
    const attempt = transaction.freeAttempt()
    const opt = !transaction.withoutOpt && server.knowledge.uses('opt', wheel.tick)
    attempt.fit(opt, this.#withCase(transaction, server), null, random)
    attempt.setId(server.tcp.freshId(connection))
    attempt.connection = connection
    attempt.messagesBefore = connection.messages
    if (transaction.overTcp) this.startTimer(transaction)
    server.tcp.send(connection, attempt.id, attempt, attempt.frame())
  }

  #withCase({ asItComes }: Transaction, { knowledge, remote }: UpstreamServer): boolean {
    return remote && !asItComes && knowledge.uses('case', this.#options.wheel.tick)
  }

  startTimer(transaction: Transaction): void {
    this.#options.wheel.schedule(transaction, this.#options.timeoutMs)
  }
}
