import { spawnSync } from 'node:child_process'
import { createWriteStream, existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { freePort } from '../free-port.ts'
import { ServerProcess } from './server-process.ts'

export const BLOCK_ADDRESS = '198.18.0.53'

/** Programs of Debian that the bench uses, and their packages. */
const packages: Readonly<Record<string, string>> = {
  dnsperf: 'dnsperf',
  dnsmasq: 'dnsmasq-base',
  unbound: 'unbound',
  dnsdist: 'dnsdist',
}

const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']

export function findProgram(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** Installs with apt-get what is missing, if asked to. @returns names of programs that are still not there */
export function missingPrograms(install: boolean): string[] {
  const missing = () => Object.keys(packages).filter((name) => !findProgram(name))
  if (install && missing().length > 0) {
    const wanted = missing().map((name) => packages[name]!)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...wanted], { stdio: 'inherit', env })
  }
  return missing()
}

export interface PeerOptions {
  /** For its configuration and log. */
  folder: string
  /** Names to block; none for the stock resolver. */
  listed: readonly string[]
  /** Where misses go: a port of 127.0.0.1. */
  upstream: number
}

type Write = (path: string, head: string, line: (name: string) => string, tail: string) => Promise<void>

/** A million lines by way of a stream: as one string they would be too long. */
const configWriter =
  (listed: readonly string[]): Write =>
  async (path, head, line, tail) => {
    const out = createWriteStream(path)
    out.write(head)
    for (let i = 0; i < listed.length; i += 10_000)
      out.write(
        listed
          .slice(i, i + 10_000)
          .map(line)
          .join(''),
      )
    out.end(tail)
    await finished(out)
  }

const dnsmasqHead = (port: number, upstream: number) => `no-resolv
no-hosts
no-daemon
user=root
pid-file
port=${port}
listen-address=127.0.0.1
bind-interfaces
cache-size=10000
server=127.0.0.1#${upstream}
`

/** Its own defaults, but for the cache's size: 150 entries would make every cached figure one of misses. */
export async function dnsmasq(options: PeerOptions, name = 'dnsmasq'): Promise<ServerProcess> {
  const port = await freePort()
  const config = join(options.folder, `${name}.conf`)
  const write = configWriter(options.listed)
  await write(
    config,
    dnsmasqHead(port, options.upstream),
    (listed) => `address=/${listed}/${BLOCK_ADDRESS}\n`,
    '',
  )
  const command = [findProgram('dnsmasq')!, '-C', config]
  return new ServerProcess({ name, port, command, logFile: join(options.folder, `${name}.log`) })
}

const unboundHead = (port: number) => `server:
  interface: 127.0.0.1@${port}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
`

const UNBOUND_TAIL = 'remote-control:\n  control-enable: no\n'

const unboundProcess = (folder: string, name: string, port: number) =>
  new ServerProcess({
    name,
    port,
    command: [findProgram('unbound')!, '-d', '-c', join(folder, `${name}.conf`)],
    logFile: join(folder, `${name}.log`),
  })

export async function unbound({ folder, listed, upstream }: PeerOptions): Promise<ServerProcess> {
  const port = await freePort()
  const forward = `forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@${upstream}\n`
  const line = (name: string) => `  local-zone: ${name} always_null\n`
  await configWriter(listed)(
    join(folder, 'unbound.conf'),
    unboundHead(port),
    line,
    `${forward}${UNBOUND_TAIL}`,
  )
  return unboundProcess(folder, 'unbound', port)
}

/** The resolver of a whole internet: every name has an address. It is fast (C, no recursion), so that it is no limit. */
export async function unboundOrigin(folder: string): Promise<ServerProcess> {
  const port = await freePort()
  const zone = `  local-zone: "." redirect
  local-data: ". 3600 A 192.0.2.1"
  local-data: ". 3600 AAAA 2001:db8::1"
  local-data: ". 3600 SOA ns.example. h.example. 1 3600 600 86400 600"
`
  await writeFile(join(folder, 'origin.conf'), `${unboundHead(port)}${zone}${UNBOUND_TAIL}`)
  return unboundProcess(folder, 'origin', port)
}

export async function dnsdist({ folder, listed, upstream }: PeerOptions): Promise<ServerProcess> {
  const port = await freePort()
  const names = join(folder, 'dnsdist.names')
  await configWriter(listed)(names, '', (name) => `${name}\n`, '')
  const config = join(folder, 'dnsdist.conf')
  await writeFile(
    config,
    `setSecurityPollSuffix("")
newServer({address="127.0.0.1:${upstream}", checkInterval=30})
getPool(""):setCache(newPacketCache(100000))
local listed = newSuffixMatchNode()
for name in io.lines("${names}") do listed:add(newDNSName(name)) end
addAction(SuffixMatchNodeRule(listed, true), SpoofAction({"${BLOCK_ADDRESS}"}, {ttl=10}))
setLocal("127.0.0.1:${port}")
`,
  )
  const command = [findProgram('dnsdist')!, '--supervised', '--disable-syslog', '-C', config]
  return new ServerProcess({ name: 'dnsdist', port, command, logFile: join(folder, 'dnsdist.log') })
}
