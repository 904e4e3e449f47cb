import type { Clock } from '../base/clock.ts'
import { codeOf, SecureNetError } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { TaskQueue } from '../base/task-queue.ts'
import type { CommandResult, RunCommand } from '../platform/spawn.ts'
import { abilities } from './abilities.ts'
import type { CheckDevice } from './devices.ts'
import { FirewallWatch } from './firewall-watch.ts'
import type { Interceptor, InterfaceStates, Renewed } from './interceptor.ts'
import { openRenewalDatagram, type Renewal, type RenewalDatagram } from './renewal-datagram.ts'
import {
  arming,
  disarming,
  fingerprint,
  listTableCommand,
  packetsOf,
  ruleset,
  SECURENET_TABLE,
} from './ruleset.ts'
import type { ScopeKeeper } from './scope-keeper.ts'
import { requireServiceAddresses, type ServiceEndpoints } from './service.ts'

export interface NftablesOptions {
  run: RunCommand
  service: ServiceEndpoints
  /** Every LAN and guest device of the configuration: they may reach the service addresses. */
  interfaces: readonly string[]
  leaseMs: number
  /** Of one device, beyond which the kernel drops. */
  questionsPerSecond: number
  whyNot: CheckDevice
  scope: ScopeKeeper
  clock: Clock
  log: Log
  /** Bytes that nobody can guess. */
  random: (bytes: number) => Buffer
  /** The sockets that renew; those of renewal-datagram.ts where left out. */
  open?: typeof openRenewalDatagram
  /** Program to run; looked up in PATH. */
  nft?: string
  /** Renewals from one look at our own table to the next; 5 where left out. */
  listEvery?: number
  /** Renewals from one look at everybody's rules to the next, which costs more; 15 where left out. */
  inspectEvery?: number
}

const FRAGMENT = '/usr/share/nftables.d/chain-pre/input/securenet.nft'

function firstLine(ran: CommandResult): string {
  return ran.stderr.trim().split('\n', 1)[0] ?? ''
}

class Nftables implements Interceptor {
  readonly name = 'nftables'
  readonly #options: NftablesOptions
  readonly #nft: string
  readonly #firewall: FirewallWatch
  readonly #serial = new TaskQueue()
  readonly #datagrams: RenewalDatagram[] = []
  #nonce: Buffer = Buffer.alloc(8)
  /** What stood after the table was last made; null until then. */
  #standing: string | null = null
  /** Interfaces that the kernel has armed, so that its clock alone has to start again; null where that is not sure. */
  #armed: readonly string[] | null = null
  #untilListing = 0
  /** Whether this kernel and nft have what the rules against floods need. */
  #endsFloods = true

