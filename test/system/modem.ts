/** The built module in the place `modem`, with a real broker and the real operator's tool in the place `backend`. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { modemRuntime } from '../../scripts/household/runtime.ts'
import { type Broker, startBroker } from './broker.ts'
import { addresses, type Household, ports, type Started } from './household-in-namespaces.ts'

/** The module's user in these tests: nobody, who owns nothing else. */
const USER = 65_534
export const lines = { fixed: 'line-fixed', mobile: 'line-mobile' } as const
const modemId = 'modem-1'

/** What the operator's map of modems and lines gives its broker (docs/operating.md): own topics, and nothing else. */
export function aclOf(modem: string, lineIds: readonly string[]): string {
  const read = [
    'keys/+',
    'fleet',
    'list/#',
    `modem/${modem}/request`,
    `modem/${modem}/presence`,
    ...lineIds.map((id) => `line/${id}/desired`),
  ]
  const write = [
    ...['presence', 'telemetry', 'response'].map((what) => `modem/${modem}/${what}`),
    ...lineIds.flatMap((id) => [`line/${id}/reported`, `line/${id}/event`]),
  ]
  const rule = (way: string) => (topic: string) => `topic ${way} securenet/v1/${topic}`
  return [
    `user ${modem}`,
    ...read.map(rule('read')),
    ...write.map(rule('write')),
    'user operator',
    'topic readwrite securenet/v1/#',
    '',
  ].join('\n')
}

export class Modem {
  readonly #home: Household
  configFile = ''
  broker: Broker | null = null
  started: Started | null = null

  constructor(home: Household) {
    this.#home = home
  }

  get bundle(): string {
    return join(this.#home.dir, 'securenet', 'securenet.cjs')
  }

  get dataDir(): string {
    return join(this.#home.dir, 'data')
  }

  get runDir(): string {
    return join(this.#home.dir, 'run')
  }

  /** Broker, keys, a published list that holds `listed`; the configuration, but no module yet. */
  async prepare(listed: readonly string[]): Promise<void> {
    const built = resolve('dist', 'securenet')
    if (!existsSync(join(built, 'securenet.cjs')))
      throw new Error('dist/securenet is not built: node build.mjs')
    cpSync(built, join(this.#home.dir, 'securenet'), { recursive: true })
    for (const folder of [this.dataDir, this.runDir]) {
      mkdirSync(folder)
      chmodSync(folder, 0o700)
      chownSync(folder, USER, USER)
    }
    this.broker = await startBroker(this.#home, aclOf(modemId, Object.values(lines)))
    const operator = this.broker.identity('operator')
    const profile = {
      url: this.broker.url,
      caFile: this.broker.caFile,
      ...operator,
      keysDir: 'keys',
      archiveDir: 'archive',
    }
    this.#home.write('operator.json', JSON.stringify(profile))
    this.operator('keys', 'init')
    this.operator('keys', 'publish')
    // As the image brings it: readable by the module's user.
    this.#home.write('roots.json', readFileSync(join(this.#home.dir, 'keys', 'roots.json'), 'utf8'))
    const names = this.#home.write('names.txt', `${listed.join('\n')}\n`)
    this.operator('list', 'publish', '--input', `${names}:phishing`, '--yes')
    this.configFile = this.#home.write('config.json', JSON.stringify(this.config()))
  }

  /** Prepared and started, its fixed line enabled, the list there: what it is on flash it keeps over restarts. */
  async protect(listed: readonly string[]): Promise<void> {
    await this.prepare(listed)
    await this.start()
    this.operator('line', 'enable', lines.fixed)
    await this.#home.until(
      () => this.status(),
      (status) => status.protecting === true,
    )
  }

  config(more: object = {}): object {
    const { service4, service6 } = addresses
    const both = (port: number) => [service4, service6].map((address) => ({ address, port }))
    const { certFile, keyFile } = this.broker!.identity(modemId)
    return {
      modemId,
      dataDir: this.dataDir,
      runDir: this.runDir,
      lines: [
        { id: lines.fixed, access: 'fixed', interface: 'wan' },
        { id: lines.mobile, access: 'mobile', interface: 'wwan' },
      ],
      dns: { listen: both(ports.dns) },
      page: { listen: both(ports.page), ipv4: service4, ipv6: service6 },
      interception: { interfaces: ['br-lan', 'br-guest'] },
      mqtt: { url: this.broker!.url, caFile: this.broker!.caFile, certFile, keyFile },
      trust: { rootsFile: join(this.#home.dir, 'roots.json') },
      ...more,
    }
  }

  /** Runs the operator's tool as the operator would. @throws with what it complained of */
  operator(...args: string[]): string {
    const argv = [
      process.execPath,
      resolve('scripts', 'run.mjs'),
      'operator',
      '--profile',
      join(this.#home.dir, 'operator.json'),
    ]
    return this.#home.exec('backend', [...argv, ...args])
  }

  /** A verb of the module's own command line, on the modem. */
  securenet(...args: string[]) {
    return this.#home.attempt('modem', [process.execPath, this.bundle, ...args, '--run-dir', this.runDir])
  }

  status(): any {
    const { stdout, stderr } = this.securenet('status', '--json')
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout)
  }

  /** Another household's modem with what this one has on flash, out of reach of the broker; this one is stopped. */
  copyTo(home: Household): Modem {
    const copy = new Modem(home)
    copy.broker = this.broker
    for (const folder of ['securenet', 'data'])
      cpSync(join(this.#home.dir, folder), join(home.dir, folder), { recursive: true })
    for (const folder of [copy.dataDir, copy.runDir]) {
      mkdirSync(folder, { recursive: true })
      execFileSync('chown', ['-R', `${USER}:${USER}`, folder])
      chmodSync(folder, 0o700)
    }
    home.write('roots.json', readFileSync(join(this.#home.dir, 'roots.json'), 'utf8'))
    copy.configFile = home.write('config.json', JSON.stringify(copy.config()))
    return copy
  }

  /** As procd starts it; resolves once it serves. @param options of Node */
  async start(
    configFile = this.configFile,
    options: readonly string[] = [],
    own: NodeJS.ProcessEnv = process.env,
  ): Promise<Started> {
    const { flags, env } = modemRuntime()
    const argv = [process.execPath, ...flags, ...options, this.bundle, 'run', '--config', configFile]
    this.started = this.#home.startModule(argv, { ...own, ...env })
    await this.started.line((line) => line.startsWith('info started '))
    return this.started
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.started) await this.#home.stop(this.started, signal)
    this.started = null
  }

  rewriteConfig(more: object): string {
    const path = join(this.#home.dir, 'other.json')
    writeFileSync(path, JSON.stringify(this.config(more)))
    return path
  }
}
