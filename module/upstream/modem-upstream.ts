import type { Log } from '../log.ts'
import type { Clock } from '../platform/clock.ts'
import { createUpstream } from './exchanger.ts'
import { localZones } from './local-zones.ts'
import { SplitUpstream } from './split-upstream.ts'
import type { Exchange, ExchangeDone, ServerAddress, ServersUpstream, Upstream } from './upstream.ts'

export interface ModemUpstreamOptions {
  mode: 'stock' | 'wan'
  /** The stock resolver. */
  servers: readonly ServerAddress[]
  timeoutMs: number
  /** Of all threads that ask. */
  inFlight: number
  /** Threads that each ask their part of it. */
  sharedBy: number
  /** Zones that go to the stock resolver in `wan` mode too. */
  localZones: readonly string[]
  clock: Clock
  log: Log
}

/** The resolver behind us as this modem is configured: the stock one, or the operator's for public names. */
export class ModemUpstream implements Upstream {
  readonly #operator: ServersUpstream | null
  readonly #upstream: Upstream

  constructor(options: ModemUpstreamOptions) {
    const { mode, servers, timeoutMs, clock, log } = options
    const inFlight = Math.max(1, Math.floor(options.inFlight / options.sharedBy))
    const create = (list: readonly ServerAddress[]) =>
      createUpstream({ servers: list, timeoutMs, inFlight, clock, log })
    const stock = create(servers)
    this.#operator = mode === 'wan' ? create([]) : null
    this.#upstream = this.#operator
      ? new SplitUpstream({ stock, operator: this.#operator, isLocal: localZones(options.localZones) })
      : stock
  }

  exchange(exchange: Exchange, done: ExchangeDone): void {
    this.#upstream.exchange(exchange, done)
  }

  start(): Promise<void> {
    return this.#upstream.start()
  }

  stop(): Promise<void> {
    return this.#upstream.stop()
  }

  /**
   * `wan` mode: the resolvers that the operator has given the line, which are asked from now on; no other mode asks them.
   * @param addresses numeric, a link-local one with its %zone
   */
  setResolvers(addresses: readonly string[]): void {
    this.#operator?.setServers(addresses.map((address) => ({ address, port: 53 })))
  }
}
