import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressBytes } from '../dns/address.ts'
import { isPrivate4, isPrivate6 } from '../query/private-address.ts'

/** Never a site: IETF assignments, the benchmark network of our own service addresses, multicast, reserved (RFC 6890). */
const reserved = new BlockList()
reserved.addSubnet('192.0.0.0', 24)
reserved.addSubnet('198.18.0.0', 15)
reserved.addSubnet('224.0.0.0', 3)
/** Tunnels that carry another address within (RFC 4380, RFC 3056). */
reserved.addSubnet('2001::', 32, 'ipv6')
reserved.addSubnet('2002::', 16, 'ipv6')

function isGlobal(address: string): boolean {
  const bytes = addressBytes(address)
  if (bytes.length === 4) return !isPrivate4(bytes, 0) && !reserved.check(address)
  // Global unicast is 2000::/3 and nothing else is a site (RFC 4291 §2.4, IANA's registry).
  return (bytes[0]! & 0xe0) === 0x20 && !isPrivate6(bytes, 0) && !reserved.check(address, 'ipv6')
}

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
