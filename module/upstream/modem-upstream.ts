import type { Log } from '../log.ts'
import type { Clock } from '../platform/clock.ts'
import { findResolvers } from '../platform/resolvers.ts'
import type { Ubus } from '../platform/ubus.ts'
import { createUpstream } from './exchanger.ts'
import { localZones } from './local-zones.ts'
import { SplitUpstream } from './split-upstream.ts'
import type { Exchange, ExchangeDone, ServerAddress, ServersUpstream, Upstream } from './upstream.ts'

export interface ModemUpstreamOptions {
  mode: 'stock' | 'wan'
  /** The stock resolver. */
  servers: readonly ServerAddress[]
  timeoutMs: number
  inFlight: number
  /** Zones that go to the stock resolver in `wan` mode too. */
  localZones: readonly string[]
  ubus: Ubus
  clock: Clock
  log: Log
}

/** The resolver behind us as this modem is configured: the stock one, or the operator's for public names. */
export class ModemUpstream implements Upstream {
  readonly #options: ModemUpstreamOptions
  readonly #operator: ServersUpstream | null
  readonly #upstream: Upstream

  constructor(options: ModemUpstreamOptions) {
    const { mode, servers, timeoutMs, inFlight, clock, log } = options
    const create = (list: readonly ServerAddress[]) =>
      createUpstream({ servers: list, timeoutMs, inFlight, clock, log })
    const stock = create(servers)
    this.#options = options
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
   * `wan` mode: takes the resolvers that the operator has given these lines now.
   * @param interfaces logical names, e.g. `wan`
   */
  async refresh(interfaces: readonly string[]): Promise<void> {
    if (!this.#operator) return
    const { ubus, log } = this.#options
    const found = await findResolvers({ ubus, interfaces, log })
    this.#operator.setServers(found.map((address) => ({ address, port: 53 })))
    log.info('resolvers', { count: found.length })
  }
}
