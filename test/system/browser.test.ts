/** What a household sees: real Chromium with a resolver of its own, behind the built module, in namespaces. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitLimitMs } from '../helpers/limits.ts'
import { executable, LanBrowser, type Mode, modes, names, upstreamAnswers } from './browser-in-lan.ts'
import { type Tried, writeTable } from './browser-table.ts'
import { type Parts, partsOf, type Sight, sightOf, sights, until, ways } from './browser-ways.ts'
import { addresses, Household, lacking } from './household-in-namespaces.ts'
import { connect } from './interception-list.ts'
import { lines, Modem } from './modem.ts'

/** Every setting, cold and warm, into docs/what-shows.md; a normal run tries two, cold. */
const whole = process.env['SECURENET_TABLE'] === '1'
const shots = process.env['SECURENET_SCREENSHOTS']

const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto'])
if (!existsSync(executable)) missing.push(executable)
if (missing.length > 0) console.log(`skipped: Chromium in namespaces: missing ${missing.join(', ')}`)

const expected = (mode: Mode): [string, string][] => {
  const plain = mode === 'balanced' || mode === 'strict' ? sights.warning : sights.page
  return [
    ['name typed', plain],
    ['`http://` link clicked', plain],
    ['`https://` link clicked', sights.refused],
    ['HSTS-preloaded name typed', sights.refused],
  ]
}

