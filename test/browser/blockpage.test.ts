import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import type { ProtectionStatus } from '../../module/blockpage/page-data.ts'
import { createBlockPage } from '../../module/blockpage/server.ts'
import { categories } from '../../module/category.ts'
import { branding, dataOf, protectedStatus } from '../blockpage/fixture.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { launch, noBrowser } from './chromium.ts'

const long = `${'abcd'
  .split('')
  .map((c) => c.repeat(62))
  .join('.')}.x`
const hebrew = 'xn--4dbrk0ce.xn--4dbrk0ce'
const hosts = ['evil.example', long, hebrew, 'xn--80ak6aa92e.com', '127.0.0.1', 'other.example']
const kinds = [...categories, 'blocked', 'reserved-9'] as const
const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** The figures of the fixture, on the days before today. */
function thisWeek(): ProtectionStatus['days'] {
  const today = Math.floor((Date.now() - new Date().getTimezoneOffset() * 60_000) / 86_400_000)
  return protectedStatus.days.map(({ stopped }, i) => ({ day: today - 6 + i, stopped }))
}

/** axe-core is optional: `npm install --save-dev axe-core` turns its check on. */
function axeSource(): string | null {
  try {
    return readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  } catch {
    return null
  }
}

if (noBrowser) console.log(`skipped: block page in Chromium: ${noBrowser}`)

/** Runs in the page: lowest contrast of any text against the nearest background behind it. */
const lowestContrast = `(() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number)
  const lum = (c) => { const [r, g, b] = rgb(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c } return 'rgb(255,255,255)' }
  let lowest = 21
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue
    const [a, b] = [lum(getComputedStyle(e).color), lum(behind(e))]
    lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05))
  }
  return lowest
})()`

/** Runs in the page: on how many lines each language's name stands. */
const linesOfLinks = `[...document.querySelectorAll('nav a')].map((link) => {
  const range = document.createRange()
  range.selectNodeContents(link)
  return range.getClientRects().length
})`

/** Runs in the page: the height of the lowest thing to tap, CSS pixels (WCAG 2.2 §2.5.8). */
const lowestTarget = `Math.min(...[...document.querySelectorAll('nav a, .button, .link, .help a, summary, footer a')]
  .map((link) => link.getBoundingClientRect().height))`

