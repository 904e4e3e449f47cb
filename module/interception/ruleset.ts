import type { ServiceEndpoints } from './service.ts'
import { passthroughEndpoint, serviceAddresses } from './service.ts'

export const SECURENET_TABLE = 'inet securenet'
/** Conntrack zone of intercepted flows; without it a client that keeps its source port outlives the lease. */
export const CONNTRACK_ZONE = 53

/** Names come from validated configuration; quoted all the same, as nft has words of its own. */
const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ')

const family = (address: string) => (address.includes(':') ? 'ip6' : 'ip')
/** What every rule that intercepts asks first: an armed device, and a family whose lease has not run out. */
const LEASED = 'iifname @armed meta nfproto @lease'
/** Nothing is answered there (listener/udp-transport.ts): such a datagram asks nothing. */
const ANSWERABLE = 'udp sport != { 0, 53 }'
/** Longer than from one renewal to the next. */
const recently = (set: 'asked' | 'translated' | 'arrived') => `update @${set} { meta nfproto timeout 3s }`
/** How far through our own chains a renewal has come: one whose rules somebody flushed is noticed by the next. */
const marks = { zone: '0x535a01', count: '0x535a02' } as const
const host = (address: string) => (address.includes(':') ? `[${address}]` : address)

function dnsRules(service: ServiceEndpoints): string[] {
  const rules: string[] = []
  for (const [proto, endpoint] of [
    ['ipv4', service.dns4],
    ['ipv6', service.dns6],
  ] as const) {
    if (!endpoint) continue
    const to = `dnat ${family(endpoint.address)} to ${host(endpoint.address)}:${endpoint.port}`
    rules.push(`${LEASED} meta nfproto ${proto} meta l4proto { tcp, udp } th dport 53 ${to}`)
  }
  return rules
}

/** Port 443 only while the passage is open (ADR 8); otherwise `guard` refuses it. */
function pageRules(service: ServiceEndpoints, served: string): string[] {
  return [service.page4, service.page6].flatMap((page) => {
    if (!page) return []
    const ip = family(page.address)
    const to = `${ip} daddr ${page.address} tcp dport`
    const dnat = `dnat ${ip} to ${host(page.address)}`
    return [
      `iifname { ${served} } ${to} 80 ${dnat}:${page.port}`,
      `iifname @passage ${to} 443 ${dnat}:${passthroughEndpoint(page).port}`,
    ]
  })
}

/**
 * A family without a service address never has a lease, and so is not touched at all. Page requests share the zone, so
 * that the firewall fragment can tell what is ours without knowing an address.
 */
function zoneRules({ service, renewals: { nonce, datagrams } }: RulesetOptions, served: string): string[] {
  const pages = [service.page4, service.page6].flatMap((page) => {
    if (!page) return []
    const to = `${family(page.address)} daddr ${page.address} tcp dport`
    return [
      `iifname { ${served} } ${to} 80 ct original zone set ${CONNTRACK_ZONE}`,
      `iifname @passage ${to} 443 ct original zone set ${CONNTRACK_ZONE}`,
    ]
  })
  const renewing = datagrams.map(({ address, port }) => {
    const ip = family(address)
    const itself = `${ip} saddr ${address} ${ip} daddr ${address} udp sport ${port} udp dport ${port}`
    return `iifname "lo" ${itself} @th,64,64 0x${nonce.toString('hex')} meta mark set ${marks.zone}`
  })
  return [
    `${LEASED} meta l4proto { tcp, udp } th dport 53 ct original zone set ${CONNTRACK_ZONE}`,
    `${LEASED} udp dport 53 ${ANSWERABLE} ${recently('asked')} delete @translated { meta nfproto }`,
    ...pages,
    ...renewing,
  ]
}

/** Longer than any pause of a flood. */
const METER_FORGETS = '10s'
const CONNECTIONS_A_SECOND = 100
/** A device has a handful of addresses; a router of the household's that leads a network of its own has hundreds. */
const NEW_ADDRESSES = { perSecond: 4, burst: 64 }
const ADDRESS_FORGETS = '60s'

