import { connect, isIPv6, type Socket } from 'node:net'
import { addressText } from '../base/address.ts'
import type { Clock } from '../base/clock.ts'
import { Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { addressesOf, ask } from '../upstream/ask.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** @returns a connection under way to whichever of the addresses answers first */
export type Dial = (port: 80 | 443, addresses: readonly string[]) => Socket

const MAX_ADDRESSES = 8
/** Longer than a round trip over a bad mobile line: Node gives an address up for the next one. */
const NEXT_ADDRESS_MS = 2000
const CONNECT_MS = 10_000

const dial: Dial = (port, addresses) => {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return connect({
    // Named only for the look-up below.
    host: 'site.invalid',
    port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    lookup: (_host, _options, done) => done(null, found),
  })
}

export interface OriginConnectorOptions {
  readonly upstream: Pick<Upstream, 'exchange'>
  readonly clock: Clock
  /** From the first try to a connection; 10,000 where left out. */
  readonly connectMs?: number
  /** Those that may be connected to (public-address.ts). */
  readonly allowed: (addresses: readonly string[]) => string[]
  readonly dial?: Dial
}

/** Connections to sites as the resolver behind us knows them. */
export class OriginConnector {
  readonly #options: OriginConnectorOptions

  constructor(options: OriginConnectorOptions) {
    this.#options = options
  }

  /** @returns an open connection, or null: no public address, or nobody there */
  async connect(name: string, port: 80 | 443): Promise<Socket | null> {
    const { clock, connectMs = CONNECT_MS } = this.#options
    const addresses = await this.#addresses(name)
    if (addresses.length === 0) return null
    const site = (this.#options.dial ?? dial)(port, addresses)
    return new Promise((resolve) => {
      const timer = clock.after(connectMs, () => site.destroy())
      // Also called after an error that a later owner listens for as well.
      site.on('error', () => {})
      const done = () => {
        timer.cancel()
        site.off('connect', done).off('close', done)
        resolve(site.destroyed ? null : site)
      }
      site.once('connect', done).once('close', done)
    })
  }

  async #addresses(name: string): Promise<string[]> {
    const wire = nameFromText(name)
    if (!wire) return []
    const { upstream, allowed } = this.#options
    const answers = await Promise.all([Type.A, Type.AAAA].map((type) => ask(upstream, wire, type, 'passage')))
    const found = answers.flatMap((answer) => (answer ? addressesOf(answer).map(addressText) : []))
    return allowed(found).slice(0, MAX_ADDRESSES)
  }
}