describe.skipIf(noBrowser)('in Chromium', () => {
  let status: ProtectionStatus = protectedStatus
  const page = createBlockPage({
    listen: [{ address: '127.0.0.1', port: 0 }],
    branding,
    data: {
      ...dataOf({
        'evil.example': 'phishing',
        [long]: 'scam',
        [hebrew]: 'malware',
        'xn--80ak6aa92e.com': 'phishing',
        'phishing.test.securenet.example': 'phishing',
        ...Object.fromEntries(kinds.map((kind) => [`${kind}.example`, kind])),
      }),
      status: () => status,
    },
    clock: systemClock,
    log: silent,
  })
  let browser: Browser
  let port: number

  beforeAll(async () => {
    await page.start()
    port = page.endpoints[0]!.port
    browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    await page.stop()
  })

  interface View {
    locale?: string
    dark?: boolean
    width?: number
    height?: number
    bypassCSP?: boolean
  }

  async function visit(
    host: string,
    view: View,
    check: (tab: Page, said: string[], asked: string[]) => Promise<void>,
  ) {
    const context = await browser.newContext({
      locale: view.locale ?? 'en',
      colorScheme: view.dark ? 'dark' : 'light',
      viewport: { width: view.width ?? 390, height: view.height ?? 844 },
      bypassCSP: view.bypassCSP ?? false,
    })
    context.setDefaultTimeout(waitLimitMs)
    const tab = await context.newPage()
    const [said, asked]: [string[], string[]] = [[], []]
    tab.on('console', (message) => said.push(message.text()))
    tab.on('pageerror', (error) => said.push(String(error)))
    tab.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await open(tab, host)
    await check(tab, said, asked)
    await context.close()
  }

  const open = (tab: Page, host: string) => tab.goto(`http://${host}:${port}/some/path?id=1`)

  /** Every host, light and dark, in one tab: a context of its own for each takes most of the time. */
  async function visitAll(view: View, check: (tab: Page, dark: boolean) => Promise<void>) {
    const [first, ...others] = hosts
    await visit(first!, view, async (tab) => {
      const both = async () => {
        await tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        for (const dark of [false, true]) {
          await tab.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
          await check(tab, dark)
        }
      }
      await both()
      for (const host of others) {
        await open(tab, host)
        await both()
      }
    })
  }

  it('loads one document, and the console has nothing to say but its status', async () => {
    for (const host of hosts)
      await visit(host, {}, async (_, said, asked) => {
        expect(asked).toEqual(['/some/path'])
        expect(said.filter((text) => !/status of 403 \(Forbidden\)$/.test(text))).toEqual([])
      })
  })

  test.each(['nl-BE', 'fr-BE', 'de-DE', 'en-GB'])(
    '%s: fits 320 px, contrast, sizes of targets',
    async (locale) => {
      await visitAll({ locale, width: 320, height: 568 }, async (tab, dark) => {
        expect(await tab.locator('html').getAttribute('lang')).toBe(locale.slice(0, 2))
        expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320)
        expect(await tab.evaluate(lowestContrast)).toBeGreaterThanOrEqual(4.5)
        const background = await tab.evaluate('getComputedStyle(document.body).backgroundColor')
        expect(background).toBe(dark ? 'rgb(20, 18, 24)' : 'rgb(245, 244, 247)')
        expect(await tab.evaluate(linesOfLinks)).toEqual([1, 1, 1, 1])
        expect(await tab.evaluate(lowestTarget)).toBeGreaterThanOrEqual(24)
      })
    },
  )

  it('fits at 200 % zoom on a desktop and with text twice as large on a phone', async () => {
    await visit(long, { width: 640, height: 400, bypassCSP: true }, async (tab) => {
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(640)
      await tab.setViewportSize({ width: 390, height: 844 })
      await tab.addStyleTag({ content: 'html{font-size:200%}' })
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
    })
  })

  it('switches language by its links, by keyboard, and stays on the same address', async () => {
    await visit('evil.example', { locale: 'nl' }, async (tab) => {
      for (const [language, heading] of [
        ['fr', 'Nous avons bloqué ce site'],
        ['de', 'Wir haben diese Website gesperrt'],
        ['en', 'We have blocked this site'],
        ['nl', 'We hebben deze site geblokkeerd'],
      ] as const) {
        await tab.locator(`nav a[hreflang=${language}]`).focus()
        await Promise.all([tab.waitForURL(`**/some/path?lang=${language}`), tab.keyboard.press('Enter')])
        expect(await tab.locator('h1').textContent()).toBe(heading)
        expect(await tab.locator('nav [aria-current]').getAttribute('lang')).toBe(language)
      }
    })
  })

  /** Runs in the page: of every label of the name in its own script, where it stands. */
  const placesOfLabels = `[...document.querySelector('p.soft').querySelectorAll('bdi bdi')].map((label) => {
    const range = document.createRange()
    range.selectNodeContents(label)
    const boxes = [...range.getClientRects()]
    return { left: boxes[0].left, top: Math.round(boxes[0].top), lines: boxes.length }
  })`
  interface Place {
    left: number
    top: number
    lines: number
  }

  it('shows a right-to-left name without moving its labels', async () => {
    await visit(`www.${hebrew}`, { width: 1280 }, async (tab) => {
      const places = (await tab.evaluate(placesOfLabels)) as Place[]
      expect(places.map(({ top }) => top)).toEqual([places[0]!.top, places[0]!.top, places[0]!.top])
      expect(places[0]!.left).toBeLessThan(places[1]!.left)
      expect(places[1]!.left).toBeLessThan(places[2]!.left)
    })
  })

  it('never breaks a right-to-left name of two labels between them, however wide the screen is', async () => {
    await visit(hebrew, {}, async (tab) => {
      for (let width = 320; width <= 640; width += 8) {
        await tab.setViewportSize({ width, height: 844 })
        const [first, second] = (await tab.evaluate(placesOfLabels)) as Place[]
        expect([width, second!.top, second!.lines]).toEqual([width, first!.top, 1])
        expect(first!.left).toBeLessThan(second!.left)
      }
    })
  })

  const today = { listCheckedAt: Date.now(), unseen: { count: 3, last: Date.now() - 3_600_000 } }
  const now: ProtectionStatus = { ...protectedStatus, ...today, days: thisWeek() }
  const off = { ...now, protecting: false, since: Date.now() - 86_400_000 }
  const states = {
    protected: now,
    old: { ...now, listAgeSeconds: 45 * 86_400, listCheckedAt: Date.now() - 44 * 86_400_000 },
    ...{ disabled: { ...off, why: 'disabled' }, suspended: { ...off, why: 'suspended' } },
  } satisfies Record<string, ProtectionStatus>
  const desktop = { width: 1280, height: 800 }
  /** `SECURENET_SCREENSHOTS=docs/page` makes the pictures of the documentation anew. */
  const shots: [string, string, View, ProtectionStatus?][] = [
    ['block-phone-nl', 'bank-login.evil.example', { locale: 'nl' }],
    ['block-phone-fr-dark', 'evil.example', { locale: 'fr', dark: true }],
    ['block-desktop-de', 'evil.example', { locale: 'de', ...desktop }],
    ['block-phone-longest-name', long, { locale: 'nl' }],
    ['block-phone-right-to-left', `www.${hebrew}`, { locale: 'en' }],
    ['block-phone-imitation', 'xn--80ak6aa92e.com', { locale: 'en' }],
    ['block-phone-botnet-de', 'botnet.example', { locale: 'de' }],
    ['block-phone-other-filter-fr', 'blocked.example', { locale: 'fr' }],
    ['block-phone-test', 'phishing.test.securenet.example', { locale: 'en' }],
    ['status-phone-nl', '127.0.0.1', { locale: 'nl' }],
    ['status-desktop-en-dark', '127.0.0.1', { locale: 'en', dark: true, ...desktop }],
    ['status-phone-off-fr', '127.0.0.1', { locale: 'fr' }, states.disabled],
    ['status-phone-suspended-de', '127.0.0.1', { locale: 'de' }, states.suspended],
    ['status-phone-old-list-en', '127.0.0.1', { locale: 'en' }, states.old],
  ]
  /** To look at before a change is given away: each category and state, four languages, light and dark. */
  const allShots = (['nl', 'fr', 'de', 'en'] as const).flatMap((locale) =>
    [false, true].flatMap((dark): typeof shots => [
      ...kinds.map((kind): (typeof shots)[number] => [
        `${kind}-${locale}${dark ? '-dark' : ''}`,
        `${kind}.example`,
        { locale, dark },
      ]),
      ...Object.entries(states).map(([name, state]): (typeof shots)[number] => [
        `status-${name}-${locale}${dark ? '-dark' : ''}`,
        '127.0.0.1',
        { locale, dark },
        state,
      ]),
    ]),
  )
  const folder = process.env['SECURENET_SCREENSHOTS']
  const wanted = process.env['SECURENET_SCREENSHOTS_ALL'] ? allShots : shots
  it.runIf(folder)('pictures for the documentation', async () => {
    for (const [file, host, view, state = states.protected] of wanted) {
      status = state
      await visit(host, view, async (tab) => {
        await tab.screenshot({ path: join(folder!, `${file}.png`), fullPage: true })
      })
    }
    status = protectedStatus
  })

  it('draws a configured logo, light and dark, and it says whose it is', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><rect width="90" height="30" fill="#c00"/></svg>'
    const logo = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
    const other = createBlockPage({
      listen: [{ address: '127.0.0.1', port: 0 }],
      branding: { ...branding, logo, operator: 'Other', colour: '#006644' },
      data: dataOf({ 'evil.example': 'phishing' }),
      clock: systemClock,
      log: silent,
    })
    await other.start()
    const own = port
    port = other.endpoints[0]!.port
    try {
      for (const dark of [false, true])
        await visit('evil.example', { dark }, async (tab, said) => {
          const image = tab.locator('.brand img')
          expect(await image.getAttribute('alt')).toBe('Other')
          expect(await tab.evaluate("document.querySelector('.brand img').naturalWidth")).toBe(90)
          expect((await image.boundingBox())?.height).toBeGreaterThan(20)
          expect(said.filter((text) => !/status of 403/.test(text))).toEqual([])
          expect(await tab.evaluate(lowestContrast)).toBeGreaterThanOrEqual(4.5)
        })
    } finally {
      port = own
      await other.stop()
    }
  })

  it('prints on one A4 sheet', async () => {
    await visit('evil.example', { locale: 'de' }, async (tab) => {
      const pdf = await tab.pdf({ format: 'A4' })
      expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)).toHaveLength(1)
    })
  })

  const axe = axeSource()
  if (!axe) console.log('skipped: axe-core is not installed (npm install --save-dev axe-core)')
  it.skipIf(!axe)('axe-core finds nothing', async () => {
    await visitAll({ bypassCSP: true }, async (tab) => {
      await tab.evaluate(axe!)
      const found = await tab.evaluate('axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.help))')
      expect(found).toEqual([])
    })
  })
})
