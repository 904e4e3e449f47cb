import { codeOf, messageOf, SecureNetError } from '../error.ts'
import type { Log } from '../log.ts'
import type { Ran, Run } from '../platform/spawn.ts'
import type { WhyNot } from './devices.ts'
import { type Refusal, refusal } from './input-verdict.ts'
import type { Armed, Interceptor, Renewed } from './interceptor.ts'
import { fingerprint, listing, packetsOf, renewal, ruleset, table } from './ruleset.ts'
import type { ScopeKeeper } from './scope-keeper.ts'
import { createSerial } from './serial.ts'
import { requireServiceAddresses, type Service } from './service.ts'

export interface NftablesOptions {
  run: Run
  service: Service
  /** Every LAN and guest device of the configuration: they may reach the service addresses. */
  interfaces: readonly string[]
  leaseMs: number
  whyNot: WhyNot
  scope: ScopeKeeper
  log: Log
  /** Program to run; looked up in PATH. */
  nft?: string
  /** Renewals between two readings of the whole ruleset, which costs more than a renewal. */
  inspectEvery?: number
}

/** What a kernel or an nft must be able to do, each tried alone when the whole is refused. */
const abilities = [
  ['INTERCEPT_NO_INET', 'tables of family inet (kernel option NF_TABLES_INET)', ''],
  [
    'INTERCEPT_NO_SET_TIMEOUT',
    'sets of interface names with a time-out',
    'set s {\ntype ifname\nflags timeout\n}\n',
  ],
  [
    'INTERCEPT_NO_CT_ZONE',
    '`ct original zone set` (kernel options NFT_CT and NF_CONNTRACK_ZONES)',
    'chain c {\ntype filter hook prerouting priority raw\nct original zone set 53\n}\n',
  ],
  [
    'INTERCEPT_NO_NAT',
    'destination NAT in family inet (kernel options NFT_NAT and NF_TABLES_INET)',
    'chain c {\ntype nat hook prerouting priority dstnat\nmeta nfproto ipv4 udp dport 53 dnat ip to 198.18.0.1:5353\n}\n',
  ],
  [
    'INTERCEPT_NO_REJECT',
    '`reject` in family inet (kernel option NFT_REJECT_INET)',
    'chain c {\ntype filter hook forward priority filter\ntcp dport 853 reject with tcp reset\n}\n',
  ],
] as const

const fragment = '/usr/share/nftables.d/chain-pre/input/securenet.nft'

function firstLine(ran: Ran): string {
  return ran.stderr.trim().split('\n', 1)[0] ?? ''
}

class Nftables implements Interceptor {
  readonly name = 'nftables'
  readonly #options: NftablesOptions
  readonly #nft: string
  readonly #serial = createSerial()
  /** What stood after the table was last made; null until then. */
  #standing: string | null = null
  #refusals = new Map<string, Refusal>()
  #untilInspection = 0

  constructor(options: NftablesOptions) {
    this.#options = options
    this.#nft = options.nft ?? 'nft'
  }

