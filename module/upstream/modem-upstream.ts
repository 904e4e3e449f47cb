import type { Clock } from '../base/clock.ts'
import type { LocalNetworks } from '../base/local-networks.ts'
import type { Log } from '../base/log.ts'
import { createUpstream } from './exchanger.ts'
import { OwnData } from './own-data.ts'
import { SplitUpstream } from './split-upstream.ts'
import type {
  Exchange,
  OnExchanged,
  ServerAddress,
  ServersUpstream,
  Upstream,
  UpstreamStats,
} from './upstream.ts'
import { Views } from './views.ts'

export interface InterfaceUpstream {
  /** Network device, e.g. `br-guest`. */
  readonly interface: string
  /** None: the operator's resolvers. */
  readonly servers: readonly ServerAddress[]
}

export interface ModemUpstreamOptions {
  mode: 'stock' | 'wan'
  /** The stock resolver. */
  servers: readonly ServerAddress[]
  timeoutMs: number
  /** Of all threads that ask. */
  inFlight: number
  /** Networks whose questions, local names included, never reach the stock resolver. */
  byInterface: readonly InterfaceUpstream[]
  /** Threads that each ask their part of it. */
  sharedBy: number
  networks: LocalNetworks
  clock: Clock
  log: Log
}

/**
 * The resolver behind us as this modem is configured: the stock one, or the operator's for public names; another one
 * for a network that has its own.
 */
export class ModemUpstream implements Upstream {
  readonly #operator: ServersUpstream | null
  readonly #upstream: Upstream
  /** Of views 1, 2, ... */
  readonly #ofViews: readonly ServersUpstream[]
  /** Each once: the operator's resolvers may serve the common view and others. */
  readonly #all: readonly ServersUpstream[]
  /** The stock resolver's. */
  readonly ownData: OwnData
  /** Which clients share an upstream; null: all do. */
  readonly viewOf: ((client: string) => number) | null

  constructor(options: ModemUpstreamOptions) {
    const { mode, servers, byInterface, timeoutMs, clock, log } = options
    const inFlight = Math.max(1, Math.floor(options.inFlight / options.sharedBy))
    const create = (list: readonly ServerAddress[]) =>
      createUpstream({ servers: list, timeoutMs, inFlight, clock, log })
    const stock = create(servers)
    this.ownData = new OwnData({ servers, sharedBy: options.sharedBy, clock })
    const asksOperator = mode === 'wan' || byInterface.some((own) => own.servers.length === 0)
    const operator = asksOperator ? create([]) : null
    this.#operator = operator
    this.#upstream = operator && mode === 'wan' ? new SplitUpstream({ stock, operator }) : stock
    this.#ofViews = byInterface.map((own) =>
      own.servers.length === 0 && operator ? operator : create(own.servers),
    )
    this.#all = [...new Set([stock, ...(operator ? [operator] : []), ...this.#ofViews])]
    const views = new Views(
      byInterface.map((own) => own.interface),
      options.networks,
    )
    this.viewOf = byInterface.length === 0 ? null : (client) => views.of(client)
  }

  /** `wan` mode, or a view without servers of its own. */
  get asksOperator(): boolean {
    return this.#operator !== null
  }

  exchange(exchange: Exchange, done: OnExchanged): void {
    const own = exchange.view ? this.#ofViews[exchange.view - 1] : undefined
    const upstream = own ?? this.#upstream
    upstream.exchange(exchange, done)
  }

  /** What each was asked and what came back, forged replies among it: the stock resolver's, the operator's, the views'. */
  stats(): UpstreamStats[] {
    return this.#all.map((upstream) => upstream.stats())
  }

  async start(): Promise<void> {
    for (const upstream of this.#all) await upstream.start()
  }

  async stop(): Promise<void> {
    for (const upstream of this.#all) await upstream.stop()
  }

  /**
   * The resolvers that the operator has given the line, which are asked from now on where `asksOperator`.
   * @param addresses numeric, a link-local one with its %zone
   */
  setResolvers(addresses: readonly string[]): void {
    this.#operator?.setServers(addresses.map((address) => ({ address, port: 53 })))
  }
}
