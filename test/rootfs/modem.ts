import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const project = join(import.meta.dirname, '..', '..')
const stubs = join(import.meta.dirname, 'stubs')

/** Stands for the user securenet: one that every Debian has. */
const moduleUser = 'daemon'

export interface Ran {
  code: number | null
  out: string
  err: string
}

/** An OpenWrt modem as far as our scripts can see: a root folder, busybox's tools and stand-ins for OpenWrt's. */
export class StubModem {
  readonly root = mkdtempSync(join(tmpdir(), 'securenet-modem-'))
  readonly config = join(this.root, 'etc/config/securenet')
  readonly json = join(this.root, 'var/etc/securenet.json')
  readonly env: NodeJS.ProcessEnv
  #children: ReturnType<typeof spawn>[] = []

  constructor() {
    const tools = join(this.root, 'busybox')
    mkdirSync(tools)
    spawnSync('busybox', ['--install', '-s', tools])
    const bin = join(this.root, 'stub-bin')
    cpSync(join(stubs, 'bin'), bin, { recursive: true })
    // `#!/bin/sh /etc/rc.common` cannot name a stand-in: scripts are run by name of the interpreter instead.
    this.env = {
      PATH: `${bin}:${tools}:${dirname(process.execPath)}`,
      STUB_ROOT: this.root,
      SECURENET_ROOT: this.root,
      SECURENET_USER: moduleUser,
      SECURENET_IPV6: this.root,
      SECURENET_SERIAL_FILES: join(this.root, 'serial'),
      SECURENET_NET: join(this.root, 'net'),
    }
    this.put('lib/functions.sh', readFileSync(join(stubs, 'functions.sh'), 'utf8'))
    this.put('lib/functions/network.sh', readFileSync(join(stubs, 'network.sh'), 'utf8'))
    this.put('lib/functions/procd.sh', readFileSync(join(stubs, 'procd.sh'), 'utf8'))
    this.put('usr/share/libubox/jshn.sh', readFileSync(join(stubs, 'jshn.sh'), 'utf8'))
    this.put('etc/rc.common', readFileSync(join(stubs, 'rc.common'), 'utf8'))
    this.put('etc/config/firewall', "config defaults\n\toption input 'REJECT'\n")
    this.put('sbin/ujail', '#!/bin/sh\n', 0o755)
    this.put('netifd/lan/device', 'br-lan')
    this.put('netifd/wan/device', 'eth1')
    this.put('netifd/wan/gateway4', '192.0.2.1')
    this.put('routes4', 'default via 192.0.2.1 dev eth1\n')
    this.put('lo', '')
    for (const folder of ['var/run', 'var/etc', 'srv'])
      mkdirSync(join(this.root, folder), { recursive: true })
  }

  /** rootfs/ and what build.mjs has put into `bundle`, copied as an image builder would. */
  overlay(bundle?: string): this {
    cpSync(join(project, 'rootfs'), this.root, { recursive: true })
    if (bundle) cpSync(bundle, join(this.root, 'usr/lib/securenet'), { recursive: true })
    return this
  }

  /** A configuration that the module accepts, data below our own root. */
  provision(): this {
    this.batch(
      'set securenet.main.enabled=1',
      'set securenet.main.modem_id=modem-1',
      `set securenet.main.data_dir=${this.root}/srv/securenet`,
      `set securenet.trust.roots_file=${this.root}/etc/securenet/trust/roots.json`,
    )
    this.put('etc/securenet/trust/roots.json', '{}')
    return this
  }

  put(path: string, text: string, mode = 0o644): void {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  read(path: string): string {
    const file = join(this.root, path)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path))
  }

  uci(...args: string[]): string {
    const { code, out, err } = this.run([join(this.root, 'stub-bin/uci'), ...args])
    if (code !== 0) throw new Error(`uci ${args.join(' ')}: ${err}`)
    return out.trim()
  }

  /** Commands of uci in one process: one each is most of the time of a test. */
  batch(...commands: string[]): void {
    const { code, err } = this.run([join(this.root, 'stub-bin/uci'), 'batch'], { input: commands.join('\n') })
    if (code !== 0) throw new Error(`uci batch: ${err}`)
  }

  run(argv: readonly string[], options: { env?: NodeJS.ProcessEnv; input?: string } = {}): Ran {
    const [program, ...args] = argv as [string, ...string[]]
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      env: { ...this.env, ...options.env },
      input: options.input ?? '',
      encoding: 'utf8',
    })
    if (error) throw error
    return { code: status, out: stdout, err: stderr }
  }

  ash(script: string, ...args: string[]): Ran {
    return this.run(['busybox', 'ash', join(this.root, script), ...args])
  }

  /** `/etc/init.d/securenet ACTION`. */
  init(action: string, ...args: string[]): Ran {
    rmSync(join(this.root, 'procd.log'), { force: true })
    const rc = join(this.root, 'etc/rc.common')
    return this.run(['busybox', 'ash', rc, join(this.root, 'etc/init.d/securenet'), action, ...args])
  }

  /** What procd was told, call by call. */
  get procd(): string[][] {
    const lines = this.read('procd.log').split('\n')
    return lines.filter(Boolean).map((line) => line.split('\t'))
  }

  /** Arguments of every `procd_set_param NAME` and `procd_append_param NAME`, or of other calls. */
  told(call: string, name?: string): string[] {
    return this.procd
      .filter(([verb, first]) => (name ? /_param$/.test(verb!) && first === name : verb === call))
      .flatMap((fields) => fields.slice(name ? 2 : 1))
  }

  get addresses(): string[] {
    return this.read('lo').split('\n').filter(Boolean)
  }

  /** A process that procd would have started. */
  startInstance(): number {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' })
    this.#children.push(child)
    this.put('var/run/securenet.pid', `${child.pid}\n`)
    return child.pid!
  }

  /** Without a tool that the stand-ins bring. */
  without(...tools: string[]): this {
    for (const tool of tools) rmSync(join(this.root, 'stub-bin', tool), { force: true })
    return this
  }

  link(path: string, to: string): void {
    symlinkSync(to, join(this.root, path))
  }

  /** Every file and link below a folder, sorted. */
  files(folder = ''): string[] {
    return readdirSync(join(this.root, folder), { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = `${folder}/${entry.name}`
        return entry.isDirectory() ? this.files(path) : [path]
      })
  }

  remove(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.root, { recursive: true, force: true })
  }
}
