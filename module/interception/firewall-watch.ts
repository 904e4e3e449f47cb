import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { CommandResult } from '../platform/spawn.ts'
import { type FirewallRefusal, inspectFirewall } from './firewall-inspection.ts'
import { SECURENET_TABLE } from './ruleset.ts'
import type { ServiceEndpoints } from './service.ts'

export interface FirewallWatchOptions {
  service: ServiceEndpoints
  clock: Clock
  log: Log
  /** `nft -j -t list ruleset` */
  list: (signal: AbortSignal) => Promise<CommandResult>
  /** Renewals from one look to the next. */
  every: number
}

/**
 * A device that is refused for a doubt sends no questions that could clear it up: it stays refused for a while, lest its
 * network lose its DNS again and again.
 */
const DOUBT_MS = 600_000

/** Which devices' questions everybody's rules together refuse, looked at now and then. */
export class FirewallWatch {
  readonly #options: FirewallWatchOptions
  #refusals = new Map<string, FirewallRefusal>()
  /** Monotonic ms, by device. */
  readonly #doubtedUntil = new Map<string, number>()
  #untilLook = 0

  constructor(options: FirewallWatchOptions) {
    this.#options = options
  }

  /** The next renewal looks. */
  lookSoon(): void {
    this.#untilLook = 0
  }

  /** As the last look found it. */
  refusalOn(device: string): FirewallRefusal | undefined {
    return this.#refusals.get(device)
  }

  /** @param doubt what is taken for rules that cannot be decided */
  async lookNowAndThen(
    devices: readonly string[],
    doubt: 'open' | 'refused',
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#untilLook-- > 0) return
    this.#untilLook = this.#options.every - 1
    this.#refusals = new Map()
    const listed = await this.#options.list(signal)
    // An nft built without JSON: nothing can be said.
    if (listed.code !== 0) return
    try {
      for (const device of devices) {
        const found = this.#find(device, listed.stdout, 'open') ?? this.#doubtOn(device, listed.stdout, doubt)
        if (found) this.#refusals.set(device, found)
      }
    } catch (error) {
      this.#options.log.debug('firewall-not-read', { why: messageOf(error) })
    }
  }

  #doubtOn(device: string, listed: string, doubt: 'open' | 'refused'): FirewallRefusal | null {
    const now = this.#options.clock.monotonic()
    if (doubt === 'refused') this.#doubtedUntil.set(device, now + DOUBT_MS)
    return now < (this.#doubtedUntil.get(device) ?? 0) ? this.#find(device, listed, 'refused') : null
  }

  #find(device: string, listed: string, doubt: 'open' | 'refused'): FirewallRefusal | null {
    const { dns4, dns6 } = this.#options.service
    for (const [nfproto, endpoint] of [
      ['ipv4', dns4],
      ['ipv6', dns6],
    ] as const)
      for (const l4proto of ['udp', 'tcp'] as const) {
        const packet = endpoint && { interface: device, l4proto, nfproto, dport: endpoint.port }
        const found = packet && inspectFirewall(listed, packet, SECURENET_TABLE, doubt)
        if (found) return found
      }
    return null
  }
}
