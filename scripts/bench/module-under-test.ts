import {
  closeSync,
  cpSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import type { Home } from '../household/home.ts'
import { household } from '../household/module-config.ts'
import { modemRuntime } from '../household/runtime.ts'
import { BLOCK_ADDRESS } from './peers.ts'
import { ServerProcess } from './server-process.ts'

export interface ModuleOptions {
  home: Home
  /** Of this process alone: configuration, log and its copy of what the modem has stored. */
  folder: string
  bundle: string
  /** Port of 127.0.0.1 where misses go. */
  upstream: number
  /** More than the default only where upstream is no stock dnsmasq, as the operator's resolvers in `wan` mode. */
  inFlight?: number
  /** Connects to this broker; alone otherwise, as after a reboot without a network. */
  mqttUrl?: string
  name?: string
  /** Threads that answer; the default where left out. */
  threads?: number
  /** Where it listens, with the page on the first; 127.0.0.1 where left out. */
  addresses?: readonly [string, ...string[]]
  /** Whose DNS it takes over, with nftables; nobody's where left out. */
  interfaces?: readonly string[]
  /** A command that runs the module with its arguments, in another network for example. */
  within?: readonly string[]
  /** Of Node, before those that it has on a modem. */
  nodeFlags?: readonly string[]
}

const runDirs: string[] = []
process.once('exit', () => {
  for (const path of runDirs) rmSync(path, { recursive: true, force: true })
})

/** Short, as a Unix socket's path must be; gone with this process. */
function ownRunDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'securenet-bench-run-'))
  runDirs.push(path)
  return path
}

/** As a list is on a modem: what has not been written yet would count as memory that the kernel cannot take back. */
function flush(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = openSync(join(entry.parentPath, entry.name), 'r')
    fsyncSync(file)
    closeSync(file)
  }
}

/** As on a modem, unless others are to be tried: SECURENET_BENCH_NODE="--max-semi-space-size=4", or "" for Node's own. */
function nodeFlags(): readonly string[] {
  const tried = process.env['SECURENET_BENCH_NODE']
  return tried === undefined ? modemRuntime().flags : tried.split(' ').filter(Boolean)
}

/** The shipped bundle as a modem starts it, under default settings, with a copy of the stored list and order; not started yet. */
export async function startModule(options: ModuleOptions): Promise<ServerProcess> {
  const { home, folder, bundle, upstream, inFlight, mqttUrl, threads, name = 'securenet' } = options
  const { addresses = ['127.0.0.1'], interfaces = [], within = [] } = options
  const dataDir = join(folder, 'data')
  mkdirSync(folder, { recursive: true })
  cpSync(home.dataDir, dataDir, { recursive: true })
  flush(dataDir)
  const [port, pagePort] = [await freePort(), await freePort()]
  const config = {
    modemId: household.modemId,
    dataDir,
    runDir: ownRunDir(),
    lines: [{ id: household.lineId }],
    dns: { listen: addresses.map((address) => ({ address, port })), ...(threads ? { threads } : {}) },
    upstream: { servers: [{ address: '127.0.0.1', port: upstream }], ...(inFlight ? { inFlight } : {}) },
    page: { listen: [{ address: addresses[0], port: pagePort }], ipv4: BLOCK_ADDRESS },
    interception: { backend: interfaces.length > 0 ? 'nftables' : 'none', interfaces },
    list: { name: 'securenet', probationSeconds: 0 },
    trust: { rootsFile: home.rootsFile },
    ...(mqttUrl ? { mqtt: { url: mqttUrl } } : {}),
  }
  const configFile = join(folder, 'config.json')
  writeFileSync(configFile, JSON.stringify(config))
  const flags = [...(options.nodeFlags ?? []), ...nodeFlags()]
  const command = [...within, process.execPath, ...flags, bundle, 'run', '--config', configFile]
  return new ServerProcess({
    name,
    port,
    command,
    env: modemRuntime().env,
    logFile: join(folder, 'module.log'),
    runDir: config.runDir,
  })
}
