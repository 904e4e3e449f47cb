import { isIPv4 } from 'node:net'
import { isLoopback } from '../base/address-class.ts'
import { SecureNetError } from '../base/error.ts'
import type { Config, Endpoint } from '../config/config.ts'
import { missingAddresses } from '../platform/service-addresses.ts'

/** Where the kernel is to send what it catches. One family may be left out; DNS in it is then not caught. */
export interface ServiceEndpoints {
  dns4: Endpoint | null
  dns6: Endpoint | null
  page4: Endpoint | null
  page6: Endpoint | null
}

/**
 * The service addresses as the configuration names them: the first of each family. The self-test's own listeners on
 * loopback are none: the LAN cannot be translated to them.
 */
export function serviceEndpointsOf(config: Pick<Config, 'dns' | 'page'>): ServiceEndpoints {
  const first = (endpoints: readonly Endpoint[], v4: boolean) =>
    endpoints.find(({ address }) => !isLoopback(address) && isIPv4(address) === v4) ?? null
  return {
    dns4: first(config.dns.listen, true),
    dns6: first(config.dns.listen, false),
    page4: first(config.page.listen, true),
    page6: first(config.page.listen, false),
  }
}

/** Where port 443 of a page's address is led while the passage is open: the port beside the page's; a free one where the page took one. */
export function passthroughEndpoint({ address, port }: Endpoint): Endpoint {
  if (port === 0) return { address, port }
  return { address, port: port < 65_535 ? port + 1 : port - 1 }
}

/** Every service address once, IPv4 before IPv6. */
export function serviceAddresses(service: ServiceEndpoints): string[] {
  const endpoints = [service.dns4, service.page4, service.dns6, service.page6]
  return [...new Set(endpoints.flatMap((endpoint) => (endpoint ? [endpoint.address] : [])))]
}

/** @throws SecureNetError INTERCEPT_NO_SERVICE_ADDRESS: translated questions would leave towards the WAN */
export function requireServiceAddresses(service: ServiceEndpoints): void {
  const missing = missingAddresses(serviceAddresses(service))
  if (missing.length > 0)
    throw new SecureNetError(
      'INTERCEPT_NO_SERVICE_ADDRESS',
      `service address ${missing.join(', ')} is on no interface`,
      'the init script puts it on lo; start the module by `/etc/init.d/securenet start`',
    )
}
