import { isIP } from 'node:net'
import { isLoopback } from '../base/address-class.ts'
import { SecureNetError } from '../base/error.ts'
import { schemaViolation } from '../base/schema-error.ts'
import type { Config, Endpoint } from './config.ts'
import { validate } from './schema.json?compiled'

const REMEDY = 'Correct the option in the configuration and restart; until then the LAN is left alone.'

function refuseOption(place: string, why: string): never {
  throw new SecureNetError('CONFIG_INVALID', `${place}: ${why}`, REMEDY)
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) freeze(inner)
  }
  return value
}

/** Against white, as WCAG 2.2 §1.4.3 counts it. */
function contrastWithWhite(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 1.05 / (0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0) + 0.05)
}

function checkEndpoints(place: string, endpoints: readonly Endpoint[], allowWildcard: boolean): void {
  endpoints.forEach(({ address }, i) => {
    if (!isIP(address)) refuseOption(`${place}.${i}.address`, `"${address}" is not an IP address`)
    if (!allowWildcard && /^(0\.0\.0\.0|::|0:0:0:0:0:0:0:0)$/.test(address))
      refuseOption(
        `${place}.${i}.address`,
        'a wildcard is refused: a UDP reply must leave from the address that was asked',
      )
  })
}

/** What a schema cannot say. */
function checkMeaning(config: Config): void {
  checkEndpoints('dns.listen', config.dns.listen, false)
  checkEndpoints('page.listen', config.page.listen, false)
  checkUpstream(config.upstream)
  if (isIP(config.page.ipv4) !== 4) refuseOption('page.ipv4', `"${config.page.ipv4}" is not an IPv4 address`)
  if (config.page.ipv6 !== undefined && isIP(config.page.ipv6) !== 6)
    refuseOption('page.ipv6', `"${config.page.ipv6}" is not an IPv6 address`)
  const { branding } = config.page
  if (contrastWithWhite(branding.colour) < 4.5)
    refuseOption('page.branding.colour', 'contrast with white is below 4.5:1 (WCAG 2.2 §1.4.3)')
  const { leaseMs, renewMs } = config.interception
  if (leaseMs < 2 * renewMs) refuseOption('interception.leaseMs', 'must be at least twice renewMs')
  const ids = config.lines.map((line) => line.id)
  if (new Set(ids).size !== ids.length) refuseOption('lines', 'two lines have the same id')
  if (config.mqtt) checkMqtt(config.mqtt)
}

function checkUpstream({ servers, byInterface, warningPages }: Config['upstream']): void {
  checkEndpoints('upstream.servers', servers, false)
  warningPages.forEach(({ address }, i) => {
    if (!isIP(address))
      refuseOption(`upstream.warningPages.${i}.address`, `"${address}" is not an IP address`)
  })
  byInterface.forEach((own, i) => {
    checkEndpoints(`upstream.byInterface.${i}.servers`, own.servers, false)
    if (byInterface.findIndex((other) => other.interface === own.interface) !== i)
      refuseOption(`upstream.byInterface.${i}.interface`, `"${own.interface}" is named twice`)
  })
}

function checkMqtt(mqtt: NonNullable<Config['mqtt']>): void {
  if (!URL.canParse(mqtt.url)) refuseOption('mqtt.url', 'is not a URL')
  const { protocol, hostname } = new URL(mqtt.url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isHere = host === 'localhost' || (isIP(host) !== 0 && isLoopback(host))
  if (protocol === 'mqtt:' && !isHere)
    refuseOption('mqtt.url', 'without TLS only a broker on loopback is allowed; use mqtts://')
  if ((mqtt.certFile === undefined) !== (mqtt.keyFile === undefined))
    refuseOption('mqtt', 'certFile and keyFile go together')
}

/**
 * @param text the JSON document, as the init script writes it
 * @returns the configuration with its defaults, frozen
 * @throws SecureNetError CONFIG_NOT_JSON, CONFIG_INVALID: naming the option and the reason
 */
export function parseConfig(text: string): Config {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new SecureNetError('CONFIG_NOT_JSON', `the configuration is not JSON: ${String(error)}`, REMEDY)
  }
  if (!validate(data)) refuseOption('configuration', schemaViolation(validate.errors))
  const config = data as Config
  checkMeaning(config)
  return freeze(config)
}
