import { networkInterfaces } from 'node:os'
import { SecureNetError } from '../base/error.ts'
import type { RunCommand } from './spawn.ts'

/** Host prefix of an address, as `ip address` wants it: `198.18.0.53/32`, `fd00::53/128`. */
export function hostPrefix(address: string): string {
  return address.includes(':') ? `${address}/128` : `${address}/32`
}

async function change(
  run: RunCommand,
  verb: 'replace' | 'del',
  address: string,
  device: string,
): Promise<void> {
  const family = address.includes(':') ? '-6' : '-4'
  const argv = ['ip', family, 'address', verb, hostPrefix(address), 'dev', device] as const
  // Duplicate address detection would keep an IPv6 address unusable for a second (RFC 4862 §5.4).
  const ran = await run(family === '-6' && verb === 'replace' ? [...argv, 'nodad'] : argv)
  const gone = verb === 'del' && /Cannot assign requested address/.test(ran.stderr)
  if (ran.code !== 0 && !gone)
    throw new SecureNetError(
      'SERVICE_ADDRESS',
      `ip address ${verb} ${address} on ${device}: ${ran.stderr.trim()}`,
      'the init script does this as root',
    )
}

/** Puts the module's own addresses on loopback; the init script's work in production. Needs CAP_NET_ADMIN. */
export async function addServiceAddresses(
  run: RunCommand,
  addresses: readonly string[],
  device = 'lo',
): Promise<void> {
  for (const address of addresses) await change(run, 'replace', address, device)
}

/** Takes them away again; one that is already gone is no error. */
export async function removeServiceAddresses(
  run: RunCommand,
  addresses: readonly string[],
  device = 'lo',
): Promise<void> {
  for (const address of addresses) await change(run, 'del', address, device)
}

/** @returns those of `addresses` that no interface of this machine carries; loopback's own are always there */
export function missingAddresses(addresses: readonly string[], interfaces = networkInterfaces()): string[] {
  const here = new Set(
    Object.values(interfaces).flatMap((entries) => entries?.map((entry) => entry.address) ?? []),
  )
  return addresses.filter((address) => !here.has(address))
}
