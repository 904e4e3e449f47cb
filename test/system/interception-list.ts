/** The list that both back-ends must pass, on real packets (docs/interception.md). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { longTestLimitMs, waitLimitMs } from '../helpers/limits.ts'
import {
  addresses,
  Household,
  iptablesScript,
  lacking,
  type Place,
  ports,
  type Question,
  type Started,
  who,
} from './household-in-namespaces.ts'
import { releaseSince } from './kills.ts'

export const leaseMs = 6000
const renewMs = 2000
/** Few in a normal run, to keep it short; SECURENET_KILLS=20 at night. */
const killsAtNight = Number(process.env['SECURENET_KILLS'] ?? 0)

export interface BackEnd {
  title: string
  backend: 'nftables' | 'iptables'
  /** `iptables-legacy` or `iptables-nft`. */
  variant?: string
  /** Of a normal run; each takes seven seconds. */
  kills: number
}

interface Pair {
  place: Place
  question: Question
  label: string
}

/** Every source and every destination that it can name, over both transports. */
export function pairs(): Pair[] {
  const { modem, lan, guest } = addresses
  const v4 = [modem.lan4, modem.second4, modem.guest4, modem.wan4, addresses.public4, addresses.wan.operator4]
  const v6 = [modem.lanGua, modem.lanUla, modem.guestGua, modem.wan6, 'fe80::1%eth0', addresses.public6]
  const sources: [Place, string, string[]][] = [
    ['lan', lan.v4, v4],
    ['lan', lan.second4, v4],
    ['lan', lan.gua, v6],
    ['lan', lan.ula, v6],
    ['lan', lan.local, ['fe80::1%eth0']],
    ['bare', addresses.bareLocal, v6],
    ['guest', guest.v4, v4],
    ['guest', guest.gua, v6],
    ['guest', guest.local, ['fe80::1%eth0']],
  ]
  return sources.flatMap(([place, from, servers]) =>
    servers.flatMap((server) =>
      [false, true].map((tcp) => ({
        place,
        // dig takes no scope in -b; a link-local source follows from the destination, or from having no other.
        question: { server, tcp, ...(from.startsWith('fe80') ? {} : { from }) },
        label: `${place} ${from} -> ${server} ${tcp ? 'tcp' : 'udp'}`,
      })),
    ),
  )
}

/** Four at a time: the machine has two cores. */
export async function askAll(home: Household, list: readonly Pair[]): Promise<Map<string, string | null>> {
  const answers = new Map<string, string | null>()
  const waiting = [...list]
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      answers.set(next.label, await home.ask(next.place, next.question))
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  return answers
}

/** Bundles a helper of this folder into one file that plain node runs. */
export async function bundle(home: Household, name: string): Promise<string> {
  const outfile = join(home.dir, `${name}.cjs`)
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  })
  return outfile
}

/** @returns `refused`, `open: first line` or `silence`, and how long it took */
export function connect(
  home: Household,
  place: Place,
  address: string,
  port: number,
  seconds = waitLimitMs / 1000,
) {
  const began = performance.now()
  const script = `exec 3<>/dev/tcp/${address}/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`
  const ran = home.attempt(place, ['timeout', String(seconds), 'bash', '-c', script])
  const ms = performance.now() - began
  if (/refused/.test(ran.stderr)) return { outcome: 'refused', ms }
  if (ran.status === 124) return { outcome: 'silence', ms }
  return { outcome: ran.stdout || ran.stderr, ms }
}

export function standInOptions(backend: string, more: object = {}): string {
  return JSON.stringify({
    ...{
      service4: addresses.service4,
      service6: addresses.service6,
      dnsPort: ports.dns,
      pagePort: ports.page,
    },
    ...{
      backend,
      interfaces: ['br-lan', 'br-guest'],
      leaseMs,
      renewMs,
      answer: who.module,
      upstream: '127.0.0.1',
    },
    ...more,
  })
}

export class Module {
  readonly started: Started
  readonly #home: Household

  constructor(home: Household, started: Started) {
    this.#home = home
    this.started = started
  }

