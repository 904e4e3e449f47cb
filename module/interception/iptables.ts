import { codeOf, SecureNetError } from '../base/error.ts'
import { TaskQueue } from '../base/task-queue.ts'
import type { CommandResult, RunCommand } from '../platform/spawn.ts'
import type { CheckDevice } from './devices.ts'
import type { Interceptor, InterfaceStates, Renewed } from './interceptor.ts'
import type { ScopeKeeper } from './scope-keeper.ts'
import { requireServiceAddresses, type ServiceEndpoints } from './service.ts'

export interface IptablesOptions {
  run: RunCommand
  service: ServiceEndpoints
  leaseMs: number
  whyNot: CheckDevice
  scope: ScopeKeeper
  /** Program to run; looked up in PATH. */
  ipset?: string
  /** Renewals from one look at the sets to the next; 3 where left out. */
  listEvery?: number
}

/** Rules of rootfs/usr/lib/securenet/firewall-iptables.sh that ask a set, each holding a reference on it. */
export const STATIC_RULE_COUNT = 7

const SCRIPT = '/usr/lib/securenet/firewall-iptables.sh'
const sets = {
  dns4: { name: 'securenet4', any: '0.0.0.0/0' },
  dns6: { name: 'securenet6', any: '::/0' },
} as const
type Family = keyof typeof sets

export interface IpsetListing {
  references: number
  /** Packets over all entries. */
  packets: number
}

/** Reads what `ipset list NAME` printed. */
export function listedSet(printed: string): IpsetListing {
  const packets = [...printed.matchAll(/^\S+ timeout \d+ packets (\d+) /gm)]
  return {
    references: Number(/^References: (\d+)$/m.exec(printed)?.[1] ?? 0),
    packets: packets.reduce((sum, found) => sum + Number(found[1]), 0),
  }
}

/** Adding an entry that is there restarts its clock without a gap. Rounded up: ipset counts in seconds. */
export function setRenewal(
  families: readonly Family[],
  interfaces: readonly string[],
  leaseMs: number,
): string {
  const seconds = Math.ceil(leaseMs / 1000)
  return families
    .flatMap((family) =>
      interfaces.map((name) => `add ${sets[family].name} ${sets[family].any},${name} timeout ${seconds}\n`),
    )
    .join('')
}

/** Takes entries out at once; with `-exist` one that is gone already is no error. */
export function setRelease(families: readonly Family[], interfaces: readonly string[]): string {
  return families
    .flatMap((family) => interfaces.map((name) => `del ${sets[family].name} ${sets[family].any},${name}\n`))
    .join('')
}

class Iptables implements Interceptor {
  readonly name = 'iptables'
  readonly #options: IptablesOptions
  readonly #families: readonly Family[]
  readonly #serial = new TaskQueue()
  #armed: readonly string[] = []
  /** The last look found the static rules incomplete. */
  #wiped = false
  #untilListing = 0

  constructor(options: IptablesOptions) {
    this.#options = options
    this.#families = (['dns4', 'dns6'] as const).filter((family) => options.service[family])
  }

