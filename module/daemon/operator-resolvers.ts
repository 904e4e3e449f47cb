import type { Log } from '../base/log.ts'
import { findResolvers } from '../platform/resolvers.ts'
import { createUbus } from '../platform/ubus.ts'

export interface OperatorResolversOptions {
  /** False where nothing is asked of them. */
  readonly areAsked: boolean
  /** Logical interfaces whose resolvers count. */
  readonly interfaces: () => readonly string[]
  /** @param resolvers numeric addresses */
  readonly use: (resolvers: readonly string[]) => void
  readonly log: Log
}

/** The resolvers that the operator gave the line that carries the traffic. */
export class OperatorResolvers {
  readonly #options: OperatorResolversOptions

  constructor(options: OperatorResolversOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.refresh()
  }

  /** Nothing to do: they are looked for at the start and when the uplink changes. */
  stop(): void {}

  async refresh(): Promise<void> {
    const { areAsked, interfaces, use, log } = this.#options
    if (!areAsked) return
    const resolvers = await findResolvers({ ubus: createUbus(), interfaces: interfaces(), log })
    use(resolvers)
    log.info('resolvers', { count: resolvers.length })
  }
}