  constructor(options: NftablesOptions) {
    this.#options = options
    this.#nft = options.nft ?? 'nft'
    this.#firewall = new FirewallWatch({
      ...options,
      list: (signal) => this.#apply(['-j', '-t', 'list', 'ruleset'], '', signal),
      every: options.inspectEvery ?? 15,
    })
  }

  prepare(): Promise<void> {
    return this.#serial.add(async (signal) => {
      requireServiceAddresses(this.#options.service)
      await this.#openDatagrams()
      await this.#check(signal)
      await this.#build([], signal)
    })
  }

  async arm(interfaces: readonly string[]): Promise<InterfaceStates> {
    this.#firewall.lookSoon()
    const { armed, refused } = await this.renew(interfaces)
    return { armed, refused }
  }

  renew(interfaces: readonly string[], look: 'all' | 'due' = 'due'): Promise<Renewed> {
    return this.#serial.add(async (signal) => {
      if (look === 'all') {
        this.#firewall.lookSoon()
        this.#untilListing = 0
      }
      await this.#firewall.lookNowAndThen(interfaces, look === 'all' ? 'refused' : 'open', signal)
      const { armed, refused } = await this.#sort(interfaces, signal)
      const renewal = this.#mayRenew(armed) ? await this.#renewByDatagram() : 'not-taken'
      if (renewal !== 'not-taken') return { armed, refused, rebuilt: false, asked: renewal === 'asked' }
      signal.throwIfAborted()
      return { armed, refused, ...(await this.#armAnew(armed, signal)) }
    })
  }

  disarm(): Promise<void> {
    return this.#serial.now(async () => {
      this.#armed = null
      const ran = await this.#apply(['-f', '-'], disarming)
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
      const ran = await this.#apply(
        ['-f', '-'],
        `add table ${SECURENET_TABLE}\ndelete table ${SECURENET_TABLE}\n`,
      )
      if (ran.code !== 0) throw this.#explained(ran)
      this.#standing = null
      this.#armed = null
      for (const datagram of this.#datagrams.splice(0)) datagram.close()
      await this.#options.scope.release(this.#options.interfaces)
    })
  }

  translated(): Promise<number | null> {
    return this.#serial.add(async (signal) => {
      const ran = await this.#apply(['-t', '-f', '-'], listTableCommand, signal)
      return ran.code === 0 ? packetsOf('questions', ran.stdout) : null
    })
  }

  async #openDatagrams(): Promise<void> {
    const { service, clock, open = openRenewalDatagram } = this.#options
    if (this.#datagrams.length > 0) return
    if (service.dns4) this.#datagrams.push(await open('127.0.0.1', clock))
    if (service.dns6) this.#datagrams.push(await open('::1', clock))
  }

  /** Now and then the table is looked at as a whole: a datagram proves its own rule, not the others. */
  #mayRenew(armed: readonly string[]): boolean {
    const isSame = this.#armed?.join() === armed.join() && armed.length > 0
    return isSame && this.#untilListing-- > 0
  }

  async #renewByDatagram(): Promise<Renewal> {
    const renewals = await Promise.all(this.#datagrams.map((datagram) => datagram.send(this.#nonce)))
    if (renewals.includes('not-taken')) return 'not-taken'
    return renewals.includes('asked') ? 'asked' : 'taken'
  }

  /** By nft: sets filled again, and the table made anew where it is not as it was. */
  async #armAnew(
    armed: readonly string[],
    signal: AbortSignal,
  ): Promise<Omit<Renewed, keyof InterfaceStates>> {
    const { service, leaseMs, listEvery = 5 } = this.#options
    this.#armed = null
    this.#untilListing = listEvery - 1
    const script = `${arming(service, armed, leaseMs)}${listTableCommand}`
    const ran = await this.#apply(['-t', '-f', '-'], script, signal)
    const stands = ran.code === 0 && fingerprint(ran.stdout) === this.#standing
    if (ran.code !== 0) this.#explain(ran)
    if (!stands) await this.#build(armed, signal)
    this.#armed = [...armed]
    if (stands)
      return {
        rebuilt: false,
        translated: packetsOf('questions', ran.stdout),
        bypassed: packetsOf('bypass', ran.stdout),
      }
    this.#firewall.lookSoon()
    return { rebuilt: true, translated: 0, bypassed: 0 }
  }

  async #sort(interfaces: readonly string[], signal: AbortSignal): Promise<InterfaceStates> {
    const here = interfaces.filter((name) => this.#options.whyNot(name) === null)
    const unscoped = await this.#options.scope.keep(here, signal)
    const armed: string[] = []
    const refused: { interface: string; why: string }[] = []
    for (const name of interfaces) {
      const closed = this.#firewall.refusalOn(name)
      const why =
        this.#options.whyNot(name) ??
        unscoped.get(name) ??
        (closed
          ? `the firewall refuses translated questions (${closed.table}, chain ${closed.chain}): ${FRAGMENT} is not in force`
          : null)
      if (why === null) armed.push(name)
      else refused.push({ interface: name, why })
    }
    return { armed, refused }
  }

  /** Makes the table anew and arms it in the same transaction. */
  async #build(armed: readonly string[], signal: AbortSignal): Promise<void> {
    const { service, leaseMs, random } = this.#options
    this.#nonce = random(8)
    const script = `${this.#ruleset()}${arming(service, armed, leaseMs)}`
    const ran = await this.#apply(['-f', '-'], script, signal)
    if (ran.code !== 0) throw this.#explained(ran)
    const listed = await this.#apply(['-t', '-f', '-'], listTableCommand, signal)
    if (listed.code !== 0) throw this.#explained(listed)
    this.#standing = fingerprint(listed.stdout)
  }

  #ruleset(): string {
    const { service, interfaces, leaseMs, questionsPerSecond } = this.#options
    return ruleset({
      flood: this.#endsFloods ? { questionsPerSecond } : null,
      service,
      interfaces,
      leaseMs,
      renewals: { nonce: this.#nonce, datagrams: this.#datagrams },
    })
  }

  /** Tries the ruleset without committing it; on refusal says which ability is missing. */
  async #check(signal: AbortSignal): Promise<void> {
    const whole = await this.#apply(['-c', '-f', '-'], this.#ruleset(), signal)
    if (whole.code === 0) return
    if (/Operation not permitted|must be root/.test(whole.stderr)) throw this.#explained(whole)
    this.#endsFloods = false
    const without = await this.#apply(['-c', '-f', '-'], this.#ruleset(), signal)
    if (without.code === 0) {
      this.#options.log.warn('floods-not-ended', { why: firstLine(whole) })
      return
    }
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
  #explain(ran: CommandResult): void {
    if (/Operation not permitted|must be root/.test(ran.stderr)) throw this.#explained(ran)
  }

  #explained(ran: CommandResult): SecureNetError {
    if (/Operation not permitted|must be root/.test(ran.stderr))
      return new SecureNetError(
        'INTERCEPT_NOT_PERMITTED',
        `nft may not change rules: ${firstLine(ran)}`,
        'the module needs CAP_NET_ADMIN as an ambient capability (/etc/capabilities/securenet.json)',
      )
    return new SecureNetError('INTERCEPT_NFT_REFUSED', `nft: ${firstLine(ran)}`, 'see `nft list ruleset`')
  }

  async #apply(args: readonly string[], stdin: string, signal?: AbortSignal): Promise<CommandResult> {
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
