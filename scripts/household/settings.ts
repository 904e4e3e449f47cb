import { isIP } from 'node:net'
import { join } from 'node:path'
import { SecureNetError } from '../../module/base/error.ts'
import { householdHome } from '../operator/profile.ts'

/** What of the household a person can change, and with which variable. */
export interface Settings {
  home: string
  /** UDP and TCP. */
  dnsPort: number
  pagePort: number
  mqttPort: number
  /** Undefined: the system's resolver. */
  upstream?: { address: string; port: number }
}

export const projectRoot = join(import.meta.dirname, '..', '..')

function port(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= 65535) return number
  throw new SecureNetError('HOUSEHOLD_SETTING_INVALID', `${name}="${text}" is not a port`, 'Use 1 to 65535.')
}

/** @param text `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353` */
export function parseUpstream(text: string): { address: string; port: number } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  const plain = /^([^:]+)(?::(\d+))?$/.exec(text)
  const [address, digits] = isIP(text) === 6 ? [text] : ((bracketed ?? plain)?.slice(1) ?? [])
  const number = Number(digits ?? 53)
  if (address && isIP(address) && number >= 1 && number <= 65535) return { address, port: number }
  throw new SecureNetError(
    'HOUSEHOLD_SETTING_INVALID',
    `SECURENET_UPSTREAM="${text}" is not an address with a port`,
    'For example 192.0.2.53:53 or [2001:db8::53]:53; a name cannot be resolved before the resolver is there.',
  )
}

/** @throws SecureNetError HOUSEHOLD_SETTING_INVALID naming the variable */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const settings: Settings = {
    home: householdHome(env),
    dnsPort: port(env, 'SECURENET_DNS_PORT', 5300),
    pagePort: port(env, 'SECURENET_PAGE_PORT', 8053),
    mqttPort: port(env, 'SECURENET_MQTT_PORT', 18830),
  }
  const upstream = env['SECURENET_UPSTREAM']
  if (upstream) settings.upstream = parseUpstream(upstream)
  const tcp = [settings.dnsPort, settings.pagePort, settings.mqttPort]
  if (new Set(tcp).size !== tcp.length)
    throw new SecureNetError(
      'HOUSEHOLD_SETTING_INVALID',
      `the ports ${tcp.join(', ')} must differ`,
      'Set SECURENET_DNS_PORT, SECURENET_PAGE_PORT and SECURENET_MQTT_PORT apart.',
    )
  return settings
}