  async order(word: string): Promise<void> {
    const from = this.started.lines.length
    this.started.child.stdin?.write(`${word}\n`)
    await this.started.line(
      (line) => line === `info done order=${word}` && this.started.lines.indexOf(line, from) >= 0,
    )
    await this.#home.until(
      () => this.started.lines.slice(from).some((line) => line === `info done order=${word}`),
      Boolean,
    )
  }

  /** The last status told. */
  status(): any {
    const line = this.started.lines.filter((each) => each.startsWith('info lease ')).at(-1)
    return line ? JSON.parse(JSON.parse(line.slice(line.indexOf('status=') + 7))) : null
  }

  kill(signal: NodeJS.Signals = 'SIGKILL') {
    return this.#home.stop(this.started, signal)
  }
}

export function interceptionList({ title, backend, variant, kills: few }: BackEnd): void {
  const kills = few && (killsAtNight || few)
  const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', ...(variant ? [variant, 'ipset'] : [])])
  if (missing.length > 0) console.log(`skipped: ${title}: missing ${missing.join(', ')}`)

  describe.skipIf(missing.length > 0)(title, () => {
    const home = new Household()
    const running = new Set<Module>()
    let standIn = ''
    let asker = ''
    const scriptEnv = {
      ...process.env,
      IPTABLES: variant,
      IP6TABLES: variant?.replace('iptables', 'ip6tables'),
      SERVICE4: addresses.service4,
      SERVICE6: addresses.service6,
      INTERFACES: 'br-lan br-guest',
    }
    const staticRules = (verb: string) => home.attempt('modem', [iptablesScript, verb], scriptEnv)

    async function start(more: object = {}): Promise<Module> {
      const started = home.startModule([process.execPath, standIn, standInOptions(backend, more)])
      await started.line((line) => line === 'info ready')
      const module = new Module(home, started)
      running.add(module)
      return module
    }

    /** Starts a module, arms it, runs `body`, ends it. */
    async function armed(body: (module: Module) => Promise<void>): Promise<void> {
      const module = await start()
      await module.order('arm')
      await body(module)
      await module.kill('SIGTERM')
    }

    const askLan = (more: Partial<Question> = {}) =>
      home.ask('lan', { server: addresses.modem.lan4, ...more })

    beforeAll(async () => {
      await home.open()
      if (variant) {
        home.loadIptablesFirewall(variant)
        const added = staticRules('add')
        if (added.status !== 0) throw new Error(added.stderr)
      }
      standIn = await bundle(home, 'stand-in')
      asker = await bundle(home, 'asker')
    })
    afterAll(() => home.close())
    afterEach(async () => {
      for (const module of running) await module.kill()
      running.clear()
    })

    test('every source x every destination x UDP and TCP is answered by the module while armed, and by nobody else', async () => {
      await armed(async () => {
        const answers = await askAll(home, pairs())
        expect([...answers].filter(([, answer]) => answer !== who.module)).toEqual([])
        expect(answers.size).toBe(88)
      })
      expect(await askLan()).toBe(who.stock)
      expect(await askLan({ server: addresses.public4 })).toBe(who.public)
      expect(await home.ask('guest', { server: addresses.modem.guest4 })).toBe(who.stock)
    })

    test('an IPv6-only client is caught on every one of its resolvers', async () => {
      await armed(async () => {
        for (const server of [addresses.modem.lanGua, addresses.modem.lanUla, addresses.public6])
          expect(await home.ask('lan', { server, from: addresses.lan.ula, type: 'AAAA' })).not.toBeNull()
        expect(await home.ask('lan', { server: addresses.public6, from: addresses.lan.gua })).toBe(who.module)
      })
    })

    test('disarming takes hold on the next question, without waiting for the lease', async () => {
      await armed(async (module) => {
        expect(await askLan()).toBe(who.module)
        await module.order('disarm')
        expect(await askLan()).toBe(who.stock)
        expect(await askLan({ tcp: true, server: addresses.public4 })).toBe(who.public)
        await module.order('arm')
        expect(await askLan()).toBe(who.module)
      })
    })

    test('DNS over TLS and QUIC is refused at once while armed', async () => {
      await armed(async () => {
        for (const address of [addresses.public4, addresses.public6]) {
          const { outcome } = connect(home, 'lan', address, 853)
          expect({ address, outcome }).toEqual({ address, outcome: 'refused' })
        }
        const quic = home.attempt('lan', [
          'dig',
          '-p',
          '853',
          '+tries=1',
          '+time=4',
          `@${addresses.public4}`,
          'x.',
        ])
        expect(quic.stdout).toMatch(/connection refused/)
      })
    })

    test('service addresses: 80 is the page, the rest refused at once, also while the module is down; nothing from the WAN', async () => {
      const { service4, service6 } = addresses
      const others = (place: Place) =>
        [service4, service6].flatMap((address) =>
          [443, 53, ports.dns].map((port) => ({ place, address, port })),
        )
      const refused = () => {
        for (const { place, address, port } of [...others('lan'), ...others('guest')]) {
          const { outcome } = connect(home, place, address, port)
          expect({ place, address, port, outcome }).toEqual({ place, address, port, outcome: 'refused' })
        }
      }
      const module = await start()
      for (const place of ['lan', 'guest'] as const)
        for (const address of [service4, service6])
          expect(connect(home, place, address, 80).outcome).toContain('stand-in page')
      refused()
      for (const [address, port] of [
        [service4, 80],
        [service4, ports.page],
        [service6, ports.dns],
      ] as const)
        expect(connect(home, 'wan', address, port, 0.7).outcome).toBe('silence')
      await module.kill()
      refused()
      expect(connect(home, 'lan', service4, 80).outcome).toBe('refused')
    })

    test('443 leads to the passage while its gate is open, from LAN and guest alone; then, and when it times out, it is refused', async () => {
      const module = await start()
      const from = (place: Place) =>
        [addresses.service4, addresses.service6].map(
          (address) => connect(home, place, address, 443).outcome.split('\n').at(-1) || 'nothing',
        )
      const inside = () => [...from('lan'), ...from('guest')]
      const four = (outcome: string) => Array.from({ length: 4 }, () => outcome)
      await module.order('open')
      expect(inside()).toEqual(four('stand-in passage'))
      expect(connect(home, 'wan', addresses.service4, 443, 0.7).outcome).toBe('silence')
      // Not by its own port, which no rule leads to.
      expect(connect(home, 'lan', addresses.service4, ports.page + 1).outcome).toBe('refused')
      await module.order('close')
      expect(inside()).toEqual(four('refused'))
      await module.order('open-briefly')
      expect(from('lan')[0]).toBe('stand-in passage')
      await home.until(
        () => inside().join(),
        (outcomes) => outcomes === four('refused').join(),
      )
      await module.order('open')
      await module.kill()
      expect(inside()).toEqual(four('refused'))
    })

    test('runs under its own user with CAP_NET_ADMIN alone and no new privileges', async () => {
      await armed(async (module) => {
        const status = readFileSync(`/proc/${module.started.child.pid}/status`, 'utf8')
        const netAdmin = (1 << 12).toString(16).padStart(16, '0')
        for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect(status).toMatch(new RegExp(`^${set}:\\s${netAdmin}$`, 'm'))
        expect(status).toMatch(/^NoNewPrivs:\s1$/m)
        expect(status).toMatch(/^Uid:\s65534\s65534\s65534\s65534$/m)
        expect(await askLan()).toBe(who.module)
      })
    })

    test('interfaces that vanish are reported, and armed again when they come back', async () => {
      const module = await start({ interfaces: ['br-lan', 'br-guest', 'br-late'], renewMs: 500 })
      await module.order('arm')
      expect(module.status()).toMatchObject({
        armed: ['br-lan', 'br-guest'],
        refused: [{ interface: 'br-late', why: 'no such network device' }],
      })
      home.exec('modem', ['ip', 'link', 'add', 'br-late', 'type', 'bridge'])
      await home.until(
        () => module.status(),
        (status) => status.armed.includes('br-late'),
      )
      home.exec('modem', ['ip', 'link', 'del', 'br-late'])
      await home.until(
        () => module.status(),
        (status) => !status.armed.includes('br-late'),
      )
      expect(await askLan()).toBe(who.module)
      await module.kill('SIGTERM')
    })

    test('an upstream that is down does not end the lease, a module that does not answer does', async () => {
      const module = await start({ upstream: '127.0.0.2', renewMs: 500, leaseMs: 2000 })
      await module.order('arm')
      await module.order('break')
      await home.until(
        () => module.status(),
        (status) => status.why === 'upstream-down',
      )
      expect(module.status()).toMatchObject({ armed: ['br-lan', 'br-guest'], interruptions: 0 })
      await module.order('mend')
      await module.kill('SIGTERM')

      const broken = await start({ renewMs: 500, leaseMs: 2000 })
      await broken.order('arm')
      await broken.order('break')
      await home.until(
        () => askLan({ seconds: 1 }),
        (answer) => answer === who.stock,
      )
      await home.until(
        () => broken.status(),
        (status) => status.interruptions === 1 && status.armed.length === 0 && status.why === 'self-test',
      )
      await broken.order('mend')
      await home.until(
        () => askLan(),
        (answer) => answer === who.module,
      )
      await broken.kill('SIGTERM')
    })

    test.runIf(backend === 'nftables')(
      'questions that get lost in a firewall that cannot be decided: that device alone is let go',
      async () => {
        await armed(async (module) => {
          const lossy =
            'table inet lossy {\nchain input {\ntype filter hook input priority 10\niifname "br-guest" udp dport 5353 meta mark != 7 drop\n}\n}\n'
          home.exec('modem', ['nft', '-f', '-'], lossy)
          const guest = home.start('guest', [
            ...[process.execPath, asker, addresses.modem.guest4, addresses.guest.v4, 'fixed', '100'],
          ])
          try {
            await guest.line((line) => line.endsWith(who.stock))
            // The kernel lets go before the module says so.
            await expect.poll(() => module.status()).toMatchObject({ armed: ['br-lan'], interruptions: 0 })
            expect(module.status().refused).toMatchObject([{ interface: 'br-guest' }])
            expect(await askLan()).toBe(who.module)
          } finally {
            await home.stop(guest)
            home.exec('modem', ['nft', 'delete', 'table', 'inet', 'lossy'])
          }
        })
      },
    )

    test.runIf(backend === 'nftables')(
      'a full flush and rewrites of other tables are noticed by the next renewal',
      async () => {
        await armed(async (module) => {
          home.loadFirewall()
          expect(await askLan()).toBe(who.module)
          const others = home.exec('modem', ['nft', 'list', 'table', 'inet', 'fw4'])
          const breaches = [
            ['nft', 'flush', 'ruleset'],
            ...['zone', 'dns', 'count', 'service'].map((chain) => [
              ...['nft', 'flush', 'chain', 'inet', 'securenet', chain],
            ]),
            ['nft', 'delete', 'table', 'inet', 'securenet'],
          ]
          for (const [index, breach] of breaches.entries()) {
            home.exec('modem', breach)
            const began = performance.now()
            await home.until(
              () => askLan(),
              (answer) => answer === who.module,
            )
            const ms = () => Math.round(performance.now() - began)
            const protectedAfter = ms()
            await home.until(
              () => module.status(),
              (status) => status.rebuilt === index + 1,
            )
            const mendedAfter = ms()
            console.log(
              `${breach.join(' ')}: protected after ${protectedAfter} ms, mended after ${mendedAfter} ms`,
            )
            // Without the datagram's way through the chains it would be the fifth renewal.
            expect(mendedAfter).toBeLessThan(3 * renewMs)
          }
          home.loadFirewall()
          const steady = (text: string) => text.replace(/packets \d+ bytes \d+/g, '')
          expect(steady(home.exec('modem', ['nft', 'list', 'table', 'inet', 'fw4']))).toBe(steady(others))
        })
      },
    )

    test.runIf(backend === 'nftables')(
      'a guest zone that would refuse what is translated is not armed, and the reason is told',
      async () => {
        home.loadFirewall(false)
        await armed(async (module) => {
          expect(module.status()).toMatchObject({ armed: ['br-lan'], refused: [{ interface: 'br-guest' }] })
          expect(module.status().refused[0].why).toMatch(
            /inet fw4, chain input.*chain-pre\/input\/securenet.nft/,
          )
          expect(await home.ask('guest', { server: addresses.modem.guest4 })).toBe(who.stock)
          home.loadFirewall()
          await home.until(
            () => module.status(),
            (status) => status.armed.includes('br-guest'),
          )
          expect(await home.ask('guest', { server: addresses.modem.guest4 })).toBe(who.module)
        })
        home.loadFirewall()
      },
    )

    test.runIf(backend === 'iptables')(
      'wiped rules leave the LAN on the stock resolver, are reported, and come back by the script',
      async () => {
        await armed(async (module) => {
          expect(await askLan()).toBe(who.module)
          for (const table of ['raw', 'nat']) {
            home.exec('modem', [variant!, '-w', '-t', table, '-F'])
            home.exec('modem', [variant!.replace('ip', 'ip6'), '-w', '-t', table, '-F'])
          }
          expect(await askLan()).toBe(who.stock)
          await home.until(
            () => module.status(),
            (status) => status.armed.length === 0 && /wiped/.test(status.refused[0]?.why),
          )
          expect(staticRules('check').stderr).toMatch(/run: .* add/)
          home.loadIptablesFirewall(variant!)
          expect(staticRules('add').status).toBe(0)
          expect(staticRules('check').status).toBe(0)
          await home.until(
            () => askLan(),
            (answer) => answer === who.module,
          )
        })
      },
    )

    test.runIf(kills > 0)(
      'SIGKILL, SIGSTOP and a blocked loop: the LAN is back within the lease and a second, fixed and random ports',
      { timeout: longTestLimitMs },
      async () => {
        const worst = { fixed: 0, random: 0 }
        const ways = ['SIGKILL', 'SIGSTOP', 'SIGKILL', 'block'] as const
        for (let kill = 0; kill < kills; kill++) {
          const way = ways[kill % ways.length]!
          const clients = (['fixed', 'random'] as const).map((kind, index) => {
            const [server, source] =
              index === kill % 2
                ? [addresses.modem.lan4, addresses.lan.v4]
                : [addresses.modem.lanUla, addresses.lan.ula]
            return { kind, started: home.start('lan', [process.execPath, asker, server, source, kind, '50']) }
          })
          await Promise.all(clients.map(({ started }) => started.line((line) => line.endsWith(who.stock))))
          const module = await start()
          await module.order('arm')
          await Promise.all(clients.map(({ started }) => started.line((line) => line.endsWith(who.module))))
          // The point: any phase of the renewal.
          await new Promise((next) => setTimeout(next, Math.random() * renewMs))
          const { isRelease, msOf } = releaseSince(() => {
            if (way === 'block') module.started.child.stdin?.write('block\n')
            else module.started.child.kill(way)
          })
          for (const { kind, started } of clients) {
            worst[kind] = Math.max(worst[kind], msOf(await started.line(isRelease)))
            await home.stop(started)
          }
          await module.kill()
        }
        console.log(
          `${title}: released after at most ${worst.fixed} ms (fixed port), ${worst.random} ms (random ports); ${kills} kills`,
        )
        expect(Math.max(worst.fixed, worst.random)).toBeLessThan(leaseMs + 1000)
      },
    )

    test('removal leaves nothing of ours behind', async () => {
      const module = await start()
      await module.order('arm')
      await module.order('disarm')
      await module.order('remove')
      await module.kill()
      if (variant) expect(staticRules('remove').stderr).toBe('')
      const left = [
        home.exec('modem', ['nft', 'list', 'ruleset']).includes('inet securenet'),
        home.attempt('modem', ['ipset', 'list', '-n']).stdout,
        variant ? home.exec('modem', [`${variant}-save`]).includes('securenet') : false,
      ]
      expect(left).toEqual([false, '', false])
      expect(home.exec('modem', ['ip', 'address', 'show', 'dev', 'br-guest'])).not.toContain(
        addresses.service6,
      )
    })
  })
}
