import { createServer, type Server, type Socket } from 'node:net'
import { ClientQuota } from '../base/client-quota.ts'
import type { Client, Clients } from '../base/clients.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Handler, Listener } from './handler.ts'
import { listenError } from './listen-error.ts'
import { TcpConnection } from './tcp-connection.ts'

export interface TcpOptions {
  address: string
  port: number
  handle: Handler
  clients: Clients
  /** ms until a client may ask its next question (query/rate-limit.ts). */
  waitMs: (address: string) => number
  clock: Clock
  log: Log
  /** Connections in all, per client (base/clients.ts), and seconds that one may be idle while there is room. */
  connections: number
  connectionsPerClient: number
  idleSeconds: number
}

const IDLE_LEAST_MS = 500

/** DNS over TCP (RFC 7766), bounded: full slots shorten the patience with the idle, then the longest idle one goes. */
export class TcpListener implements Listener {
  readonly #options: TcpOptions
  /** In order of last activity. */
  readonly #open = new Set<TcpConnection>()
  /** The self-test's: beside all limits, so that no device takes their place. */
  readonly #own = new Set<TcpConnection>()
  readonly #places: ClientQuota
  #server: Server | null = null

  constructor(options: TcpOptions) {
    this.#options = options
    this.#places = new ClientQuota({ perClient: options.connectionsPerClient })
  }

  async start(): Promise<void> {
    const { address, port, log } = this.#options
    // RFC 7766 §6.2.4: a client may close its side once it has asked, and still wants its answers.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(error, 'TCP', address, port)))
      server.listen({ host: address, port, ipv6Only: true }, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', (error) => log.warn('tcp-error', { address, message: error.message }))
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    for (const connection of [...this.#open, ...this.#own]) connection.destroy()
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    const { connections, clients, handle, waitMs, clock } = this.#options
    const address = socket.remoteAddress
    const port = socket.remotePort
    if (address === undefined || port === 53 || port === 0) {
      socket.destroy()
      return
    }
    const client = clients.of(address)
    if (!client.isOurs && !this.#places.take(client.key)) {
      socket.destroy()
      return
    }
    if (!client.isOurs && this.#open.size >= connections) this.#evictLongestIdle()
    const connection = new TcpConnection({
      socket,
      address,
      handle,
      waitMs: () => waitMs(address),
      clock,
      idleMs: () => this.#idleMs(),
      onActive: () => this.#touch(connection),
      onClose: () => this.#forget(connection, client),
    })
    if (client.isOurs) this.#own.add(connection)
    else this.#open.add(connection)
    connection.start()
  }

  /** RFC 7766 §6.2.3: the idle time-out shrinks as slots fill. */
  #idleMs(): number {
    const { connections, idleSeconds } = this.#options
    const free = 1 - this.#open.size / connections
    return Math.max(IDLE_LEAST_MS, idleSeconds * 1000 * Math.min(1, free * 2))
  }

  #touch(connection: TcpConnection): void {
    if (this.#open.delete(connection)) this.#open.add(connection)
  }

  #evictLongestIdle(): void {
    for (const connection of this.#open) {
      connection.destroy()
      return
    }
  }

  #forget(connection: TcpConnection, { key }: Client): void {
    this.#own.delete(connection)
    if (this.#open.delete(connection)) this.#places.giveBack(key)
  }
}