/**
 * Ends what a device must not send before it costs anything: packets of a source that is ours, which the module takes for the
 * self-test's; questions of a source that the answer would not go back to; more questions of one hardware address than
 * any device has, whatever IP addresses it turns through; and more addresses than any device has, each of which would take
 * a place in the kernel's table of neighbours.
 */
function floodRules({ service, flood }: RulesetOptions): string[] {
  const ours = serviceAddresses(service).map(
    (address) => `iifname != "lo" ${family(address)} saddr ${address} drop`,
  )
  if (flood === null) return ours
  const { questionsPerSecond } = flood
  const meter = (set: string, perSecond: number) =>
    `update @${set} { iifname . ether saddr limit rate over ${perSecond}/second burst ${perSecond} packets } drop`
  return [
    ...ours,
    `${LEASED} meta l4proto { tcp, udp } th dport 53 fib saddr . iif oif missing drop`,
    ...(['ip', 'ip6'] as const).flatMap((ip) => {
      const pair = `${ip} saddr . ether saddr`
      const { perSecond, burst } = NEW_ADDRESSES
      const limit = `limit rate over ${perSecond}/second burst ${burst} packets`
      const question = `${LEASED} meta l4proto { tcp, udp } th dport 53`
      return [
        `${question} ${pair} != @${ip}_askers update @turns { iifname . ether saddr ${limit} } drop`,
        `${question} update @${ip}_askers { ${pair} }`,
      ]
    }),
    `${LEASED} udp dport 53 ${meter('floods', questionsPerSecond)}`,
    `${LEASED} tcp dport 53 tcp flags & (syn | ack) == syn ${meter('dials', CONNECTIONS_A_SECOND)}`,
  ]
}

const askerSet = (ip: 'ip' | 'ip6') =>
  `  set ${ip}_askers {\n    type ipv${ip === 'ip' ? 4 : 6}_addr . ether_addr\n    size 4096\n    flags dynamic,timeout\n    timeout ${ADDRESS_FORGETS}\n  }\n`

const meterSet = (name: string) =>
  `  set ${name} {\n    type ifname . ether_addr\n    size 1024\n    flags dynamic,timeout\n    timeout ${METER_FORGETS}\n  }\n`

const toDns = ({ dns4, dns6 }: ServiceEndpoints): string[] =>
  [dns4, dns6].flatMap((dns) =>
    dns
      ? [`iifname @armed ct status dnat ${family(dns.address)} daddr ${dns.address} udp dport ${dns.port}`]
      : [],
  )

/** Per packet, and only what was translated: one of a wrong checksum never is. */
const countRules = (service: ServiceEndpoints): string[] => [
  ...toDns(service).map((question) => `${question} ${recently('translated')}`),
  `iifname "lo" meta mark ${marks.zone} meta mark set ${marks.count}`,
]

/** After routing, which drops what no socket would get (source routes, martians): only these are expected at ours. */
const arrivalRules = (service: ServiceEndpoints): string[] =>
  toDns(service).map((question) => `${question} ${ANSWERABLE} counter name questions ${recently('arrived')}`)

/**
 * The module's own datagram, from a loopback port to itself and with a nonce that nobody else knows, starts the clock of
 * its family again: no process, no tool and no capability is needed for it. The refusal is the acknowledgement
 * (renewal-datagram.ts), another one when questions arrived since the last. What is not acknowledged
 * comes back as it was sent: a chain on its way has lost its rules, the last question was asked and not translated, or
 * the set could not be updated.
 */
function renewRules(leaseMs: number): string[] {
  const renewed = `update @lease { meta nfproto timeout ${leaseMs}ms }`
  return [
    'meta nfproto @asked meta nfproto != @translated accept',
    `${renewed} meta nfproto @arrived delete @arrived { meta nfproto } reject with icmpx type admin-prohibited`,
    `${renewed} reject with icmpx type port-unreachable`,
  ]
}

const chain = (name: string, head: string, rules: readonly string[]) =>
  `  chain ${name} {\n${head ? `    ${head}\n` : ''}${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`

/** What the kernel takes for a renewal: from which loopback ports, and the 8 bytes that they must carry. */
export interface Renewals {
  nonce: Buffer
  datagrams: readonly { address: string; port: number }[]
}

