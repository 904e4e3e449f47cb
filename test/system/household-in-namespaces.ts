/**
 * A household in network namespaces, on real packets and offline:
 *
 *     lan ----- br-lan \                   / wan0 ---- wan   (operator's resolver, "public" resolvers)
 *                       modem (stock dnsmasq)
 *     bare ----/ (a device of the LAN that has a link-local address and no other)
 *     guest -- br-guest/                   \ be0 ----- backend (the operator's broker)
 *
 * Names of namespaces carry a prefix of the run's own, so that two runs do not meet. Everything started here is ended
 * by `close()`, by process id.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { waitLimitMs } from '../helpers/limits.ts'

export const places = ['lan', 'bare', 'guest', 'modem', 'wan', 'backend'] as const
export type Place = (typeof places)[number]

export const addresses = {
  service4: '198.18.53.53',
  service6: 'fd53:5ec:4e7::53',
  modem: {
    lan4: '192.168.1.1',
    second4: '10.20.0.1',
    lanGua: '2001:db8:1::1',
    lanUla: 'fd00:1::1',
    lanLocal: 'fe80::1',
    guest4: '192.168.3.1',
    guestGua: '2001:db8:3::1',
    guestLocal: 'fe80::1',
    wan4: '203.0.113.2',
    wan6: '2001:db8:ffff::2',
    backend4: '198.51.100.1',
  },
  lan: {
    v4: '192.168.1.10',
    second4: '10.20.0.10',
    gua: '2001:db8:1::10',
    ula: 'fd00:1::10',
    local: 'fe80::10',
  },
  bareLocal: 'fe80::20',
  guest: { v4: '192.168.3.10', gua: '2001:db8:3::10', local: 'fe80::10' },
  wan: { operator4: '203.0.113.1', operator6: '2001:db8:ffff::1' },
  public4: '8.8.8.8',
  public6: '2001:4860:4860::8888',
  backend4: '198.51.100.2',
} as const

/** Who answers `who.example`. */
export const who = { stock: '203.0.113.53', public: '203.0.113.88', module: '203.0.113.11' } as const
export const ports = { dns: 5353, page: 8053 } as const

/** @returns what a run of this suite lacks on this machine; empty where it can run */
export function lacking(tools = ['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl']): string[] {
  const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  return process.getuid?.() === 0 ? missing : ['root', ...missing]
}

/** As firewall4 renders it, with what the package puts into chain-pre/input. */
export function firewall(fragment: string): string {
  return `
table inet fw4 {
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept comment "!fw4: Accept traffic from loopback"
${fragment}
    ct state vmap { established : accept, related : accept } comment "!fw4: Handle inbound flows"
    tcp flags & (fin | syn | rst | ack) == syn jump syn_flood comment "!fw4: Rate limit TCP syn packets"
    meta l4proto ipv6-icmp accept
    iifname "br-lan" jump input_lan comment "!fw4: Handle lan IPv4/IPv6 input traffic"
    iifname "br-guest" jump input_guest comment "!fw4: Handle guest IPv4/IPv6 input traffic"
    iifname "wan0" jump input_wan comment "!fw4: Handle wan IPv4/IPv6 input traffic"
    iifname "be0" accept
    jump handle_reject
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept }
    iifname { "br-lan", "br-guest" } oifname "wan0" accept
    jump handle_reject
  }
  chain syn_flood {
    limit rate 1000/second burst 2000 packets return
    drop
  }
  chain handle_reject {
    meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"
    reject with icmpx port-unreachable comment "!fw4: Reject any other traffic"
  }
  chain input_lan {
    jump accept_from_lan
  }
  chain accept_from_lan {
    iifname "br-lan" counter accept comment "!fw4: accept lan IPv4/IPv6 traffic"
  }
  chain input_guest {
    meta l4proto { tcp, udp } th dport 53 counter accept comment "!fw4: Allow-DNS-Guest"
    udp dport 67 counter accept comment "!fw4: Allow-DHCP-Guest"
    jump reject_from_guest
  }
  chain reject_from_guest {
    iifname "br-guest" counter jump handle_reject comment "!fw4: reject guest IPv4/IPv6 traffic"
  }
  chain input_wan {
    jump drop_from_wan
  }
  chain drop_from_wan {
    iifname "wan0" counter drop comment "!fw4: drop wan IPv4/IPv6 traffic"
  }
  chain srcnat {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan0" meta nfproto ipv4 masquerade comment "!fw4: Masquerade IPv4 wan traffic"
  }
}
`
}

