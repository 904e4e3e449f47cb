import {
  createInterception,
  type Interception,
  type InterceptionOptions,
} from '../interception/interception.ts'
import type { Interceptor } from '../interception/interceptor.ts'
import type { LeaseStatus } from '../interception/lease.ts'
import type { PassthroughPort } from '../passthrough/passthrough.ts'

/** Interception on the back-end that this machine has; until `start` nothing is intercepted. */
export class InterceptionService {
  readonly #options: InterceptionOptions
  #interception: Interception | null = null
  #isRenewing = false

  constructor(options: InterceptionOptions) {
    this.#options = options
  }

  /** @throws SecureNetError INTERCEPT_* where a back-end named outright cannot be had */
  async start(): Promise<void> {
    this.#interception = await createInterception(this.#options)
    // Without interfaces there is nothing to renew.
    if (this.#options.config.interception.interfaces.length === 0) return
    this.#isRenewing = true
    this.#interception.lease.start()
  }

  async stop(): Promise<void> {
    if (this.#isRenewing) await this.#interception?.lease.stop()
  }

  get backend(): Interceptor['name'] {
    return this.status()?.backend ?? 'none'
  }

  status(): LeaseStatus | null {
    return this.#interception?.lease.status() ?? null
  }

  async set(intercepting: boolean): Promise<void> {
    await this.#interception?.lease.set(intercepting)
  }

  /** Port 443 of the service addresses, towards the passthrough. */
  readonly passthroughGate: PassthroughPort = {
    open: async (ms) => this.#interception?.gate.open(ms),
    close: async () => this.#interception?.gate.close(),
  }
}
