import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { readAddress, zoneOf } from './address.ts'
import { isLinkLocal6, isPrefixOf } from './address-class.ts'
import type { Clock } from './clock.ts'

/** Addresses come and go (DHCP, a new prefix from the operator): read again when they are so old, ms. */
const READ_AGAIN_MS = 10_000
/** A client of a network that was not there yet: read again at once, but no more often than this. */
const MISS_MS = 1000

interface OnLinkPrefix {
  readonly octets: Uint8Array
  readonly bits: number
  readonly device: string
}

export interface LocalNetworksOptions {
  clock: Pick<Clock, 'monotonic'>
  /** As `os.networkInterfaces()`. */
  networkInterfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>
}

const scratch = new Uint8Array(16)

function octetsOf(address: string): Uint8Array {
  return scratch.subarray(0, readAddress(address, scratch))
}

/**
 * The modem's addresses and the prefixes that are on its links, the one table of them: who is a neighbour, on which network
 * a client is, where a stranger must not be led.
 */
export class LocalNetworks {
  readonly #options: Required<LocalNetworksOptions>
  #own = new Set<string>()
  #prefixes: OnLinkPrefix[] = []
  #readAt = Number.NEGATIVE_INFINITY
  /** Grows whenever the table has changed: what was derived from it is out of date then. */
  revision = 0
  #told = ''

  constructor(options: LocalNetworksOptions) {
    this.#options = { networkInterfaces, ...options }
  }

  /** An address of this modem. @param address numeric, a link-local one with its %zone */
  isOwn(address: string): boolean {
    this.#refresh()
    return this.#own.has(address)
  }

  /** @returns the devices on whose link the address is; prefixes may overlap. @param address as in `isOwn` */
  devicesOf(address: string): string[] {
    const zone = zoneOf(address)
    if (zone !== '') return [zone]
    this.#refresh()
    const found = this.#find(address)
    if (found.length > 0 || this.#age < MISS_MS) return found
    this.#read()
    return this.#find(address)
  }

  /** @returns the device whose prefix holds the octets, by the table as it was read last; null: off the link */
  deviceOfOctets(octets: Uint8Array): string | null {
    this.#refresh()
    for (const prefix of this.#prefixes) if (holds(prefix, octets)) return prefix.device
    return null
  }

  #find(address: string): string[] {
    const octets = octetsOf(address)
    return this.#prefixes.filter((prefix) => holds(prefix, octets)).map(({ device }) => device)
  }

  get #age(): number {
    return this.#options.clock.monotonic() - this.#readAt
  }

  #refresh(): void {
    if (this.#age >= READ_AGAIN_MS) this.#read()
  }

  #read(): void {
    this.#readAt = this.#options.clock.monotonic()
    const own = new Set<string>()
    const prefixes: OnLinkPrefix[] = []
    for (const [device, addresses = []] of Object.entries(this.#options.networkInterfaces()))
      for (const { address, cidr } of addresses) {
        const octets = octetsOf(address).slice()
        const isLinkLocal = octets.length === 16 && isLinkLocal6(octets)
        own.add(isLinkLocal ? `${address}%${device}` : address)
        // Every device has fe80::/64: the zone tells them apart.
        if (isLinkLocal) continue
        prefixes.push({ octets, bits: Number(cidr?.split('/')[1] ?? octets.length * 8), device })
      }
    const told = JSON.stringify([[...own], prefixes.map(({ bits, device }) => [bits, device])])
    if (told === this.#told) return
    this.#told = told
    this.#own = own
    this.#prefixes = prefixes
    this.revision++
  }
}

function holds({ octets, bits }: OnLinkPrefix, address: Uint8Array): boolean {
  return octets.length === address.length && isPrefixOf(octets, bits, address)
}