export interface RulesetOptions {
  service: ServiceEndpoints
  /** Those that may reach the service addresses, armed or not. */
  interfaces: readonly string[]
  leaseMs: number
  renewals: Renewals
  /** Null where this kernel or nft lacks meters or `fib`. */
  flood: { readonly questionsPerSecond: number } | null
}

/**
 * The whole table, inert while `armed` or `lease` is empty (docs/interception.md). Made anew in one transaction, so that there is
 * never half of it.
 */
export function ruleset(options: RulesetOptions): string {
  const { service, interfaces, leaseMs } = options
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
    `add table ${SECURENET_TABLE}\ndelete table ${SECURENET_TABLE}\n`,
    `table ${SECURENET_TABLE} {\n`,
    '  counter questions {\n  }\n',
    '  counter bypass {\n  }\n',
    '  set armed {\n    type ifname\n  }\n',
    '  set passage {\n    type ifname\n    flags timeout\n  }\n',
    ...['lease', 'asked', 'translated', 'arrived'].map(
      (name) => `  set ${name} {\n    type nf_proto\n    size 2\n    flags dynamic,timeout\n  }\n`,
    ),
    ...(options.flood
      ? [...['floods', 'dials', 'turns'].map(meterSet), askerSet('ip'), askerSet('ip6')]
      : []),
    chain('zone', 'type filter hook prerouting priority raw; policy accept;', [
      ...floodRules(options),
      ...zoneRules(options, served),
    ]),
    // Before any redirection of the firewall's own (dstnat), which would decide first.
    chain('dns', 'type nat hook prerouting priority dstnat - 5; policy accept;', [
      ...dnsRules(service),
      ...pageRules(service, served),
    ]),
    chain('count', 'type filter hook prerouting priority dstnat + 1; policy accept;', countRules(service)),
    // A quick refusal makes clients fall back to port 53; a drop would make them wait.
    chain('bypass', 'type filter hook forward priority filter - 5; policy accept;', [
      `${LEASED} tcp dport 853 counter name bypass reject with tcp reset`,
      `${LEASED} udp dport 853 counter name bypass reject`,
    ]),
    chain('renew', '', renewRules(leaseMs)),
    chain('guard', '', guard),
    chain('service', 'type filter hook input priority filter - 5; policy accept;', [
      `iifname "lo" meta mark ${marks.count} jump renew`,
      'iifname "lo" accept',
      ...arrivalRules(service),
      ...serviceAddresses(service).map((address) => `${family(address)} daddr ${address} jump guard`),
    ]),
    '}\n',
  ].join('')
}

/**
 * Arms exactly these interfaces and starts the lease of each family that has a service address, in one transaction: no
 * packet sees the sets without their elements (test/system counts escapes). Nothing to arm ends the lease.
 */
export function arming(service: ServiceEndpoints, interfaces: readonly string[], leaseMs: number): string {
  const flush = `flush set ${SECURENET_TABLE} armed\nflush set ${SECURENET_TABLE} lease\n`
  if (interfaces.length === 0) return flush
  const families = [service.dns4 && 'ipv4', service.dns6 && 'ipv6'].filter((each) => each !== null)
  const leases = families.map((each) => `${each} timeout ${leaseMs}ms`).join(', ')
  return `${flush}add element ${SECURENET_TABLE} armed { ${quoted(interfaces)} }\nadd element ${SECURENET_TABLE} lease { ${leases} }\n`
}

/** Ends the lease at once. */
export const disarming = `flush set ${SECURENET_TABLE} lease\nflush set ${SECURENET_TABLE} armed\n`

/** Lists the table without the elements of its sets. */
export const listTableCommand = `list table ${SECURENET_TABLE}\n`

/** What `nft -t list table` printed, without what changes by itself: comparable from one renewal to the next. */
export function fingerprint(listed: string): string {
  return listed.replace(/packets \d+ bytes \d+/g, '').replace(/\s+/g, ' ')
}

/** `questions`: let in to us; `bypass`: packets to port 853 that were refused. */
export type CounterName = 'questions' | 'bypass'

/** @returns packets of the counter in what `nft list` printed; null where it is not there */
export function packetsOf(counter: CounterName, listed: string): number | null {
  const found = new RegExp(`counter ${counter} \\{\\s*packets (\\d+) bytes`).exec(listed)
  return found ? Number(found[1]) : null
}
