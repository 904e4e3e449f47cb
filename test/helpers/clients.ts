import type { NetworkInterfaceInfo } from 'node:os'
import { Clients } from '../../module/base/clients.ts'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { FakeClock } from './fake-clock.ts'

/** As os.networkInterfaces() tells it. */
export const onDevice = (...cidrs: string[]): NetworkInterfaceInfo[] =>
  cidrs.map((cidr) => ({ address: cidr.split('/')[0], cidr }) as NetworkInterfaceInfo)

/** Told apart on a modem of these devices; none: every IPv6 client but a link-local one is a /64. */
export function clientsOf(
  devices: Record<string, NetworkInterfaceInfo[]> = {},
  service: string[] = [],
): Clients {
  const networks = new LocalNetworks({ clock: new FakeClock(), networkInterfaces: () => devices })
  return new Clients(networks, service)
}
