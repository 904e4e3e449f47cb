import { BlockList, isIP } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { needsZone } from '../base/address-class.ts'
import type { Clock } from '../base/clock.ts'

/** Addresses come and go (DHCP, a new prefix from the operator): read again when they are so old, ms. */
const readAgainMs = 10_000
/** A client of a network that was not there yet: read again at once, but no more often than this. */
const missMs = 1000

/** The modem itself, and every network without an upstream of its own. */
const commonView = 0
/** A client of no network that is known: it gets what tells least about the LAN. */
const strangersView = 1

export interface ViewsOptions {
  /** Network devices with an upstream of their own: the first has view 1, and so on. */
  interfaces: readonly string[]
  /** As `os.networkInterfaces()`. */
  networkInterfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>
  clock: Clock
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/**
 * Which clients share an upstream and its answers (what BIND calls a view). A client is known by its address: the
 * prefixes on each device, or the zone of a link-local one (RFC 4007 §11).
 */
export class Views {
  readonly #options: ViewsOptions
  readonly #ofDevice: ReadonlyMap<string, number>
  #own = new Set<string>()
  /** The separate networks first: where prefixes overlap, the client is a guest. */
  #networks: { view: number; prefixes: BlockList }[] = []
  #readAt = Number.NEGATIVE_INFINITY

  constructor(options: ViewsOptions) {
    this.#options = options
    this.#ofDevice = new Map(options.interfaces.map((name, index) => [name, index + 1]))
  }

  /** @param client its address, a link-local one with its %zone */
  of(client: string): number {
    const zone = client.indexOf('%')
    if (zone >= 0) return this.#ofDevice.get(client.slice(zone + 1)) ?? commonView
    if (this.#age >= readAgainMs) this.#read()
    const view = this.#find(client)
    if (view !== null) return view
    if (this.#age < missMs) return strangersView
    this.#read()
    return this.#find(client) ?? strangersView
  }

  get #age(): number {
    return this.#options.clock.monotonic() - this.#readAt
  }

  #find(client: string): number | null {
    // The service address is on every armed device too, and the self-test asks from it.
    if (this.#own.has(client)) return commonView
    const family = familyOf(client)
    return this.#networks.find(({ prefixes }) => prefixes.check(client, family))?.view ?? null
  }

  #read(): void {
    this.#readAt = this.#options.clock.monotonic()
    this.#own = new Set()
    const networks = new Map<number, BlockList>()
    for (const [device, addresses = []] of Object.entries(this.#options.networkInterfaces())) {
      const view = this.#ofDevice.get(device) ?? commonView
      const prefixes = networks.get(view) ?? new BlockList()
      networks.set(view, prefixes)
      for (const { address, cidr } of addresses) {
        this.#own.add(address)
        const length = Number(cidr?.split('/')[1])
        // Every device has fe80::/64: the zone tells them apart.
        if (cidr !== null && !needsZone(address)) prefixes.addSubnet(address, length, familyOf(address))
      }
    }
    this.#networks = [...networks]
      .map(([view, prefixes]) => ({ view, prefixes }))
      .sort((a, b) => Number(a.view === commonView) - Number(b.view === commonView))
  }
}
