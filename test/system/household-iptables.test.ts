/** The household as it is sold, over the iptables back-end: root's static rules, the bundle renews `ipset` entries. */
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { longTestLimitMs } from '../helpers/limits.ts'
import {
  addresses,
  Household,
  iptablesScript,
  lacking,
  type Question,
  who,
} from './household-in-namespaces.ts'
import { askAll, bundle, connect, leaseMs, pairs } from './interception-list.ts'
import { releasedAfter } from './kills.ts'
import { lines, Modem } from './modem.ts'

const kills = Number(process.env['SECURENET_KILLS'] ?? 2)
const blocked = addresses.service4

/** The tools may be there and the kernel's modules not. */
function kernelLacks(variant: string): string[] {
  const tries = [
    [variant, '-t', 'nat', '-S'],
    [variant.replace('iptables', 'ip6tables'), '-t', 'raw', '-S'],
    ['ipset', 'create', 'trial', 'hash:net,iface', 'timeout', '6'],
  ]
  return tries
    .filter((argv) => spawnSync('unshare', ['-n', ...argv]).status !== 0)
    .map((argv) => argv.join(' '))
}

describe.each(['iptables-legacy', 'iptables-nft'])('household in namespaces over %s', (variant) => {
  const tools = lacking(['ip', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto', 'ipset', variant])
  const missing = tools.length > 0 ? tools : kernelLacks(variant)
  if (missing.length > 0) console.log(`skipped: household over ${variant}: missing ${missing.join(', ')}`)

  describe.skipIf(missing.length > 0)('the bundle', () => {
    const home = new Household()
    const modem = new Modem(home)
    let asker = ''
    const staticRules = (verb: string) => {
      const { status, stderr } = home.attempt('modem', [iptablesScript, verb], {
        ...process.env,
        IPTABLES: variant,
        IP6TABLES: variant.replace('iptables', 'ip6tables'),
        SERVICE4: addresses.service4,
        SERVICE6: addresses.service6,
        INTERFACES: 'br-lan br-guest',
      })
      if (status !== 0) throw new Error(stderr)
    }
    const askLan = (more: Partial<Question> = {}) =>
      home.ask('lan', { server: addresses.modem.lan4, ...more })
    const untilLan = async (wanted: string) => {
      const began = performance.now()
      await home.until(
        () => askLan(),
        (answer) => answer === wanted,
      )
      return ((performance.now() - began) / 1000).toFixed(2)
    }

    beforeAll(async () => {
      await home.open()
      home.loadIptablesFirewall(variant)
      staticRules('add')
      asker = await bundle(home, 'asker')
      await modem.prepare(['who.example'])
      const interception = { backend: 'iptables', interfaces: ['br-lan', 'br-guest'] }
      modem.configFile = modem.rewriteConfig({ interception })
      await modem.start()
    })
    afterAll(() => home.close())

    test('dormant, enabled, disabled, enabled: seconds', async () => {
      expect(await askLan()).toBe(who.stock)
      for (const [order, wanted] of [
        ['enable', blocked],
        ['disable', who.stock],
        ['enable', blocked],
      ] as const) {
        modem.operator('line', order, lines.fixed, '--no-wait')
        console.log(`${variant}: ${order}d -> first answer that shows it: ${await untilLan(wanted)} s`)
      }
      expect(modem.status().interception).toMatchObject({
        backend: 'iptables',
        armed: ['br-lan', 'br-guest'],
      })
    })

    test('every source x every destination x UDP and TCP: the listed name is blocked', async () => {
      const answers = await askAll(home, pairs())
      expect([...answers].filter(([, answer]) => answer !== blocked)).toEqual([])
      expect(answers.size).toBe(88)
      expect(await askLan({ name: 'true.example' })).toBe('203.0.113.80')
      expect(await askLan({ name: 'printer.lan' })).toBe('192.168.1.50')
    })

    test('DNS over TLS, and what else is on the service addresses, is refused at once', () => {
      for (const [address, port] of [
        [addresses.public4, 853],
        [addresses.public6, 853],
        [addresses.service4, 443],
        [addresses.service6, 443],
      ] as const) {
        const { outcome } = connect(home, 'lan', address, port)
        expect({ address, port, outcome }).toEqual({ address, port, outcome: 'refused' })
      }
    })

    test('rules wiped by somebody else: the LAN is on its own resolver, it is reported, the include puts them back', async () => {
      for (const tables of [variant, variant.replace('iptables', 'ip6tables')])
        for (const table of ['raw', 'nat', 'filter']) home.exec('modem', [tables, '-w', '-t', table, '-F'])
      home.loadIptablesFirewall(variant)
      expect(await askLan()).toBe(who.stock)
      await home.until(
        () => modem.status().interception.refused.map(({ why }: { why: string }) => why),
        (why) => why.length === 2 && why.every((each: string) => each.includes('wiped')),
      )
      staticRules('add')
      console.log(`${variant}: rules back -> protected again: ${await untilLan(blocked)} s`)
    })

    test('SIGKILL and SIGSTOP: the LAN is back within the lease and a second', {
      timeout: longTestLimitMs,
    }, async () => {
      const released = await releasedAfter({ home, modem, asker, count: kills, blocked })
      const worst = Math.max(...released)
      console.log(`${variant}: released after at most ${worst} ms; ${kills} kills, fixed and random ports`)
      expect(worst).toBeLessThan(leaseMs + 1000)
      await untilLan(blocked)
    })

    test('a clean stop disarms at once; without its rules the modem is as before', async () => {
      await modem.stop()
      expect(await askLan()).toBe(who.stock)
      expect(await askLan({ server: addresses.public4 })).toBe(who.public)
      staticRules('remove')
      const left = [variant, variant.replace('iptables', 'ip6tables')].flatMap((tables) =>
        ['raw', 'nat', 'filter'].map((table) => home.exec('modem', [tables, '-w', '-t', table, '-S'])),
      )
      expect(left.join('').toLowerCase()).not.toMatch(/securenet/)
      expect(home.exec('modem', ['ipset', 'list', '-n'])).toBe('')
    })
  })
})
