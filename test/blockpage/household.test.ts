/** What a person reads, by state and by category, in every language. */
import { describe, expect, it, test } from 'vitest'
import { languages } from '../../module/blockpage/language.ts'
import { textsOf } from '../../module/blockpage/locales/texts-of.ts'
import type { ProtectionStatus } from '../../module/blockpage/page-data.ts'
import { registrableLabels } from '../../module/blockpage/registrable.ts'
import { createResponder } from '../../module/blockpage/respond.ts'
import type { Category } from '../../module/category.ts'
import { branding, dataOf, protectedStatus } from './fixture.ts'

const DAY = 86_400
const now = new Date(2026, 10, 28, 14, 5).getTime()

interface Asked {
  host?: string
  category?: Category
  status?: Partial<ProtectionStatus>
  language?: string
}

function page({ host = '192.0.2.1', category, status = {}, language = 'en' }: Asked): string {
  const respond = createResponder({
    branding,
    data: dataOf(category ? { [host]: category } : {}, { ...protectedStatus, ...status }),
    now: () => now,
  })
  return respond({
    method: 'GET',
    httpVersion: '1.1',
    url: '/',
    rawHeaders: ['Host', host],
    accept: 'text/html',
    acceptLanguage: language,
    fetchDest: undefined,
  }).body
}

const TICK = 'm8 12 3 3 5-6'
const off = (why: string) => ({ protecting: false, why })

describe('a line that is not protected', () => {
  test.each(languages)('%s: nothing on the page says that it is', (language) => {
    const { about, status } = textsOf(language)
    const body = page({ status: off('disabled'), language })
    expect(body).not.toContain(TICK)
    expect(body).not.toContain(about.protects(branding.service))
    expect(body).not.toContain(status.protectedText(branding.service))
    expect(body).toContain(about.wouldProtect(branding.service))
    expect(body).toContain('class="card warn"')
  })

  test.each([
    ['disabled', 'switch the protection on again?', true],
    ['terminated', 'like to have the protection?', true],
    ['suspended', 'comes back by itself', false],
    ['fleet-paused', 'comes back by itself', false],
    ['list-missing', 'comes back by itself', false],
    ['self-test-failing', 'Restart your modem', true],
    ['not-armed', 'Restart your modem', true],
  ])('%s: what to do is beside the reason', (why, todo, needsHelp) => {
    const card = /<div class="card warn">[\s\S]*?\n<\/div>\n/.exec(page({ status: off(why) }))?.[0] ?? ''
    expect(card).toContain(todo)
    expect(card.includes('tel:080055800')).toBe(needsHelp)
  })
})

describe('an old list', () => {
  test.each(languages)('%s: does not look healthy, and says how old it is', (language) => {
    const status = { listAgeSeconds: 45 * DAY, listCheckedAt: now - 44 * DAY * 1000 }
    const { outdated, listChecked } = textsOf(language).status
    const body = page({ status, language })
    expect(body).toContain(`<h1>${outdated}</h1>`)
    expect(body).not.toContain(TICK)
    expect(body).toMatch(/\b45\b/)
    expect(body).toContain(listChecked(textsOf(language).age.day(44)))
  })

  it('is one of seven days', () => {
    expect(page({ status: { listAgeSeconds: 7 * DAY - 1 } })).toContain(TICK)
    expect(page({ status: { listAgeSeconds: 7 * DAY } })).not.toContain(TICK)
  })
})

