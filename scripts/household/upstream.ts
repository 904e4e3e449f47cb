import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import dns2 from 'dns2'

export interface Resolver {
  address: string
  port: number
}

const PROBE_NAME = 'example.com'
const PROBE_TIMEOUT_MS = 1000

/** The `nameserver` lines of resolv.conf(5); addresses with a scope are left out, the module takes none. */
export function parseResolvConf(text: string): Resolver[] {
  return text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1])
    .filter(
      (address): address is string => address !== undefined && isIP(address) > 0 && !address.includes('%'),
    )
    .map((address) => ({ address, port: 53 }))
}

export function systemResolvers(file = '/etc/resolv.conf'): Resolver[] {
  try {
    return parseResolvConf(readFileSync(file, 'utf8'))
  } catch {
    return []
  }
}

/**
 * One real question: example.com always has an address (RFC 2606 §3). A resolver without internet says SERVFAIL, or, in a
 * closed network, NXDOMAIN to everything: neither is an answer.
 */
export async function answers({ address, port }: Resolver): Promise<boolean> {
  const ask = dns2.UDPClient({
    dns: address,
    port,
    timeout: PROBE_TIMEOUT_MS,
    socketType: isIP(address) === 6 ? 'udp6' : 'udp4',
    retryOverTCP: false,
  })
  try {
    const reply = await ask(PROBE_NAME, 'A')
    return reply.header.rcode === 0 && reply.answers.length > 0
  } catch {
    return false
  }
}

/** The first that answers. */
export async function firstAnswering(resolvers: readonly Resolver[]): Promise<Resolver | undefined> {
  for (const resolver of resolvers) if (await answers(resolver)) return resolver
  return undefined
}

export function resolverText({ address, port }: Resolver): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}
