import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isGlobal } from '../base/address-class.ts'

function onLink(interfaces: ReturnType<typeof networkInterfaces>): BlockList {
  const near = new BlockList()
  for (const entry of Object.values(interfaces).flatMap((entries) => entries ?? [])) {
    const prefix = Number(entry.cidr?.split('/')[1] ?? (isIPv6(entry.address) ? 128 : 32))
    near.addSubnet(entry.address, prefix, isIPv6(entry.address) ? 'ipv6' : 'ipv4')
  }
  return near
}

/**
 * Where a connection may be led: public addresses that are neither this modem's own nor on a network of its own. Otherwise
 * whoever answers for a listed name could have the modem reach into itself, the LAN, or from the guest network into the LAN.
 * @param addresses numeric
 */
export function reachable(addresses: readonly string[], interfaces = networkInterfaces()): string[] {
  const near = onLink(interfaces)
  return addresses.filter(
    (address) => isGlobal(address) && !near.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'),
  )
}
