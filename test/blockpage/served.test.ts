/** Every answer that the page server can give: valid HTML by two validators, and the headers that a checker asks for. */
import { spawnSync } from 'node:child_process'
import { HtmlValidate, StaticConfigLoader } from 'html-validate'
import { describe, expect, test } from 'vitest'
import { languages } from '../../module/blockpage/language.ts'
import { createResponder } from '../../module/blockpage/respond.ts'
import { type Category, categories } from '../../module/category.ts'
import { branding, dataOf, protectedStatus } from './fixture.ts'

const all: readonly Category[] = [...categories, 'blocked', 'reserved-9']
const longest = `${'abcd'
  .split('')
  .map((c) => c.repeat(62))
  .join('.')}.x`
const since = Date.UTC(2026, 10, 22)
const logo = `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>').toString('base64')}`

interface Asked {
  title: string
  host: string
  category?: Category
  accept?: string
  off?: boolean
  old?: boolean
  method?: string
  logo?: boolean
}

function answer(
  { host, category, accept = 'text/html', off, old, method = 'GET', ...asked }: Asked,
  language = 'en',
) {
  const unseen = { count: 3, last: since - 3_600_000 }
  const status = {
    ...protectedStatus,
    ...{ listCheckedAt: since, unseen },
    ...(off && { protecting: false, why: 'disabled', since }),
    ...(old && { listAgeSeconds: 45 * 86_400 }),
  }
  const respond = createResponder({
    branding: asked.logo ? { ...branding, logo } : branding,
    data: dataOf(category ? { [host]: category } : {}, status),
    now: () => since + 5000,
  })
  return respond({
    method,
    httpVersion: '1.1',
    url: '/a/path',
    rawHeaders: ['Host', host],
    accept,
    acceptLanguage: language,
    fetchDest: undefined,
  })
}

const pages: Asked[] = [
  ...all.map((category) => ({ title: `blocked as ${category}`, host: 'evil.example', category })),
  { title: 'a name of 253 characters', host: longest, category: 'scam' },
  { title: 'a right-to-left name', host: 'xn--4dbrk0ce.xn--4dbrk0ce', category: 'malware' },
  { title: 'a configured logo', host: 'evil.example', category: 'malware', logo: true },
  { title: 'status, protected', host: '192.0.2.1' },
  { title: 'status, disabled', host: '192.0.2.1', off: true },
  { title: 'status, an old list', host: '192.0.2.1', old: true },
  { title: 'a strange name', host: 'www.other.example' },
  { title: 'a strange name just after `disabled`', host: 'www.other.example', off: true },
]
const bare: (Asked & { status: number })[] = [
  { title: 'an image', host: 'evil.example', category: 'malware', accept: 'image/webp', status: 403 },
  { title: 'a program', host: 'evil.example', category: 'malware', accept: 'application/json', status: 403 },
  { title: 'a program, status', host: '192.0.2.1', accept: 'application/json', status: 200 },
  { title: 'an image that is not blocked', host: '192.0.2.1', accept: 'image/webp', status: 404 },
  { title: 'another method', host: '192.0.2.1', method: 'PUT', accept: '*/*', status: 405 },
  { title: 'a Host that is none', host: '<b>', status: 400 },
]

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ['html-validate:recommended', 'html-validate:a11y'],
    // Not of HTML but of search engines, and the name that was blocked is as long as it is.
    rules: { 'long-title': 'off' },
  }),
)
/** @returns what html-validate says: the content model of HTML, its attributes, and what WCAG asks of markup */
async function faults(page: string): Promise<string[]> {
  const { results } = await validator.validateString(page)
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => `${ruleId}: ${message}`))
}

describe('html-validate has nothing to say', () => {
  test.each(pages)('$title', async (asked) => {
    for (const language of languages) expect(await faults(answer(asked, language).body)).toEqual([])
  })

  test('and would have', async () => {
    const { body } = answer({ title: '', host: 'evil.example', category: 'malware' })
    expect(await faults(body.replace('<h1>', '<h4>'))).not.toEqual([])
    expect(await faults(body.replace('<p class="lead">', '<p class="lead"><div>'))).not.toEqual([])
  })
})

const hasTidy = spawnSync('tidy', ['-v']).status === 0
if (!hasTidy) console.log('skipped: HTML validator: tidy is not installed (apt-get install tidy)')

describe.skipIf(!hasTidy)('tidy has nothing to say', () => {
  test.each(pages)('$title', (asked) => {
    for (const language of languages) {
      const { body } = answer(asked, language)
      const { status, stderr } = spawnSync('tidy', ['-errors', '-quiet', '-utf8'], {
        input: body,
        encoding: 'utf8',
      })
      // ARIA 1.1, younger than this tidy.
      const said = stderr.split('\n').filter((line) => line && !line.includes('attribute "aria-current"'))
      expect(said).toEqual([])
      expect(status).toBeLessThan(2)
    }
  })

  test('and would have', () => {
    expect(spawnSync('tidy', ['-errors', '-quiet'], { input: '<!doctype html><p>a</b>' }).status).not.toBe(0)
  })
})

const policy = (csp: string) =>
  new Map(csp.split(';').map((part) => part.trim().split(/\s+(.*)/s) as [string, string]))

describe('headers of every answer', () => {
  test.each([...pages, ...bare])('$title', (asked) => {
    const { headers, body } = answer(asked)
    const csp = policy(headers['Content-Security-Policy'] ?? '')
    expect(Object.fromEntries(csp)).toEqual({
      'default-src': "'none'",
      'style-src': expect.stringMatching(/^'sha256-\S{44}'$/),
      'img-src': 'data:',
      'form-action': "'none'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    })
    expect(headers).toMatchObject({
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Permissions-Policy': expect.stringContaining('camera=()'),
    })
    for (const header of ['Set-Cookie', 'Server', 'X-Powered-By', 'Access-Control-Allow-Origin'])
      expect(headers[header]).toBeUndefined()
    expect(Buffer.byteLength(body)).toBeLessThan(30_000)
    // Nothing that a browser would fetch by itself.
    expect(body).not.toMatch(/<(script|iframe|form|link(?! rel="icon" href="data:)|img(?! src="data:))/i)
    expect(body).not.toMatch(/\son\w+=|url\((?!#)|@import/i)
  })

  test.each(bare)('$title: status $status, and its own type', ({ status, ...asked }) => {
    const found = answer(asked)
    expect(found.status).toBe(status)
    if (asked.accept === 'application/json') {
      expect(found.headers['Content-Type']).toBe('application/json')
      expect(() => JSON.parse(found.body)).not.toThrow()
    } else expect(found.body).toBe('')
  })
})
