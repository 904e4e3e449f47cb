import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { createBlockPage } from '../../module/blockpage/server.ts'
import { branding, dataOf } from '../blockpage/fixture.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { launch, noBrowser } from './chromium.ts'

const long = `${'abcd'
  .split('')
  .map((c) => c.repeat(62))
  .join('.')}.x`
const hebrew = 'xn--4dbrk0ce.xn--4dbrk0ce'
const hosts = ['evil.example', long, hebrew, 'xn--80ak6aa92e.com', '127.0.0.1', 'other.example']
const silent = { debug() {}, info() {}, warn() {}, error() {} }

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
const lowestTarget = `Math.min(...[...document.querySelectorAll('nav a, .button, .try a, footer a')]
  .map((link) => link.getBoundingClientRect().height))`

describe.skipIf(noBrowser)('in Chromium', () => {
  const page = createBlockPage({
    listen: [{ address: '127.0.0.1', port: 0 }],
    branding,
    data: dataOf({
      'evil.example': 'phishing',
      [long]: 'scam',
      [hebrew]: 'malware',
      'xn--80ak6aa92e.com': 'phishing',
    }),
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

  it('shows a right-to-left name without moving its labels', async () => {
    await visit(`www.${hebrew}`, {}, async (tab) => {
      const left = await tab
        .locator('p.soft')
        .first()
        .locator('.label')
        .evaluateAll((labels) =>
          labels.map(
            (label) =>
              (label as unknown as { getBoundingClientRect(): { left: number } }).getBoundingClientRect()
                .left,
          ),
        )
      expect(left.length).toBe(3)
      expect(left[0]).toBeLessThan(left[1]!)
    })
  })

  /** `SECURENET_SCREENSHOTS=docs/page` makes the pictures of the documentation anew. */
  const shots: [string, string, View][] = [
    ['block-phone-nl', 'bank-login.evil.example', { locale: 'nl' }],
    ['block-phone-fr-dark', 'evil.example', { locale: 'fr', dark: true }],
    ['block-desktop-de', 'evil.example', { locale: 'de', width: 1280, height: 800 }],
    ['block-phone-longest-name', long, { locale: 'nl' }],
    ['block-phone-right-to-left', `www.${hebrew}`, { locale: 'en' }],
    ['block-phone-imitation', 'xn--80ak6aa92e.com', { locale: 'en' }],
    ['status-phone-nl', '127.0.0.1', { locale: 'nl' }],
    ['status-desktop-en-dark', '127.0.0.1', { locale: 'en', dark: true, width: 1280, height: 800 }],
  ]
  const folder = process.env['SECURENET_SCREENSHOTS']
  it.runIf(folder)('pictures for the documentation', async () => {
    for (const [file, host, view] of shots)
      await visit(host, view, async (tab) => {
        await tab.screenshot({ path: join(folder!, `${file}.png`), fullPage: true })
      })
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
