import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { classOf, needsZone } from '../base/address-class.ts'
import { codeOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { halvesOf, isHalfOf } from './interface-halves.ts'
import type { Ubus } from './ubus.ts'

/** netifd writes it; the second place is that of releases before 21.02. */
const resolvConfPaths: readonly string[] = ['/tmp/resolv.conf.d/resolv.conf.auto', '/tmp/resolv.conf.auto']
const MOST = 8

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** Our own machine is no operator's resolver: asking it would ask ourselves. */
function usable(address: string): boolean {
  const bare = address.split('%')[0]!
  if (isIP(bare) === 0) return false
  const found = classOf(bare)
  return found !== 'loopback' && found !== 'unspecified'
}

/** @returns the address with its zone where it needs one to be reached */
function scoped(address: string, device: string): string {
  return needsZone(address) && !address.includes('%') && device !== '' ? `${address}%${device}` : address
}

/**
 * @param status reply of `ubus call network.interface.<x> status`
 * @returns the resolvers of an interface that is up, in netifd's order; none for anything else
 */
export function resolversInStatus(status: unknown): string[] {
  if (typeof status !== 'object' || status === null) return []
  const fields = new Map<string, unknown>(Object.entries(status))
  if (fields.get('up') !== true) return []
  const device = fields.get('l3_device') ?? fields.get('device')
  return textsIn(fields.get('dns-server'))
    .filter(usable)
    .map((address) => scoped(address, typeof device === 'string' ? device : ''))
}

/**
 * @param text resolv.conf.auto: sections `# Interface wan`, each with its `nameserver` lines
 * @param interfaces those whose resolvers, or whose halves', are wanted; a file without sections gives all
 */
export function resolversInResolvConf(text: string, interfaces: readonly string[]): string[] {
  const found: string[] = []
  let wanted = true
  for (const line of text.split('\n')) {
    const section = /^# Interface (\S+)/.exec(line)
    if (section) wanted = interfaces.some((name) => isHalfOf(section[1]!, name))
    const server = /^\s*nameserver\s+(\S+)/.exec(line)
    if (wanted && server && usable(server[1]!)) found.push(server[1]!)
  }
  return found
}

/**
 * The operator's resolvers as DHCP, PPP or router advertisements gave them: from ubus, else from resolv.conf.auto.
 *
 * @param interfaces logical names, e.g. `wan`
 * @returns numeric addresses, at most 8, in order, without doubles; empty where none is known
 */
export async function findResolvers(options: {
  ubus: Ubus
  interfaces: readonly string[]
  log: Log
  read?: (path: string) => Promise<string>
  paths?: readonly string[]
}): Promise<string[]> {
  const { ubus, log, read = (path) => readFile(path, 'utf8'), paths = resolvConfPaths } = options
  const { interfaces } = options
  const found = new Set<string>()
  for (const name of interfaces.flatMap(halvesOf)) {
    try {
      for (const address of resolversInStatus(await ubus.call(`network.interface.${name}`, 'status')))
        found.add(address)
    } catch (error) {
      // Most lines have one or two of them; that ubus itself is missing shows in the fall-back.
      log.debug('resolvers-not-in-ubus', { interface: name, code: codeOf(error) })
    }
  }
  for (const path of found.size > 0 ? [] : paths) {
    try {
      for (const address of resolversInResolvConf(await read(path), interfaces)) found.add(address)
    } catch (error) {
      log.debug('resolvers-not-in-file', { path, code: codeOf(error) })
    }
    if (found.size > 0) break
  }
  return [...found].slice(0, MOST)
}
