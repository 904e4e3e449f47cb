/** Ways to open a listed name, and what a person then sees. */
import type { BrowserContext, Page } from 'playwright-core'
import { waitLimitMs } from '../helpers/limits.ts'
import { names } from './browser-in-lan.ts'

export interface Sight {
  /** What a person sees, or what a page's own script is told. */
  shows: string
  /** From the keystroke or click until it is there. */
  ms: number
}

export const sights = {
  page: 'our page',
  refused: 'the browser’s “refused to connect”',
  /** Without a screen Chromium draws none: seen by how the navigation ends, net::ERR_BLOCKED_BY_CLIENT. */
  warning: 'the browser’s HTTPS-First warning',
} as const

/** Opens pages of another site over HTTPS, and over HTTP where Chromium lets it be (see `names`). */
const openers = { https: `https://${names.news}/`, http: 'http://news.true.example/' } as const

interface Way {
  title: string
  go: (tab: Page) => Promise<unknown>
}

/** As Enter in the address bar navigates: core transition "typed", and no scheme but the one that Chromium assumes. */
async function type(tab: Page, name: string): Promise<void> {
  const session = await tab.context().newCDPSession(tab)
  await session.send('Page.navigate', { url: `http://${name}/`, transitionType: 'typed' })
}

const click = (to: string) => (tab: Page) => tab.locator(`a[href="${to}"]`).click({ noWaitAfter: true })

export const ways: readonly (Way & { from?: string })[] = [
  { title: 'name typed', go: (tab) => type(tab, names.listed) },
  ...(['http', 'https'] as const).map((scheme) => {
    const to = `${scheme}://${names.listed}/offer`
    return { title: `\`${scheme}://\` link clicked`, from: `${openers.https}?to=${to}`, go: click(to) }
  }),
  { title: 'HSTS-preloaded name typed', go: (tab) => type(tab, names.hsts) },
]

const look = `({
  heading: document.querySelector('h1')?.innerText ?? '',
  text: document.body?.innerText ?? '',
})`

/** @returns what is on the screen; '' while nothing new is */
async function visible(tab: Page): Promise<string> {
  const seen = await tab
    .evaluate(look)
    .then((found) => found as { heading: string; text: string })
    .catch(() => null)
  if (!seen || seen.heading === '' || seen.heading === 'news') return ''
  if (seen.heading === 'We have blocked this site') return sights.page
  return seen.text.includes('ERR_CONNECTION_REFUSED') ? sights.refused : seen.heading
}

export async function until(tab: Page, wanted: (shows: string) => boolean): Promise<Sight> {
  const began = performance.now()
  for (;;) {
    const shows = await visible(tab)
    const took = performance.now() - began
    if (wanted(shows)) return { shows, ms: took }
    if (took > waitLimitMs)
      throw new Error(`after ${waitLimitMs} ms there is ${JSON.stringify(shows)} at ${tab.url()}`)
    await new Promise((next) => setTimeout(next, 20))
  }
}

/** @param shot file for a screenshot */
export async function sightOf(
  context: BrowserContext,
  way: (typeof ways)[number],
  shot?: string,
): Promise<Sight> {
  const tab = await context.newPage()
  try {
    if (way.from) await tab.goto(way.from)
    const stopped = new Promise<string>((end) =>
      tab.on('requestfailed', (request) => {
        if (request.failure()?.errorText === 'net::ERR_BLOCKED_BY_CLIENT') end(sights.warning)
      }),
    )
    const began = performance.now()
    const drawn = way.go(tab).then(() => until(tab, (shows) => shows !== ''))
    const shows = await Promise.race([stopped, drawn.then(({ shows }) => shows)])
    drawn.catch(() => {})
    const ms = performance.now() - began
    if (shot) await tab.screenshot({ path: shot })
    return { shows, ms }
  } finally {
    await tab.close()
  }
}

/** Runs in the page: every part at once; each ends with what it came to, or that it waits. */
function partsScript(scheme: 'http' | 'https'): string {
  const url = `${scheme}://${names.listed}/part`
  const socket = url.replace('http', 'ws')
  const element = (tag: string) => `new Promise((end) => {
    const part = document.createElement('${tag}')
    part.onload = () => end('loads')
    part.onerror = () => end('error event')
    part.src = '${url}'
    document.body.append(part)
  })`
  const parts = {
    img: element('img'),
    script: element('script'),
    iframe: element('iframe'),
    fetch: `fetch('${url}', { mode: 'no-cors' }).then((r) => 'answer ' + r.type, (e) => e.message)`,
    WebSocket: `new Promise((end) => {
      const socket = new WebSocket('${socket}')
      socket.onopen = () => end('opens')
      socket.onerror = () => end('error event')
    })`,
  }
  const runs = Object.entries(parts).map(
    ([name, code]) => `(async () => {
      const began = performance.now()
      const late = new Promise((end) => setTimeout(() => end('no answer'), 1500))
      const shows = await Promise.race([(async () => ${code})().catch((e) => e.name), late])
      return ['${name}', { shows, ms: performance.now() - began }]
    })()`,
  )
  return `Promise.all([${runs.join(',')}])`
}

export interface Parts {
  sights: Map<string, Sight>
  console: string[]
  /** Of the permission for the local network; `none` where the browser knows no such permission. */
  permission: string
}

/** What becomes of parts of a listed name in a page of another site. */
export async function partsOf(
  context: BrowserContext,
  page: 'http' | 'https',
  parts: 'http' | 'https',
  shot?: string,
): Promise<Parts> {
  const tab = await context.newPage()
  const said: string[] = []
  tab.on('console', (message) => said.push(message.text()))
  try {
    await tab.goto(openers[page])
    const found = (await tab.evaluate(partsScript(parts))) as [string, Sight][]
    const frame = tab.frames().find((one) => one !== tab.mainFrame())
    const framed = await frame?.evaluate('document.body?.innerText ?? ""').catch(() => '')
    const sights = new Map(found)
    const iframe = sights.get('iframe')
    if (iframe && iframe.shows === 'loads')
      iframe.shows = String(framed).includes('We have blocked')
        ? 'our page'
        : String(framed).split('\n')[0] || 'an empty frame'
    const permission = await tab.evaluate(
      "navigator.permissions.query({ name: 'local-network-access' }).then((p) => p.state, () => 'none')",
    )
    if (shot) await tab.screenshot({ path: shot })
    return { sights, console: said, permission: String(permission) }
  } finally {
    await tab.close()
  }
}
