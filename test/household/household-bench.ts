import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import dns2 from 'dns2'
import { freePort } from '../../scripts/free-port.ts'
import { DemoUpstream } from '../../scripts/household/demo-upstream.ts'
import { projectRoot } from '../../scripts/household/settings.ts'
import { waitLimitMs } from '../helpers/limits.ts'

export interface Ran {
  code: number | null
  out: string
  err: string
}

/** Every process below `pid`, itself included; /proc only. */
export function processTree(pid: number): number[] {
  const found = [pid]
  for (const parent of found) {
    try {
      const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
      found.push(...children.split(' ').filter(Boolean).map(Number))
    } catch {}
  }
  return found
}

export const isAlive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** A question to a module that does not listen yet gets no answer: it is asked again. */
const askAgainMs = 500

/** A household of its own: free ports, a folder of its own, no real resolver behind it. */
export class HouseholdBench {
  readonly home = join(mkdtempSync(join(tmpdir(), 'securenet-house-')), 'home')
  readonly ports = { dns: 0, page: 0, mqtt: 0 }
  /** Behind the module: names resolve whatever the machine's own resolver says of them. */
  readonly #upstream = new DemoUpstream()
  #upstreamText = ''
  out = ''
  err = ''
  child: ChildProcess | undefined
  readonly #started: ChildProcess[] = []

  async choosePorts(): Promise<void> {
    const taken = await Promise.all([freePort(), freePort(), freePort()])
    Object.assign(this.ports, { dns: taken[0], page: taken[1], mqtt: taken[2] })
    const { address, port } = await this.#upstream.start()
    this.#upstreamText = `${address}:${port}`
  }

  get env(): NodeJS.ProcessEnv {
    const { npm_lifecycle_event: _, ...env } = process.env
    return {
      ...env,
      SECURENET_HOME: this.home,
      SECURENET_DNS_PORT: String(this.ports.dns),
      SECURENET_PAGE_PORT: String(this.ports.page),
      SECURENET_MQTT_PORT: String(this.ports.mqtt),
      SECURENET_UPSTREAM: this.#upstreamText,
    }
  }

  /** Starts the household and waits until it is ready, or has ended. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const child = this.spawn(['household'], env)
    this.child = child
    this.out = ''
    this.err = ''
    child.stdout?.on('data', (text) => {
      this.out += text
    })
    child.stderr?.on('data', (text) => {
      this.err += text
    })
    while (!/^ready/m.test(this.out) && child.exitCode === null && child.signalCode === null) await sleep(20)
    return { code: child.exitCode, out: this.out, err: this.err }
  }

  spawn(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, [join(projectRoot, 'scripts', 'run.mjs'), ...args], {
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#started.push(child)
    return child
  }

  async run(...args: string[]): Promise<Ran> {
    const child = this.spawn(args)
    let out = ''
    let err = ''
    child.stdout?.on('data', (text) => {
      out += text
    })
    child.stderr?.on('data', (text) => {
      err += text
    })
    const [code] = await once(child, 'close')
    return { code, out, err }
  }

  get modulePid(): number {
    const tree = processTree(this.child?.pid ?? 0)
    const pid = tree.find((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('securenet.cjs')
      } catch {
        return false
      }
    })
    if (pid === undefined) throw new Error('the module is not running')
    return pid
  }

  async resolve(
    name: string,
    type = 'A',
    transport: 'udp' | 'tcp' = 'udp',
    server = '127.0.0.1',
    timeout = waitLimitMs,
  ) {
    const ask =
      transport === 'udp'
        ? dns2.UDPClient({
            dns: server,
            port: this.ports.dns,
            timeout,
            retryOverTCP: false,
            socketType: server.includes(':') ? 'udp6' : 'udp4',
          })
        : dns2.TCPClient({ dns: server, port: this.ports.dns })
    const reply = await ask(name, type)
    return { rcode: reply.header.rcode, addresses: reply.answers.map((answer) => answer.address) }
  }

  /** @returns ms until a fresh question is answered as wanted. @throws after `waitLimitMs` */
  async until(name: string, address: string): Promise<number> {
    const start = performance.now()
    for (;;) {
      const addresses = await this.resolve(name, 'A', 'udp', '127.0.0.1', askAgainMs).then(
        (reply) => reply.addresses,
        (): (string | undefined)[] => [],
      )
      const ms = performance.now() - start
      if (addresses.includes(address)) return ms
      if (ms > waitLimitMs)
        throw new Error(`${name} is not ${address} in ${waitLimitMs} ms; last: ${addresses}`)
      await sleep(50)
    }
  }

  /** As Ctrl-C does, to the household alone. */
  async interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    const child = this.child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
    return child.exitCode
  }

  async stop(): Promise<void> {
    await this.interrupt('SIGTERM')
    for (const child of this.#started)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await this.#upstream.stop()
    rmSync(join(this.home, '..'), { recursive: true, force: true })
  }
}

export function hasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8').includes(' lo')
}

export const dig = (...args: string[]) =>
  execFileSync('dig', ['+tries=1', '+time=2', ...args], { encoding: 'utf8' })