  prepare(): Promise<void> {
    return this.#serial.add(async (signal) => {
      requireServiceAddresses(this.#options.service)
      const listed = await this.#list(signal)
      if (listed.some((set) => set.references < STATIC_RULE_COUNT))
        throw noRules('some of the static rules are missing')
    })
  }

  async arm(interfaces: readonly string[]): Promise<InterfaceStates> {
    const { armed, refused } = await this.renew(interfaces)
    return { armed, refused }
  }

  renew(interfaces: readonly string[], look: 'all' | 'due' = 'due'): Promise<Renewed> {
    return this.#serial.add(async (signal) => {
      if (look === 'all') this.#untilListing = 0
      const looked = await this.#lookNowAndThen(signal)
      const { armed, refused } = await this.#sort(interfaces, signal)
      const gone = this.#armed.filter((name) => !armed.includes(name))
      const script =
        setRelease(this.#families, gone) + setRenewal(this.#families, armed, this.#options.leaseMs)
      await this.#ipset(['restore', '-exist'], signal, script)
      this.#armed = armed
      return { armed, refused, ...looked }
    })
  }

  disarm(): Promise<void> {
    return this.#serial.now(async () => {
      this.#armed = []
      await this.#flush()
    })
  }

  /** The rules are root's: the init script takes them away. */
  async remove(): Promise<void> {
    await this.disarm()
    await this.#options.scope.release([])
  }

  translated(): Promise<number | null> {
    return this.#serial.add(async (signal) => {
      const listed = await this.#list(signal)
      return listed.reduce((sum, set) => sum + set.packets, 0)
    })
  }

  /** A look is a process for each set: entries that are renewed do not need it each time. */
  async #lookNowAndThen(signal: AbortSignal): Promise<Omit<Renewed, keyof InterfaceStates>> {
    if (!this.#wiped && this.#armed.length > 0 && this.#untilListing-- > 0) return { rebuilt: false }
    this.#untilListing = (this.#options.listEvery ?? 3) - 1
    const listed = await this.#list(signal)
    const wiped = listed.some((set) => set.references < STATIC_RULE_COUNT)
    const rebuilt = this.#wiped && !wiped
    this.#wiped = wiped
    return { rebuilt, translated: listed.reduce((sum, set) => sum + set.packets, 0) }
  }

  async #sort(interfaces: readonly string[], signal: AbortSignal): Promise<InterfaceStates> {
    const here = interfaces.filter((name) => this.#options.whyNot(name) === null)
    const unscoped = await this.#options.scope.keep(here, signal)
    const armed: string[] = []
    const refused: { interface: string; why: string }[] = []
    for (const name of interfaces) {
      const why = this.#wiped
        ? `the static rules were wiped: run ${SCRIPT} add`
        : (this.#options.whyNot(name) ?? unscoped.get(name) ?? null)
      if (why === null) armed.push(name)
      else refused.push({ interface: name, why })
    }
    return { armed, refused }
  }

  async #flush(): Promise<void> {
    const script = this.#families.map((family) => `flush ${sets[family].name}\n`).join('')
    const ran = await this.#run(['restore'], undefined, script)
    // A set that somebody destroyed intercepts nothing.
    if (ran.code !== 0 && !/does not exist/.test(ran.stderr)) throw refused(ran)
  }

  async #list(signal?: AbortSignal): Promise<IpsetListing[]> {
    const listed: IpsetListing[] = []
    for (const family of this.#families) {
      const ran = await this.#run(['list', sets[family].name], signal)
      if (/does not exist/.test(ran.stderr)) throw noRules(`set ${sets[family].name} is missing`)
      if (ran.code !== 0) throw refused(ran)
      if (!/^Type: hash:net,iface$/m.test(ran.stdout) || !/^Header: .*\btimeout \d/m.test(ran.stdout))
        throw noRules(`set ${sets[family].name} is not a hash:net,iface with time-outs`)
      listed.push(listedSet(ran.stdout))
    }
    return listed
  }

  async #ipset(args: readonly string[], signal: AbortSignal, stdin: string): Promise<void> {
    const ran = await this.#run(args, signal, stdin)
    if (ran.code !== 0) throw refused(ran)
  }

  async #run(args: readonly string[], signal?: AbortSignal, stdin = ''): Promise<CommandResult> {
    const { run, ipset = 'ipset', leaseMs } = this.#options
    try {
      return await run([ipset, ...args], {
        stdin,
        timeoutMs: Math.max(1000, leaseMs / 2),
        ...(signal && { signal }),
      })
    } catch (error) {
      if (codeOf(error) !== 'SPAWN_NOT_FOUND') throw error
      throw new SecureNetError(
        'INTERCEPT_NO_IPSET',
        'ipset is not installed or not in PATH',
        'install the package ipset, or set interception.backend to nftables or none',
        { cause: error },
      )
    }
  }
}

function noRules(what: string): SecureNetError {
  return new SecureNetError('INTERCEPT_NO_RULES', `iptables: ${what}`, `as root: ${SCRIPT} add`)
}

function refused(ran: CommandResult): SecureNetError {
  const line = ran.stderr.trim().split('\n', 1)[0] ?? ''
  if (/Operation not permitted|permission denied/i.test(ran.stderr))
    return new SecureNetError(
      'INTERCEPT_NOT_PERMITTED',
      `ipset may not change sets: ${line}`,
      'the module needs CAP_NET_ADMIN as an ambient capability (/etc/capabilities/securenet.json)',
    )
  return new SecureNetError('INTERCEPT_IPSET_REFUSED', `ipset: ${line}`, 'see `ipset list`')
}

/**
 * Interception by static iptables rules that root has laid, inert while their ipset sets are empty; this renews the
 * sets' entries, for which CAP_NET_ADMIN is enough.
 */
export function createIptables(options: IptablesOptions): Interceptor {
  return new Iptables(options)
}
