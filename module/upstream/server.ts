import type { ServerKnowledge } from './server-knowledge.ts'
import type { TcpConnections } from './tcp-connections.ts'
import type { UdpSockets } from './udp-sockets.ts'
import type { ServerAddress, ServerStats } from './upstream.ts'

/** So many questions without an answer in between, and a server is asked only when no better one is left. */
const failuresToFail = 3

/**
 * What is known about one resolver. Times are ticks of the wheel.
 * `T` is what waits for a reply at its sockets.
 */
export class Server<T> {
  readonly address: string
  readonly port: number
  /** Beyond this machine: strangers can forge its replies, so that 0x20, cookies and the TCP retry are used. */
  readonly remote: boolean
  readonly udp: UdpSockets<T>
  readonly tcp: TcpConnections<T>
  readonly knowledge: ServerKnowledge
  inFlight = 0
  /** When a question was last sent to it while it held many. */
  busyTick = Number.NEGATIVE_INFINITY
  failures = 0
  healthy = true
  removed = false
  /** Probes since it began to fail. */
  probes = 0
  replies = 0
  timeouts = 0
  refused = 0
  #ghosts = 0
  #oldGhosts = 0
  #ghostTick = 0

  constructor(options: {
    where: ServerAddress
    remote: boolean
    udp: UdpSockets<T>
    tcp: TcpConnections<T>
    knowledge: ServerKnowledge
  }) {
    this.address = options.where.address
    this.port = options.where.port
    this.remote = options.remote
    this.udp = options.udp
    this.tcp = options.tcp
    this.knowledge = options.knowledge
  }

  /** @returns whether this turned a healthy server into a failing one */
  failed(atOnce: boolean): boolean {
    this.failures++
    if (!this.healthy || (!atOnce && this.failures < failuresToFail)) return false
    this.healthy = false
    return true
  }

  /** @returns whether this is news */
  answered(): boolean {
    this.replies++
    this.failures = 0
    if (this.healthy) return false
    this.healthy = true
    this.probes = 0
    this.knowledge.forget()
    return true
  }

  /** A question given up here, which the server may still hold in its own table: dnsmasq does so for 10 s. */
  abandoned(tick: number, windowTicks: number): void {
    this.#age(tick, windowTicks)
    this.#ghosts++
  }

  /** @returns questions that the server may hold, ours in flight and those given up lately */
  held(tick: number, windowTicks: number): number {
    this.#age(tick, windowTicks)
    return this.inFlight + this.#ghosts + this.#oldGhosts
  }

  stats(): ServerStats {
    const { address, port, healthy, inFlight, replies, timeouts, refused } = this
    return { address, port, healthy, inFlight, replies, timeouts, refused }
  }

  close(): void {
    this.udp.close()
    this.tcp.close()
  }

  #age(tick: number, windowTicks: number): void {
    const windows = Math.floor((tick - this.#ghostTick) / windowTicks)
    if (windows <= 0) return
    this.#oldGhosts = windows === 1 ? this.#ghosts : 0
    this.#ghosts = 0
    this.#ghostTick = tick
  }
}