describe.skipIf(missing.length > 0)('what shows in Chromium', () => {
  const home = new Household()
  home.answers = upstreamAnswers
  const modem = new Modem(home)
  const lan = new LanBrowser(home)
  const tried: Tried[] = []

  beforeAll(async () => {
    await home.open()
    await modem.prepare([names.listed, names.hsts])
    await modem.start()
    await lan.prepare()
    modem.operator('line', 'enable', lines.fixed, '--json')
    await home.until(
      () => home.ask('lan', { server: addresses.public4, name: names.listed }),
      (answer) => answer === addresses.service4,
    )
  })
  afterAll(async () => {
    lan.close()
    await home.close()
  })

  const shot = (...what: string[]) => shots && join(shots, `${what.join('-').replace(/\W+/g, '-')}.png`)

  async function tryOut(mode: Mode, warm: boolean): Promise<Tried> {
    const context = await lan.open(mode, `profile-${Object.keys(modes).indexOf(mode)}`)
    try {
      const seen = new Map<string, Sight>()
      const parts = new Map<string, Parts>()
      for (const way of ways)
        seen.set(way.title, await sightOf(context, way, warm ? undefined : shot(mode, way.title)))
      if (!warm && (whole || mode === 'as built')) {
        parts.set('https in https', await partsOf(context, 'https', 'https', shot(mode, 'parts')))
        if (whole) parts.set('http in https', await partsOf(context, 'https', 'http'))
        // A strict browser warns of the HTTP page itself.
        if (mode !== 'strict') parts.set('http in http', await partsOf(context, 'http', 'http'))
      }
      return { mode, warm, sights: seen, parts }
    } finally {
      await context.close()
    }
  }

  const settings = (Object.keys(modes) as Mode[]).filter(
    (mode) => whole || mode === 'as built' || mode === 'strict',
  )
  test.each(
    settings.flatMap((mode) => (whole ? [false, true] : [false]).map((warm) => [mode, warm] as const)),
  )('HTTPS-First %s, warm profile: %s', async (mode, warm) => {
    const one = await tryOut(mode, warm)
    tried.push(one)
    for (const [title, { shows, ms }] of one.sights)
      console.log(`${mode}, ${warm ? 'warm' : 'cold'}: ${title}: ${shows} after ${ms.toFixed(0)} ms`)
    expect([...one.sights].map(([title, { shows }]) => [title, shows])).toEqual(expected(mode))
    for (const [title, { sights, permission, console: said }] of one.parts) {
      for (const [part, { shows, ms }] of sights) {
        console.log(`${mode}: ${title}: ${part}: ${shows} after ${ms.toFixed(0)} ms`)
        expect(shows).not.toMatch(/^loads|our page|opens/)
      }
      console.log(`${mode}: ${title}: local network permission ${permission}; console: ${said.join(' | ')}`)
    }
  })

  test.runIf(whole)('the table goes into docs/what-shows.md', () => {
    const version = spawnSync(executable, ['--version'], { encoding: 'utf8' }).stdout
    writeTable(tried, /[\d.]+/.exec(version)?.[0] ?? 'unknown')
  })

  test('443 is refused at once over TCP and over UDP, for QUIC', async () => {
    for (const service of [addresses.service4, addresses.service6]) {
      const tcp = connect(home, 'lan', service, 443)
      expect(tcp.outcome).toBe('refused')
      const began = performance.now()
      const asker = `const s = require('node:dgram').createSocket('${service.includes(':') ? 'udp6' : 'udp4'}')
        s.on('error', (e) => { console.log(e.code); process.exit() })
        s.connect(443, '${service}', () => s.send(Buffer.alloc(1200, 0xc0)))
        setTimeout(() => process.exit(), ${waitLimitMs})`
      const udp = home.attempt('lan', [process.execPath, '-e', asker])
      expect(udp.stdout.trim()).toBe('ECONNREFUSED')
      console.log(
        `443 refused: TCP ${tcp.ms.toFixed(0)} ms, UDP ${(performance.now() - began).toFixed(0)} ms, with the start of a process each`,
      )
    }
  })

  test('the page as served: axe-core finds nothing, the console says nothing but its 403, the document is whole', async () => {
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
    const context = await lan.open('off', 'profile-axe', { bypassCSP: true })
    try {
      const tab = await context.newPage()
      const said: string[] = []
      tab.on('console', (message) => said.push(message.text()))
      tab.on('pageerror', (error) => said.push(String(error)))
      for (const name of [names.listed, addresses.service4]) {
        await tab.goto(`http://${name}/`)
        expect(said.filter((text) => !/status of 403 \(Forbidden\)$/.test(text))).toEqual([])
        await tab.addScriptTag({ path: axe })
        expect(
          await tab.evaluate('axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.help))'),
        ).toEqual([])
      }
    } finally {
      await context.close()
    }
  })

  const resolvers = [
    ['Chromium’s own resolver', true],
    ['the system’s resolver', false],
  ] as const

  const heading = 'The true shop'
  /** However short the TTL. */
  const chromiumKeepsSeconds = 60
  /** As an impatient person does: again and again. @returns seconds since `began` */
  async function reloadedUntil(tab: Page, wanted: string, began: number): Promise<number> {
    for (;;) {
      await tab.reload().catch(() => null)
      const { shows } = await until(tab, (shows) => shows !== '')
      const seconds = (performance.now() - began) / 1000
      if (shows === wanted) return seconds
      if (seconds * 1000 > waitLimitMs) throw new Error(`still ${shows} after ${seconds} s`)
    }
  }

  /** DNS says it within the TTL of 10 s, but Chromium keeps every address for a minute: the passage leads it on (ADR 8). */
  test.each(resolvers)(
    'the same tabs have the true site, over HTTP and HTTPS, before Chromium forgets an address, and are blocked again after an `enable` that follows: %s',
    async (resolver, ownResolver) => {
      modem.operator('line', 'enable', lines.fixed)
      const context = await lan.open('off', `profile-passage-${ownResolver}`, { ownResolver })
      try {
        const tabs = [
          ['http', names.listed, sights.page],
          ['https', names.hsts, sights.refused],
        ] as const
        const opened: ['http' | 'https', Page][] = []
        for (const [scheme, name, sight] of tabs) {
          const tab = await context.newPage()
          await tab.goto(`${scheme}://${name}/`).catch(() => null)
          expect((await until(tab, (shows) => shows !== '')).shows).toBe(sight)
          opened.push([scheme, tab])
        }
        const order = async (verb: string, sight: (scheme: 'http' | 'https') => string) => {
          modem.operator('line', verb, lines.fixed, '--no-wait')
          const began = performance.now()
          const seen = opened.map(async ([scheme, tab]) => {
            const seconds = await reloadedUntil(tab, sight(scheme), began)
            console.log(
              `same tab, ${scheme}, ${resolver}: ${sight(scheme)} ${seconds.toFixed(1)} s after ${verb}`,
            )
            expect(seconds).toBeLessThan(chromiumKeepsSeconds)
          })
          await Promise.all(seen)
        }
        await order('disable', () => heading)
        await order('enable', (scheme) => (scheme === 'http' ? sights.page : sights.refused))
        expect(connect(home, 'lan', addresses.service4, 443).outcome).toBe('refused')
      } finally {
        await context.close()
      }
    },
  )

  test.runIf(whole).each(resolvers)(
    'the same tab has our page once Chromium forgets the address, after `enable`: %s',
    async (resolver, ownResolver) => {
      modem.operator('line', 'disable', lines.fixed)
      const context = await lan.open('off', `profile-switch-${ownResolver}`, { ownResolver })
      try {
        const tab = await context.newPage()
        await tab.goto(`http://${names.listed}/`)
        await until(tab, (shows) => shows === heading)
        const began = performance.now()
        modem.operator('line', 'enable', lines.fixed, '--no-wait')
        const seconds = await reloadedUntil(tab, sights.page, began)
        console.log(`same tab, ${resolver}: page ${seconds.toFixed(1)} s after enable`)
      } finally {
        await context.close()
      }
    },
  )
})
