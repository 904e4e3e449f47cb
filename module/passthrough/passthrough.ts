import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type ClientKey, clientKey } from '../base/client-key.ts'
import { ClientQuota, type ClientQuotaLimits } from '../base/client-quota.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { SerialQueue } from '../base/serial-queue.ts'
import type { ConnectionFilter } from '../blockpage/server.ts'
import type { Endpoint } from '../config/config.ts'
import { nameOfHello } from './client-hello.ts'
import type { OriginConnector } from './origin-connector.ts'
import { peekHost } from './peek-host.ts'
import type { HostPeek } from './reading.ts'
import { nameOfRequest } from './request-head.ts'
import { splice } from './splice.ts'

/** In the kernel: whether port 443 of the service addresses leads to us. Ends by itself after `ms`. */
export interface PassthroughPort {
  open(ms: number): Promise<void>
  close(): Promise<void>
}

export interface PassthroughLimits extends ClientQuotaLimits {
  /** ms that new connections are let through: browsers keep an address for 60 s after a TTL of 10 s. */
  readonly windowMs: number
  /** ms after which the last of them is cut. */
  readonly longestMs: number
  /** ms for the first bytes to say whom a connection is for. */
  readonly firstBytesMs: number
  readonly idleMs: number
}

export const defaultLimits: PassthroughLimits = {
  windowMs: 90_000,
  longestMs: 600_000,
  firstBytesMs: 5000,
  idleMs: 60_000,
  perClient: 32,
  total: 128,
}

export interface PassthroughOptions {
  /** Where the kernel leads port 443 while the gate is open. */
  readonly listen: readonly Endpoint[]
  /**
   * Whether a name led here before protection went off, and does not now.
   * @param name lower case, no dot at the end, A-labels
   */
  readonly passes: (name: string) => boolean
  readonly site: Pick<OriginConnector, 'connect'>
  readonly gate: PassthroughPort
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<PassthroughLimits>
}

interface Door {
  readonly port: 80 | 443
  readonly read: (bytes: Buffer) => HostPeek
}
const http: Door = { port: 80, read: nameOfRequest }
const tls: Door = { port: 443, read: nameOfHello }

/**
 * For a while after protection went off, browsers still come to the service address for names that are blocked no more:
 * they keep an address for a minute, whatever its TTL. Their connections are let through to the true site, byte for byte
 * (docs/adr/0008-passage.md).
 */
export class Passthrough {
  readonly #options: PassthroughOptions
  readonly #limits: PassthroughLimits
  readonly #places: ClientQuota
  readonly #cuts = new Set<() => void>()
  #isOpen = false
  #servers: Server[] = []
  #timers: Timer[] = []
  /** Listening and the kernel's gate, one change after the other. */
  readonly #work = new SerialQueue()

  constructor(options: PassthroughOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#places = new ClientQuota(this.#limits)
  }

  /** Connections that are let through, or may be yet. */
  get size(): number {
    return this.#places.taken
  }

  /** Where it listens now; port 0 took a free one. */
  get endpoints(): readonly Endpoint[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { address, port }
    })
  }

  /** Protection has gone off. Resolves when the ports lead here. */
  open(): Promise<void> {
    const { clock, log } = this.#options
    const { windowMs, longestMs } = this.#limits
    this.#isOpen = true
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#timers.push(
      clock.after(windowMs, () => this.#shut()),
      clock.after(longestMs, () => void this.close()),
    )
    log.info('passage-open', { seconds: windowMs / 1000 })
    return this.#then(async () => {
      if (!this.#isOpen) return
      await this.#listen()
      await this.#options.gate.open(longestMs)
    })
  }

  /** Protection is on again, or we stop: nothing passes any more. Resolves when the kernel knows. */
  close(): Promise<void> {
    if (this.#timers.length === 0) return this.#work.idle()
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#isOpen = false
    for (const cut of this.#cuts) cut()
    this.#options.log.info('passage-closed')
    return this.#then(async () => {
      this.#unlisten()
      await this.#options.gate.close()
    })
  }

  /** Before the block page on port 80. */
  readonly front: ConnectionFilter = (socket, serve) => {
    void this.#lead(socket, http, () => {
      if (socket.readableEnded) return void socket.destroy()
      serve()
      socket.resume()
    })
  }

  /** No new ones; those that are through go on. */
  #shut(): void {
    this.#isOpen = false
    if (this.#places.taken === 0) void this.close()
    else void this.#then(async () => this.#unlisten())
  }

  #then(step: () => Promise<void>): Promise<void> {
    return this.#work.run(step).catch((error) => {
      this.#options.log.warn('passage', { code: codeOf(error), why: messageOf(error) })
    })
  }

  async #listen(): Promise<void> {
    if (this.#servers.length > 0) return
    for (const { address, port } of this.#options.listen) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        void this.#lead(socket, tls, () => socket.resetAndDestroy())
      })
      this.#servers.push(server)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: address, port, ipv6Only: true }, resolve)
      })
      server.on('error', (error) => this.#options.log.warn('passage', { code: codeOf(error) }))
    }
  }

  #unlisten(): void {
    for (const server of this.#servers.splice(0)) server.close()
  }

  /** @param refuse for those that do not pass */
  async #lead(socket: Socket, { port, read }: Door, refuse: () => void): Promise<void> {
    const client = clientKey(socket.remoteAddress)
    if (!this.#isOpen || !this.#places.take(client)) return refuse()
    socket.once('error', () => socket.destroy())
    const name = await peekHost(socket, read, this.#options.clock, this.#limits.firstBytesMs)
    const site = await this.#siteOf(name, port)
    if (!site || socket.destroyed || !this.#isOpen) {
      site?.destroy()
      this.#leave(client)
      if (!socket.destroyed) refuse()
      return
    }
    const cut = splice(socket, site, this.#limits.idleMs)
    this.#cuts.add(cut)
    socket.once('close', () => {
      this.#cuts.delete(cut)
      this.#leave(client)
    })
  }

  #siteOf(name: string | null, port: 80 | 443): Promise<Socket | null> {
    if (name === null || !this.#isOpen || !this.#options.passes(name)) return Promise.resolve(null)
    return this.#options.site.connect(name, port)
  }

  #leave(client: ClientKey): void {
    this.#places.giveBack(client)
    if (!this.#isOpen && this.#places.taken === 0) void this.close()
  }
}