  prepare(): Promise<void> {
    return this.#serial.add(async (signal) => {
      requireServiceAddresses(this.#options.service)
      await this.#check(signal)
      await this.#build([], signal)
    })
  }

  async arm(interfaces: readonly string[]): Promise<Armed> {
    this.#untilInspection = 0
    const { armed, refused } = await this.renew(interfaces)
    return { armed, refused }
  }

  renew(interfaces: readonly string[]): Promise<Renewed> {
    return this.#serial.add(async (signal) => {
      await this.#inspectNowAndThen(interfaces, signal)
      const { armed, refused } = await this.#sort(interfaces, signal)
      const script = `${renewal(armed, this.#options.leaseMs)}${listing}`
      const ran = await this.#apply(['-t', '-f', '-'], script, signal)
      if (ran.code === 0 && fingerprint(ran.stdout) === this.#standing)
        return {
          armed,
          refused,
          rebuilt: false,
          translated: packetsOf('questions', ran.stdout),
          bypassed: packetsOf('bypass', ran.stdout),
        }
      if (ran.code !== 0) this.#explain(ran)
      await this.#build(armed, signal)
      this.#untilInspection = 0
      return { armed, refused, rebuilt: true, translated: 0, bypassed: 0 }
    })
  }

  disarm(): Promise<void> {
    return this.#serial.now(async () => {
      const ran = await this.#apply(['-f', '-'], `flush set ${table} armed\n`)
      // A table that somebody wiped intercepts nothing.
      if (ran.code !== 0 && !/No such file or directory/.test(ran.stderr))
        throw new SecureNetError(
          'INTERCEPT_DISARM',
          `nft: ${firstLine(ran)}`,
          'the kernel ends the lease by itself',
        )
    })
  }

  remove(): Promise<void> {
    return this.#serial.now(async () => {
      // Adding first makes the deletion valid whether the table is there or not.
      const ran = await this.#apply(['-f', '-'], `add table ${table}\ndelete table ${table}\n`)
      if (ran.code !== 0) throw this.#explained(ran)
      this.#standing = null
      await this.#options.scope.release(this.#options.interfaces)
    })
  }

  translated(): Promise<number | null> {
    return this.#serial.add(async (signal) => {
      const ran = await this.#apply(['-t', '-f', '-'], listing, signal)
      return ran.code === 0 ? packetsOf('questions', ran.stdout) : null
    })
  }

  async #sort(interfaces: readonly string[], signal: AbortSignal): Promise<Armed> {
    const here = interfaces.filter((name) => this.#options.whyNot(name) === null)
    const unscoped = await this.#options.scope.keep(here, signal)
    const armed: string[] = []
    const refused: { interface: string; why: string }[] = []
    for (const name of interfaces) {
      const closed = this.#refusals.get(name)
      const why =
        this.#options.whyNot(name) ??
        unscoped.get(name) ??
        (closed
          ? `the firewall refuses translated questions (${closed.table}, chain ${closed.chain}): ${fragment} is not in force`
          : null)
      if (why === null) armed.push(name)
      else refused.push({ interface: name, why })
    }
    return { armed, refused }
  }

  async #inspectNowAndThen(interfaces: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#untilInspection-- > 0) return
    this.#untilInspection = (this.#options.inspectEvery ?? 15) - 1
    this.#refusals = new Map()
    const listed = await this.#apply(['-j', '-t', 'list', 'ruleset'], '', signal)
    // An nft built without JSON: nothing can be said; the lease's own counting is the second net.
    if (listed.code !== 0) return
    try {
      for (const name of interfaces) {
        const found = this.#refusalOn(name, listed.stdout)
        if (found) this.#refusals.set(name, found)
      }
    } catch (error) {
      this.#options.log.debug('firewall-not-read', { why: messageOf(error) })
    }
  }

  #refusalOn(name: string, listed: string): Refusal | null {
    const { dns4, dns6 } = this.#options.service
    for (const [nfproto, endpoint] of [
      ['ipv4', dns4],
      ['ipv6', dns6],
    ] as const)
      for (const l4proto of ['udp', 'tcp'] as const) {
        const packet = endpoint && { interface: name, l4proto, nfproto, dport: endpoint.port }
        const found = packet && refusal(listed, packet, table)
        if (found) return found
      }
    return null
  }

  /** Makes the table anew and arms it in the same transaction. */
  async #build(armed: readonly string[], signal: AbortSignal): Promise<void> {
    const { service, interfaces, leaseMs } = this.#options
    const script = `${ruleset(service, interfaces)}${renewal(armed, leaseMs)}`
    const ran = await this.#apply(['-f', '-'], script, signal)
    if (ran.code !== 0) throw this.#explained(ran)
    const listed = await this.#apply(['-t', '-f', '-'], listing, signal)
    if (listed.code !== 0) throw this.#explained(listed)
    this.#standing = fingerprint(listed.stdout)
  }

  /** Tries the ruleset without committing it; on refusal says which ability is missing. */
  async #check(signal: AbortSignal): Promise<void> {
    const { service, interfaces } = this.#options
    const whole = await this.#apply(['-c', '-f', '-'], ruleset(service, interfaces), signal)
    if (whole.code === 0) return
    if (/Operation not permitted|must be root/.test(whole.stderr)) throw this.#explained(whole)
    for (const [code, what, body] of abilities) {
      const probe = `table inet securenet_probe {\n${body}}\n`
      const ran = await this.#apply(['-c', '-f', '-'], probe, signal)
      if (ran.code !== 0)
        throw new SecureNetError(
          code,
          `this kernel or nft lacks ${what}: ${firstLine(ran)}`,
          'install the kernel modules kmod-nft-nat and kmod-nft-core, or set interception.backend to iptables',
        )
    }
    throw this.#explained(whole)
  }

  /** Only what cannot be mended by making the table anew is an error. */
  #explain(ran: Ran): void {
    if (/Operation not permitted|must be root/.test(ran.stderr)) throw this.#explained(ran)
  }

  #explained(ran: Ran): SecureNetError {
    if (/Operation not permitted|must be root/.test(ran.stderr))
      return new SecureNetError(
        'INTERCEPT_NOT_PERMITTED',
        `nft may not change rules: ${firstLine(ran)}`,
        'the module needs CAP_NET_ADMIN as an ambient capability (/etc/capabilities/securenet.json)',
      )
    return new SecureNetError('INTERCEPT_NFT_REFUSED', `nft: ${firstLine(ran)}`, 'see `nft list ruleset`')
  }

  async #apply(args: readonly string[], stdin: string, signal?: AbortSignal): Promise<Ran> {
    try {
      const timeoutMs = Math.max(1000, this.#options.leaseMs / 2)
      const maxBytes = 8 << 20
      return await this.#options.run([this.#nft, ...args], {
        stdin,
        timeoutMs,
        maxBytes,
        ...(signal && { signal }),
      })
    } catch (error) {
      if (codeOf(error) !== 'SPAWN_NOT_FOUND') throw error
      throw new SecureNetError(
        'INTERCEPT_NO_NFT',
        'nft is not installed or not in PATH',
        'install the package nftables, or set interception.backend to iptables or none',
        { cause: error },
      )
    }
  }
}

/** Interception by a table of its own, `inet securenet`, which `fw4 reload` leaves alone. */
export function createNftables(options: NftablesOptions): Interceptor {
  return new Nftables(options)
}
