import { readAddress, zoneOf } from './address.ts'
import { isLinkLocal6 } from './address-class.ts'
import { type ClientKey, clientKeyOf, ownClientKey } from './client-key.ts'
import type { LocalNetworks } from './local-networks.ts'

/** Who asks, as every limit sees it. */
export interface Client {
  readonly key: ClientKey
  /** Those of one link and family that may be one device with many addresses; all that are off the link are one. */
  readonly link: string
  /** The module itself: it asks from a service address, and no other device's packet with such a source comes in (interception/ruleset.ts). */
  readonly isOurs: boolean
}

/** Told apart at a time; what is forgotten is made again. */
const REMEMBERED = 4096

const octets = new Uint8Array(16)

/** Tells clients apart: inside the prefixes on a link by address, outside by /64 (RFC 6177 §2). */
export class Clients {
  readonly #networks: LocalNetworks
  readonly #service: readonly string[]
  readonly #known = new Map<string, Client>()
  #revision = -1

  /** @param service the service addresses, which the self-test asks from */
  constructor(networks: LocalNetworks, service: readonly string[]) {
    this.#networks = networks
    this.#service = service
  }

  /** @param address numeric, a link-local one with its %zone; undefined: of a socket whose peer has gone */
  of(address: string | undefined): Client {
    if (address === undefined) return GONE
    const known = this.#known.get(address)
    if (known && this.#revision === this.#networks.revision) return known
    if (this.#revision !== this.#networks.revision || this.#known.size >= REMEMBERED) this.#known.clear()
    const client = this.#make(address)
    this.#revision = this.#networks.revision
    this.#known.set(address, client)
    return client
  }

  #make(address: string): Client {
    if (this.#service.includes(address)) return OURS
    const width = readAddress(address, octets)
    const zone = zoneOf(address)
    const device = zone || this.#networks.deviceOfOctets(width === 4 ? octets.subarray(0, 4) : octets)
    const isOnLink = () => device !== null || isLinkLocal6(octets)
    return {
      key: clientKeyOf(octets, width, zone, isOnLink),
      link: device === null ? 'off-link' : `${device} ${width}`,
      isOurs: false,
    }
  }
}

const OURS: Client = { key: ownClientKey('check'), link: 'own', isOurs: true }
const GONE: Client = { key: ownClientKey('gone'), link: 'gone', isOurs: false }
