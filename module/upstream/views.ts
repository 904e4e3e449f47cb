import { zoneOf } from '../base/address.ts'
import type { LocalNetworks } from '../base/local-networks.ts'

/** The modem itself, and every network without an upstream of its own. */
const commonView = 0
/** A client of no network that is known: it gets what tells least about the LAN. */
const strangersView = 1

/**
 * Which clients share an upstream and its answers (what BIND calls a view). A client is known by its address: the
 * prefixes on each device, or the zone of a link-local one (RFC 4007 §11).
 */
export class Views {
  readonly #networks: LocalNetworks
  readonly #ofDevice: ReadonlyMap<string, number>

  /** @param interfaces network devices with an upstream of their own: the first has view 1, and so on */
  constructor(interfaces: readonly string[], networks: LocalNetworks) {
    this.#networks = networks
    this.#ofDevice = new Map(interfaces.map((name, index) => [name, index + 1]))
  }

  /** @param client its address, a link-local one with its %zone */
  of(client: string): number {
    // The service address is on every armed device too, and the self-test asks from it.
    if (zoneOf(client) === '' && this.#networks.isOwn(client)) return commonView
    const views = this.#networks.devicesOf(client).map((device) => this.#ofDevice.get(device) ?? commonView)
    // Where prefixes overlap, the client is a guest.
    return views.find((view) => view !== commonView) ?? views[0] ?? strangersView
  }
}