describe('seven days', () => {
  it('are a picture that says its figures, with a texture for each category', () => {
    const body = page({})
    expect(body).toContain('Stopped in the last seven days')
    expect(body).toContain(
      'aria-label="Threats stopped per day: Sunday 180, Monday 211, Tuesday 0, Wednesday 95, Thursday 260, Friday 242, Saturday 249"',
    )
    const patterns = [...body.matchAll(/<pattern id="([\w-]+)"[^>]*>(.*?)<\/pattern>/g)]
    expect(patterns.map(([, id]) => id)).toEqual(['phishing', 'malware'])
    expect(new Set(patterns.map(([, , texture]) => texture)).size).toBe(2)
    for (const [, id] of body.matchAll(/url\(#([\w-]+)\)/g)) expect(['phishing', 'malware']).toContain(id)
    expect(body).not.toContain('resolver-bypass')
  })

  it('without a threat have no picture', () => {
    const days = protectedStatus.days.map(({ day }) => ({ day, stopped: new Map<Category, number>() }))
    expect(page({ status: { days } })).not.toContain('<pattern')
  })
})

describe('what never showed the page', () => {
  test.each([
    ['nl', 'vandaag om 13.05\u00a0uur', '3 keer'],
    ['fr', 'aujourd’hui à\u00a013h05', '3\u00a0fois'],
    ['de', 'heute um 13:05\u00a0Uhr', '3-mal'],
    ['en', 'today at 13:05', '3 times'],
  ])('%s: has a time and a count', (language, time, times) => {
    const body = page({ status: { unseen: { count: 3, last: now - 3_600_000 } }, language })
    expect(body).toContain(time)
    expect(body).toContain(times)
    expect(body).toContain('https://')
  })

  it('is not told to a strange name, nor where there was nothing', () => {
    const unseen = { count: 3, last: now - 3_600_000 }
    expect(page({ host: 'www.other.example', status: { unseen } })).not.toContain('3 times')
    expect(page({})).not.toContain('https:// ')
  })
})

it('there is one test, and its name is one that leads to the page', () => {
  const links = [...page({}).matchAll(/href="http:\/\/([^"]+)"/g)].map(([, link]) => link)
  expect(links).toEqual(['phishing.test.securenet.example/'])
})

it('a mistake can be reported from the status page', () => {
  expect(page({})).toContain('report?name=&amp;category="')
})

describe('what to do depends on the category', () => {
  const cardStop = '078&nbsp;170&nbsp;170'
  test.each<[Category, boolean, boolean]>([
    ['phishing', true, false],
    ['scam', true, false],
    ['malware', false, true],
    ['botnet', false, true],
    ['cryptojacking', false, false],
    ['blocked', false, false],
    ['reserved-9', false, false],
  ])('%s: Card Stop and police %s, infected device %s', (category, money, infected) => {
    for (const language of languages) {
      const { police, infectedHeading } = textsOf(language).blocked
      const body = page({ host: 'evil.example', category, language })
      expect(body.includes(cardStop)).toBe(money)
      expect(body.includes(police)).toBe(money)
      expect(body.includes(infectedHeading)).toBe(infected)
      expect(body.match(/class="do"/g)).toHaveLength(1)
    }
  })
})

describe('the line for the helpdesk', () => {
  test.each([
    ['nl', 'Voor de helpdesk: 28 november 2026 om 14.05 uur · modem 4F2A7C · lijst 1207 · phishing'],
    ['fr', 'Pour le service d’assistance : 28 novembre 2026 à 14h05 · modem 4F2A7C · liste 1207 · phishing'],
    ['de', 'Für den Kundendienst: 28. November 2026 um 14:05 Uhr · Modem 4F2A7C · Liste 1207 · phishing'],
    ['en', 'For the helpdesk: 28 November 2026 at 14:05 · modem 4F2A7C · list 1207 · phishing'],
  ])('%s', (language, line) => {
    const body = page({ host: 'evil.example', category: 'phishing', language })
    const text = /<p class="soft helpdesk">(.*?)<\/p>/.exec(body)?.[1]?.replace(/<[^>]+>/g, '') ?? ''
    expect(text.replaceAll('\u00a0', ' ')).toBe(line)
  })
})

test.each([
  ['evil.example', 2],
  ['login.bank.co.uk', 3],
  ['a.b.github.io', 3],
  ['co.uk', 2],
  ['localhost', 1],
  ['xn--4dbrk0ce.xn--4dbrk0ce', 2],
])('of %s, %d labels are someone’s own', (name, labels) => expect(registrableLabels(name)).toBe(labels))

it('marks the registrable part of the name', () => {
  const body = page({ host: 'www.paypal.com.evil.co.uk', category: 'phishing' })
  const marked = /<p class="name">.*?<b>(.*?)<\/b>/.exec(body)?.[1]?.replace(/<[^>]+>/g, '')
  expect(marked).toBe('evil.co.uk')
})