/** nobody; stands for the package's user `securenet`. */
export const moduleUser = 65534

export const fragmentFile = resolve('rootfs/usr/share/nftables.d/chain-pre/input/securenet.nft')
export const iptablesScript = resolve('rootfs/usr/lib/securenet/firewall-iptables.sh')

export interface Started {
  child: ChildProcess
  /** Resolves with the first line of its output that `wanted` takes; rejects when it ends or `waitLimitMs` pass. */
  line(wanted: (line: string) => boolean): Promise<string>
  /** Every line so far. */
  readonly lines: readonly string[]
}

type Link = [Place, string, string]
const links: Link[] = [
  ['lan', 'eth0', 'lan0'],
  ['bare', 'eth0', 'lan1'],
  ['guest', 'eth0', 'guest0'],
  ['wan', 'eth0', 'wan0'],
  ['backend', 'eth0', 'be0'],
]

export class Household {
  readonly prefix = `sn${process.pid.toString(36)}${randomBytes(2).toString('hex')}-`
  /** Made by `open()`. */
  dir = ''
  /** What else both resolvers of `wan` answer, as dnsmasq's options; set before `open()`. */
  answers: readonly string[] = []
  readonly #started = new Set<ChildProcess>()
  readonly #onExit = () => this.#sweep()

  ns(place: Place): string {
    return this.prefix + place
  }

  /** Runs to the end inside a place. @throws with its stderr where it fails */
  exec(place: Place, argv: readonly string[], input = '', env?: NodeJS.ProcessEnv): string {
    return execFileSync('ip', ['netns', 'exec', this.ns(place), ...argv], {
      input,
      encoding: 'utf8',
      ...(env && { env }),
    })
  }

  /** As `exec`, without throwing. */
  attempt(place: Place, argv: readonly string[], env?: NodeJS.ProcessEnv) {
    return spawnSync('ip', ['netns', 'exec', this.ns(place), ...argv], {
      encoding: 'utf8',
      ...(env && { env }),
    })
  }

  /** ms of CPU of a process, and of the children it has waited for (proc(5), fields 14 to 17, ticks of 10 ms). */
  cpuOf(pid: number): { own: number; children: number } {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [user, system, childUser, childSystem] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map((ticks) => Number(ticks) * 10)
    return { own: user! + system!, children: childUser! + childSystem! }
  }

  /** Starts something that lives on; `ip netns exec` becomes it, so that signals reach it. */
  start(place: Place, argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Started {
    const child = spawn('ip', ['netns', 'exec', this.ns(place), ...argv], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#started.add(child)
    const lines: string[] = []
    const waiting = new Set<() => void>()
    const wake = () => {
      for (const look of waiting) look()
    }
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        wake()
      })
    child.on('close', () => {
      this.#started.delete(child)
      wake()
    })
    const line: Started['line'] = (wanted) =>
      new Promise((found, reject) => {
        let from = 0
        const end = (settle: () => void) => {
          waiting.delete(look)
          clearTimeout(timer)
          settle()
        }
        const look = () => {
          for (; from < lines.length; from++) {
            const line = lines[from]!
            if (wanted(line)) return end(() => found(line))
          }
          if (child.exitCode !== null || child.signalCode !== null)
            end(() =>
              reject(
                new Error(`${argv[0]} ended (${child.exitCode ?? child.signalCode}):\n${lines.join('\n')}`),
              ),
            )
        }
        const timer = setTimeout(
          () =>
            end(() =>
              reject(
                new Error(`${argv[0]}: no such line in ${waitLimitMs} ms:\n${lines.slice(-20).join('\n')}`),
              ),
            ),
          waitLimitMs,
        )
        waiting.add(look)
        look()
      })
    return { child, line, lines }
  }

