import type { Service } from './service.ts'
import { serviceAddresses } from './service.ts'

export const table = 'inet securenet'
/** Conntrack zone of intercepted flows; without it a client that keeps its source port outlives the lease. */
export const zone = 53

/** Names come from validated configuration; quoted all the same, as nft has words of its own. */
const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ')

const family = (address: string) => (address.includes(':') ? 'ip6' : 'ip')
const host = (address: string) => (address.includes(':') ? `[${address}]` : address)

function dnsRules(service: Service): string[] {
  const rules: string[] = []
  for (const [proto, endpoint] of [
    ['ipv4', service.dns4],
    ['ipv6', service.dns6],
  ] as const) {
    if (!endpoint) continue
    const to = `dnat ${family(endpoint.address)} to ${host(endpoint.address)}:${endpoint.port}`
    rules.push(`iifname @armed meta nfproto ${proto} meta l4proto { tcp, udp } th dport 53 ${to}`)
  }
  return rules
}

function pageRules(service: Service, served: string): string[] {
  return [service.page4, service.page6].flatMap((page) => {
    if (!page) return []
    const ip = family(page.address)
    return `iifname { ${served} } ${ip} daddr ${page.address} tcp dport 80 dnat ${ip} to ${host(page.address)}:${page.port}`
  })
}

/**
 * A family without a service address is not touched at all. Page requests share the zone, so that the firewall
 * fragment can tell what is ours without knowing an address.
 */
function zoneRules(service: Service, served: string): string[] {
  const only = service.dns4 && service.dns6 ? '' : `meta nfproto ${service.dns4 ? 'ipv4' : 'ipv6'} `
  const pages = [service.page4, service.page6].flatMap((page) => {
    if (!page) return []
    return `iifname { ${served} } ${family(page.address)} daddr ${page.address} tcp dport 80 ct original zone set ${zone}`
  })
  return [
    `iifname @armed ${only}meta l4proto { tcp, udp } th dport 53 ct original zone set ${zone}`,
    ...pages,
  ]
}

/** Per packet, and only what was translated: one of a wrong checksum never is, so that it cannot end the lease. */
function countRules(service: Service): string[] {
  return [service.dns4, service.dns6].flatMap((dns) => {
    if (!dns) return []
    const to = `${family(dns.address)} daddr ${dns.address} udp dport ${dns.port}`
    return `iifname @armed ct status dnat ${to} counter name questions`
  })
}

const chain = (name: string, head: string, rules: readonly string[]) =>
  `  chain ${name} {\n${head ? `    ${head}\n` : ''}${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`

/**
 * The whole table, inert while `armed` is empty (6-modem.md). Made anew in one transaction, so that there is never
 * half of it. `interfaces` are those that may reach the service addresses, armed or not.
 */
export function ruleset(service: Service, interfaces: readonly string[]): string {
  const served = quoted(['lo', ...interfaces])
  const guard = [
    // Reachable from the LAN and guest side only; the WAN must not even learn that they exist.
    `iifname != { ${served} } drop`,
    'ct status dnat accept',
    'ct state related accept',
    // Answers to our own neighbour solicitations, which carry this address as source (RFC 4861 §4.3): without them,
    // neither page nor refusal finds its way to a device that the modem has not met yet.
    'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
    'meta l4proto tcp reject with tcp reset',
    'reject',
  ]
  return [
    `add table ${table}\ndelete table ${table}\n`,
    `table ${table} {\n`,
    '  counter questions {\n  }\n',
    '  counter bypass {\n  }\n',
    '  set armed {\n    type ifname\n    flags timeout\n  }\n',
    chain('zone', 'type filter hook prerouting priority raw; policy accept;', zoneRules(service, served)),
    // Before any redirection of the firewall's own (dstnat), which would decide first.
    chain('dns', 'type nat hook prerouting priority dstnat - 5; policy accept;', [
      ...dnsRules(service),
      ...pageRules(service, served),
    ]),
    chain('count', 'type filter hook prerouting priority dstnat + 1; policy accept;', countRules(service)),
    // A quick refusal makes clients fall back to port 53; a drop would make them wait.
    chain('bypass', 'type filter hook forward priority filter - 5; policy accept;', [
      'iifname @armed tcp dport 853 counter name bypass reject with tcp reset',
      'iifname @armed udp dport 853 counter name bypass reject',
    ]),
    chain('guard', '', guard),
    chain('service', 'type filter hook input priority filter - 5; policy accept;', [
      'iifname "lo" accept',
      ...serviceAddresses(service).map((address) => `${family(address)} daddr ${address} jump guard`),
    ]),
    '}\n',
  ].join('')
}

/**
 * Empties and fills the set in one transaction: every clock starts again, an interface that is no longer asked for
 * drops out, and no packet sees the set without its element (test/system counts escapes over 1,000 renewals).
 */
export function renewal(interfaces: readonly string[], leaseMs: number): string {
  const flush = `flush set ${table} armed\n`
  if (interfaces.length === 0) return flush
  const elements = interfaces.map((name) => `"${name}" timeout ${leaseMs}ms`).join(', ')
  return `${flush}add element ${table} armed { ${elements} }\n`
}

/** Lists the table without the elements of its sets. */
export const listing = `list table ${table}\n`

/** What `nft -t list table` printed, without what changes by itself: comparable from one renewal to the next. */
export function fingerprint(listed: string): string {
  return listed.replace(/packets \d+ bytes \d+/g, '').replace(/\s+/g, ' ')
}

/** `questions`: translated to us; `bypass`: packets to port 853 that were refused. */
export type CounterName = 'questions' | 'bypass'

/** @returns packets of the counter in what `nft list` printed; null where it is not there */
export function packetsOf(counter: CounterName, listed: string): number | null {
  const found = new RegExp(`counter ${counter} \\{\\s*packets (\\d+) bytes`).exec(listed)
  return found ? Number(found[1]) : null
}
