import type { Exchange, OnExchanged, ServersUpstream, Upstream } from './upstream.ts'

/**
 * `wan` mode: public names go to the operator's resolvers, local ones to the stock resolver. Before any of the
 * operator's resolvers is known, everything goes to the stock resolver, which is how the modem worked without us.
 */
export class SplitUpstream implements Upstream {
  readonly #stock: Upstream
  readonly #operator: ServersUpstream

  constructor(options: { stock: Upstream; operator: ServersUpstream }) {
    this.#stock = options.stock
    this.#operator = options.operator
  }

  exchange(exchange: Exchange, done: OnExchanged): void {
    const upstream = exchange.local || !this.#operator.hasServers ? this.#stock : this.#operator
    upstream.exchange(exchange, done)
  }

  async start(): Promise<void> {
    await this.#stock.start()
    await this.#operator.start()
  }

  async stop(): Promise<void> {
    await this.#operator.stop()
    await this.#stock.stop()
  }
}
