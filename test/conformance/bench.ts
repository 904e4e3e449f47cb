import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/free-port.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { query } from '../helpers/wire.ts'
import { resolvedCommand, unpackResolved } from './resolved.ts'
import type { SignedZone } from './signed-zone.ts'
import { zoneName } from './signed-zone.ts'
import { WireClient } from './wire-client.ts'

const root = join(import.meta.dirname, '..', '..')

/** Resolvers, the built bundle and their folder; all gone after `stop`. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'securenet-conform-'))
  readonly #children: ChildProcess[] = []
  readonly #log: string[] = []

  get log(): string {
    return this.#log.join('')
  }

  /** @param lines of the `server:` clause, then what follows */
  async unbound(name: string, server: readonly string[], rest: readonly string[]): Promise<number> {
    const port = await freePort()
    const file = join(this.folder, `${name}.conf`)
    const fixed = [
      ...[
        'interface: 127.0.0.1',
        `port: ${port}`,
        'username: ""',
        'chroot: ""',
        'pidfile: ""',
        'use-syslog: no',
      ],
      ...['do-daemonize: no', 'num-threads: 1', 'rrset-roundrobin: no', 'do-not-query-localhost: no'],
      ...[
        'incoming-num-tcp: 64',
        'so-rcvbuf: 1m',
        'max-udp-size: 1232',
        'num-queries-per-thread: 1024',
        `directory: "${this.folder}"`,
      ],
    ]
    const text = ['server:', ...fixed, ...server, ...rest, 'remote-control:', 'control-enable: no', '']
    writeFileSync(file, text.join('\n'))
    this.#spawn('/usr/sbin/unbound', ['-d', '-c', file])
    await this.#answers(port)
    return port
  }

  /** Authoritative: the zone as it is, AA set. */
  authority({ file }: SignedZone): Promise<number> {
    return this.unbound('authority', ['module-config: "iterator"'], authZone(file, true))
  }

  /** A validating resolver that has the zone as its upstream. */
  resolver({ file, anchor }: SignedZone): Promise<number> {
    return this.unbound('resolver', [`trust-anchor: "${anchor}"`, 'ede: yes'], authZone(file, false))
  }

  /** A validator whose only way out is `port`. */
  validatorBehind(port: number, { anchor }: SignedZone): Promise<number> {
    return this.unbound(
      'validator',
      [`trust-anchor: "${anchor}"`],
      ['forward-zone:', 'name: "."', `forward-addr: 127.0.0.1@${port}`],
    )
  }

  /**
   * systemd-resolved, validating, whose only way out is `port`.
   * @returns null where its packages are not to be had
   */
  async resolvedBehind(port: number, zone: SignedZone): Promise<number | null> {
    const files = unpackResolved(this.folder)
    if (files === null) return null
    const stub = await freePort()
    this.#spawn(...resolvedCommand(files, zone, port, stub))
    await this.#answers(stub)
    return stub
  }

  /** The built bundle without list: the line does not protect, every name resolves as if it were not there. */
  async bundle(upstreamPort: number, more: { dns?: object; upstream?: object } = {}): Promise<number> {
    const out = join(this.folder, 'bundle')
    execFileSync(process.execPath, [join(root, 'build.mjs'), '--out', out], { stdio: 'ignore' })
    const [port, pagePort] = await Promise.all([freePort(), freePort()])
    const home = join(this.folder, `modem-${port}`)
    mkdirSync(home)
    writeFileSync(join(home, 'roots.json'), rootsFile())
    const config = {
      modemId: 'm1',
      dataDir: join(home, 'data'),
      runDir: join(home, 'run'),
      lines: [{ id: 'l1' }],
      dns: { listen: [{ address: '127.0.0.1', port }], ...more.dns },
      upstream: { servers: [{ address: '127.0.0.1', port: upstreamPort }], ...more.upstream },
      page: { listen: [{ address: '127.0.0.1', port: pagePort }], ipv4: '127.0.0.1' },
      interception: { backend: 'none' },
      trust: { rootsFile: join(home, 'roots.json') },
    }
    writeFileSync(join(home, 'config.json'), JSON.stringify(config))
    this.#spawn(process.execPath, [join(out, 'securenet.cjs'), 'run', '--config', join(home, 'config.json')])
    await this.#answers(port)
    return port
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        await gone
      }),
    )
    rmSync(this.folder, { recursive: true, force: true })
  }

  #spawn(program: string, args: readonly string[]): void {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: this.folder })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => this.#log.push(String(text)))
    this.#children.push(child)
  }

  async #answers(port: number): Promise<void> {
    const client = await new WireClient(port).start()
    try {
      const end = performance.now() + waitLimitMs
      while (performance.now() < end) {
        if (await client.ask(query({ name: `ns1.${zoneName}`, type: 1 }), 'udp', 100)) return
      }
    } finally {
      client.stop()
    }
    throw new Error(`nobody answers on port ${port}:\n${this.log}`)
  }
}

function authZone(file: string, downstream: boolean): string[] {
  const yes = (on: boolean) => (on ? 'yes' : 'no')
  return [
    ...['auth-zone:', `name: "${zoneName}."`, `zonefile: "${file}"`, 'fallback-enabled: no'],
    ...[`for-downstream: ${yes(downstream)}`, `for-upstream: ${yes(!downstream)}`],
  ]
}

/** Keys that nobody holds: this modem obeys nobody. */
function rootsFile(): string {
  const { publicKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
  return JSON.stringify({ v: 1, roots: { threshold: 1, keys: [{ kid, kty: 'OKP', crv: 'Ed25519', x }] } })
}