  async open(): Promise<void> {
    this.dir = mkdtempSync(join(tmpdir(), 'securenet-system-'))
    process.once('exit', this.#onExit)
    // The module's user reads its bundle and configuration here.
    chmodSync(this.dir, 0o755)
    for (const place of places) execFileSync('ip', ['netns', 'add', this.ns(place)])
    for (const place of places) {
      this.exec(place, [
        'sysctl',
        '-qw',
        'net.ipv6.conf.all.accept_dad=0',
        'net.ipv6.conf.default.accept_dad=0',
      ])
      this.#ip(place, 'link set lo up')
    }
    for (const [place, theirs, ours] of links)
      execFileSync('ip', [
        ...['link', 'add', ours, 'netns', this.ns('modem'), 'type', 'veth'],
        ...['peer', 'name', theirs, 'netns', this.ns(place)],
      ])
    this.#wire()
    this.loadFirewall()
    await this.#resolvers()
  }

  /** One address a line: DEVICE ADDRESS, as `ip -batch` takes it. */
  #ip(place: Place, batch: string): void {
    this.exec(place, ['ip', '-batch', '-'], `${batch}\n`)
  }

  #wire(): void {
    const { modem, lan, guest, wan } = addresses
    const add = (device: string, list: readonly string[]) =>
      list.map((address) => `address add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`)
    const up = (device: string) => `link set ${device} up`
    const bridge = (name: string, ...ports: string[]) => [
      `link add ${name} type bridge forward_delay 0`,
      `link set ${name} addrgenmode none`,
      up(name),
      ...ports.flatMap((port) => [
        `link set ${port} master ${name}`,
        `link set ${port} addrgenmode none`,
        up(port),
      ]),
    ]
    this.#ip(
      'modem',
      [
        ...bridge('br-lan', 'lan0', 'lan1'),
        ...bridge('br-guest', 'guest0'),
        up('wan0'),
        up('be0'),
        ...add('br-lan', [`${modem.lan4}/24`, `${modem.second4}/24`, `${modem.lanGua}/64`]),
        ...add('br-lan', [`${modem.lanUla}/64`, `${modem.lanLocal}/64`]),
        ...add('br-guest', [`${modem.guest4}/24`, `${modem.guestGua}/64`, `${modem.guestLocal}/64`]),
        ...add('wan0', [`${modem.wan4}/24`, `${modem.wan6}/64`]),
        ...add('be0', [`${modem.backend4}/24`]),
        ...add('lo', [`${addresses.service4}/32`, `${addresses.service6}/128`]),
        `route add default via ${wan.operator4}`,
        `route add ::/0 via ${wan.operator6}`,
      ].join('\n'),
    )
    const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
    this.exec('modem', ['sysctl', '-qw', ...sysctls])
    this.#client(
      'lan',
      [`${lan.v4}/24`, `${lan.second4}/24`, `${lan.gua}/64`, `${lan.ula}/64`, `${lan.local}/64`],
      [`route add default via ${modem.lan4}`, `route add ::/0 via ${modem.lanGua}`],
    )
    this.#client(
      'guest',
      [`${guest.v4}/24`, `${guest.gua}/64`, `${guest.local}/64`],
      [`route add default via ${modem.guest4}`, `route add ::/0 via ${modem.guestGua}`],
    )
    this.#client(
      'wan',
      [`${wan.operator4}/24`, `${wan.operator6}/64`],
      [
        `address add ${addresses.public4}/32 dev eth0`,
        `address add ${addresses.public6}/128 dev eth0 nodad`,
        // The way back to the household's own prefixes; and towards the service addresses, as an attacker would set it.
        `route add 2001:db8::/32 via ${modem.wan6}`,
        `route add ${addresses.service4}/32 via ${modem.wan4}`,
        `route add ${addresses.service6}/128 via ${modem.wan6}`,
      ],
    )
    this.#client('bare', [`${addresses.bareLocal}/64`], [`route add ::/0 via ${modem.lanLocal} dev eth0`])
    this.#client('backend', [`${addresses.backend4}/24`], [`route add default via ${modem.backend4}`])
  }

  #client(place: Place, list: readonly string[], more: readonly string[]): void {
    const lines = list.map(
      (address) => `address add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`,
    )
    this.#ip(place, ['link set eth0 addrgenmode none', 'link set eth0 up', ...lines, ...more].join('\n'))
  }

  /** Like `fw4 reload`: replaces table inet fw4 in one go and touches nothing else. */
  loadFirewall(withFragment = true): void {
    const fragment = withFragment ? readFileSync(fragmentFile, 'utf8') : ''
    const reload = `add table inet fw4\ndelete table inet fw4\n${firewall(fragment)}`
    this.exec('modem', ['nft', '-f', '-'], reload)
  }

  /** The same firewall by iptables, for firmware without nftables. @param variant `iptables-legacy` | `iptables-nft` */
  loadIptablesFirewall(variant: string): void {
    this.attempt('modem', ['nft', 'delete', 'table', 'inet', 'fw4'])
    for (const [tables, icmp] of [
      [variant, 'icmp'],
      [variant.replace('iptables', 'ip6tables'), 'icmpv6'],
    ] as const) {
      const masquerade = icmp === 'icmp' ? '-A POSTROUTING -o wan0 -j MASQUERADE\n' : ''
      const rules = `*filter
:INPUT DROP
:FORWARD DROP
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p ${icmp} -j ACCEPT
-A INPUT -i br-lan -j ACCEPT
-A INPUT -i be0 -j ACCEPT
-A INPUT -i br-guest -p udp --dport 53 -j ACCEPT
-A INPUT -i br-guest -p tcp --dport 53 -j ACCEPT
-A INPUT -i br-guest -j REJECT
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i br-lan -o wan0 -j ACCEPT
-A FORWARD -i br-guest -o wan0 -j ACCEPT
COMMIT
*nat
${masquerade}COMMIT
`
      this.exec('modem', [`${tables}-restore`, '-w'], rules)
    }
  }

  async #resolvers(): Promise<void> {
    const { modem, wan } = addresses
    const answers = (address: string) => [
      `--address=/who.example/${address}`,
      '--address=/v6.example/2001:db8:ffff::6',
      '--address=/true.example/203.0.113.80',
      ...this.answers,
    ]
    const listen = (list: readonly string[]) => list.map((address) => `--listen-address=${address}`)
    const dnsmasq = (place: Place, args: readonly string[]) =>
      this.start(place, [
        'dnsmasq',
        '-k',
        '--conf-file=/dev/null',
        '--no-hosts',
        '--no-resolv',
        '--log-facility=-',
        '-u',
        'root',
        '--pid-file=',
        ...args,
      ])
    const started = [
      dnsmasq('wan', ['--bind-interfaces', ...listen([wan.operator4, wan.operator6]), ...answers(who.stock)]),
      dnsmasq('wan', [
        '--bind-interfaces',
        ...listen([addresses.public4, addresses.public6]),
        ...answers(who.public),
      ]),
      dnsmasq('modem', [
        ...['--bind-dynamic', '--interface=br-lan', '--interface=br-guest', `--server=${wan.operator4}`],
        ...['--host-record=printer.lan,192.168.1.50', '--local=/lan/', '--cache-size=0'],
      ]),
    ]
    await Promise.all(started.map((server) => server.line((line) => line.includes('started, '))))
    const { lan4, lanGua, guest4 } = modem
    for (const server of [lan4, lanGua, addresses.public4, addresses.public6])
      await this.until(
        () => this.ask('lan', { server }),
        (answer) => answer !== null,
      )
    await this.until(
      () => this.ask('guest', { server: guest4 }),
      (answer) => answer !== null,
    )
  }

  /** @returns the first answer of `dig`, `''` for none in the reply, null where nothing or a refusal came */
  ask(place: Place, question: Question): Promise<string | null> {
    const { server, name = 'who.example', type = 'A', from, port, tcp = false, seconds = 5 } = question
    const source = from ? ['-b', port ? `${from}#${port}` : from] : []
    const transport = tcp ? ['+tcp'] : ['+notcp']
    const argv = [
      'dig',
      '+short',
      '+tries=1',
      `+time=${seconds}`,
      ...transport,
      ...source,
      `@${server}`,
      name,
      type,
    ]
    const child = spawn('ip', ['netns', 'exec', this.ns(place), ...argv], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#started.add(child)
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    return new Promise((resolve) => {
      child.on('close', (code) => {
        this.#started.delete(child)
        resolve(code === 0 && !out.startsWith(';;') ? (out.trim().split('\n')[0] ?? '') : null)
      })
    })
  }

  /** Asks again until `wanted` takes the outcome. @throws after `waitLimitMs` with the last outcome */
  async until<T>(look: () => T | Promise<T>, wanted: (found: T) => boolean): Promise<T> {
    const end = performance.now() + waitLimitMs
    for (;;) {
      const found = await look()
      if (wanted(found)) return found
      if (performance.now() > end) throw new Error(`not in ${waitLimitMs} ms; last: ${JSON.stringify(found)}`)
      await new Promise((next) => setTimeout(next, 20))
    }
  }

  /**
   * The module as procd starts it: its own user, CAP_NET_ADMIN and nothing else, no new privileges.
   * @param argv e.g. `[process.execPath, 'dist/securenet/securenet.cjs', 'run', '--config', file]`
   */
  startModule(argv: readonly string[], env?: NodeJS.ProcessEnv): Started {
    const drop = [`--reuid=${moduleUser}`, `--regid=${moduleUser}`, '--clear-groups', '--no-new-privs']
    const caps = [
      '--bounding-set=-all,+net_admin',
      '--inh-caps=-all,+net_admin',
      '--ambient-caps=-all,+net_admin',
    ]
    return this.start('modem', ['setpriv', ...drop, ...caps, ...argv], env)
  }

  write(name: string, content: string): string {
    const path = join(this.dir, name)
    writeFileSync(path, content, { mode: 0o644 })
    return path
  }

  /** A folder that the module's user may write, e.g. for dataDir and runDir. */
  folder(name: string): string {
    const path = join(this.dir, name)
    mkdirSync(path)
    chownSync(path, moduleUser, moduleUser)
    return path
  }

  async stop(started: Started, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = started
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill(signal)
    await gone
  }

  #sweep(): void {
    for (const child of this.#started) child.kill('SIGKILL')
    for (const place of places)
      if (existsSync(join('/run/netns', this.ns(place)))) spawnSync('ip', ['netns', 'del', this.ns(place)])
    if (this.dir) rmSync(this.dir, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    const gone = [...this.#started].map((child) => new Promise((resolve) => child.once('close', resolve)))
    for (const child of this.#started) child.kill('SIGKILL')
    await Promise.all(gone)
    process.removeListener('exit', this.#onExit)
    this.#sweep()
  }
}

export interface Question {
  server: string
  name?: string
  type?: string
  from?: string
  /** Source port kept over questions. */
  port?: number
  tcp?: boolean
  seconds?: number
}
