import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../base/clock.ts'
import type { RandomPool } from './random-pool.ts'

export interface UpstreamTcpConnection<T> {
  readonly socket: Socket
  readonly owner: TcpConnections<T>
  readonly waiting: Map<number, T>
  /** Whole messages received: a connection that brings none in a question's time is given up. */
  messages: number
  /** First octet of a length, until the second is there. */
  lengthHigh: number
  body: Buffer | null
  filled: number
  idleTimer: Timer | null
  closed: boolean
}

export interface TcpHandlers<T> {
  onMessage(connection: UpstreamTcpConnection<T>, message: Buffer): void
  /** The connection is gone; these were still waiting. */
  onGone(connection: UpstreamTcpConnection<T>, waiting: T[], error: Error | null): void
}

/**
 * Connections to one server, kept for a while, with questions pipelined and answers in any order (RFC 7766 §6.2).
 * Each holds one message at most: 65,537 octets.
 */
export class TcpConnections<T> {
  readonly #connections = new Set<UpstreamTcpConnection<T>>()
  readonly #address: string
  readonly #port: number
  readonly #limit: number
  readonly #idleMs: number
  readonly #clock: Clock
  readonly #random: RandomPool
  readonly #handlers: TcpHandlers<T>

  constructor(options: {
    address: string
    port: number
    limit: number
    idleMs: number
    clock: Clock
    random: RandomPool
    handlers: TcpHandlers<T>
  }) {
    this.#address = options.address
    this.#port = options.port
    this.#limit = options.limit
    this.#idleMs = options.idleMs
    this.#clock = options.clock
    this.#random = options.random
    this.#handlers = options.handlers
  }

  get open(): number {
    return this.#connections.size
  }

  /** @returns one that is free, else a new one, else the least busy */
  draw(): UpstreamTcpConnection<T> {
    let best: UpstreamTcpConnection<T> | null = null
    for (const connection of this.#connections) {
      if (!best || connection.waiting.size < best.waiting.size) best = connection
    }
    return best && (best.waiting.size === 0 || this.#connections.size >= this.#limit) ? best : this.#open()
  }

  freshId(connection: UpstreamTcpConnection<T>): number {
    let id = this.#random.id()
    while (connection.waiting.has(id)) id = this.#random.id()
    return id
  }

  /** @param frame length and message in one write (RFC 7766 §8); the socket keeps it until it is sent */
  send(connection: UpstreamTcpConnection<T>, id: number, entry: T, frame: Buffer): void {
    connection.idleTimer?.cancel()
    connection.idleTimer = null
    connection.waiting.set(id, entry)
    connection.socket.write(frame)
  }

  release(connection: UpstreamTcpConnection<T>, id: number): void {
    connection.waiting.delete(id)
    if (connection.waiting.size > 0 || connection.closed || connection.idleTimer) return
    connection.idleTimer = this.#clock.after(this.#idleMs, () => this.drop(connection, null))
  }

  /** Closes at once; those that wait are handed to `onGone`. */
  drop(connection: UpstreamTcpConnection<T>, error: Error | null): void {
    if (connection.closed) return
    connection.closed = true
    connection.idleTimer?.cancel()
    this.#connections.delete(connection)
    connection.socket.destroy()
    connection.body = null
    const waiting = [...connection.waiting.values()]
    connection.waiting.clear()
    if (waiting.length > 0) this.#handlers.onGone(connection, waiting, error)
  }

  close(): void {
    for (const connection of this.#connections) {
      connection.waiting.clear()
      this.drop(connection, null)
    }
  }

  #open(): UpstreamTcpConnection<T> {
    const socket = connect({ host: this.#address, port: this.#port, noDelay: true })
    const connection: UpstreamTcpConnection<T> = {
      socket,
      owner: this,
      waiting: new Map(),
      messages: 0,
      lengthHigh: -1,
      body: null,
      filled: 0,
      idleTimer: null,
      closed: false,
    }
    this.#connections.add(connection)
    socket.on('data', (chunk) => this.#receive(connection, chunk))
    socket.on('error', (error) => this.drop(connection, error))
    socket.on('close', () => this.drop(connection, null))
    socket.on('end', () => this.drop(connection, null))
    return connection
  }

  #receive(connection: UpstreamTcpConnection<T>, chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !connection.closed) {
      if (!connection.body) {
        const octet = chunk[at++]!
        if (connection.lengthHigh < 0) {
          connection.lengthHigh = octet
          continue
        }
        connection.body = Buffer.allocUnsafeSlow((connection.lengthHigh << 8) | octet)
        connection.lengthHigh = -1
        connection.filled = 0
      }
      const body = connection.body
      const copied = chunk.copy(body, connection.filled, at)
      at += copied
      connection.filled += copied
      if (connection.filled < body.length) return
      connection.body = null
      connection.messages++
      this.#handlers.onMessage(connection, body)
    }
  }
}
