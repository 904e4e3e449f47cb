import { isGlobal } from '../base/address-class.ts'
import type { LocalNetworks } from '../base/local-networks.ts'

/**
 * Where a connection may be led: public addresses that are neither this modem's own nor on a network of its own. Otherwise
 * whoever answers for a listed name could have the modem reach into itself, the LAN, or from the guest network into the LAN.
 * @param addresses numeric
 */
export function reachable(addresses: readonly string[], networks: LocalNetworks): string[] {
  return addresses.filter((address) => isGlobal(address) && networks.devicesOf(address).length === 0)
}
