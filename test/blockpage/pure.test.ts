import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { clientKey } from '../../module/base/client-key.ts'
import { contrast, readable } from '../../module/blockpage/colour.ts'
import { Connections } from '../../module/blockpage/connections.ts'
import { displayName } from '../../module/blockpage/display-name.ts'
import { html } from '../../module/blockpage/html.ts'
import { chosen, languages, negotiate } from '../../module/blockpage/language.ts'
import { textsOf } from '../../module/blockpage/locales/texts-of.ts'
import { ageText, grouped } from '../../module/blockpage/moment.ts'
import { responseKindOf } from '../../module/blockpage/response-kind.ts'
import { createStyle } from '../../module/blockpage/style.ts'
import { parseHost, parseTarget } from '../../module/blockpage/target.ts'

describe('language', () => {
  test.each([
    ['nl-BE,nl;q=0.9,en;q=0.8', 'nl'],
    ['fr-BE, en;q=0.7', 'fr'],
    ['de', 'de'],
    ['DE-at', 'de'],
    ['en;q=0.5, fr;q=0.6', 'fr'],
    ['pl, de;q=0.2', 'de'],
    ['nl;q=0, fr;q=0.1', 'fr'],
    ['nl;q=0.8,fr;q=0.8', 'nl'],
    ['fr ; q=0.3 , nl ; q=0.4', 'nl'],
    ['pl', 'en'],
    ['*', 'en'],
    ['en;q=0, *;q=0.5', 'nl'],
    ['nl;q=0.1, *', 'nl'],
    ['nl;q=7, fr;q=0.1', 'fr'],
    ['nl;q=0.1234, fr;q=0.1', 'fr'],
    ['frog, nl', 'nl'],
    ['', 'en'],
    [undefined, 'en'],
    [`${'x,'.repeat(5000)}nl`, 'en'],
  ])('%j is answered in %s', (header, language) => expect(negotiate(header)).toBe(language))

  test.each([
    ['?lang=fr', 'fr'],
    ['?lang=xx', undefined],
    ['?id=1&lang=fr', undefined],
    ['?lang=fr&id=1', undefined],
    ['', undefined],
  ])('the query %j chooses %j', (query, language) => expect(chosen(query)).toBe(language))

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (header) => languages.includes(negotiate(header))))
  })
})

describe('host', () => {
  const name = (of: string) => ({ kind: 'name', name: of })
  const long = `${'a'.repeat(63)}.`.repeat(3) + 'b'.repeat(61)
  test.each([
    ['Example.COM', name('example.com')],
    ['example.com.', name('example.com')],
    ['example.com:8053', name('example.com')],
    ['example.com:', name('example.com')],
    ['a_b.example', name('a_b.example')],
    ['xn--4dbrk0ce.xn--4dbrk0ce', name('xn--4dbrk0ce.xn--4dbrk0ce')],
    [long, name(long)],
    [`${long}c`, null],
    ['192.0.2.1', { kind: 'address' }],
    ['192.0.2.1:80', { kind: 'address' }],
    ['[2001:db8::1]:80', { kind: 'address' }],
    ['[::ffff:192.0.2.1]', { kind: 'address' }],
    ['', { kind: 'none' }],
    ['[::1', null],
    ['[hello]', null],
    ['2001:db8::1', null],
    ['127.1', null],
    ['0x7f.1', null],
    ['a..b', null],
    ['.', null],
    ['-a.com', null],
    ['<script>alert(1)</script>', null],
    ['a.com:99999', null],
    ['a.com:80:80', null],
    ['user@a.com', null],
    ['a.com/b', null],
    ['a b.com', null],
    ['a%41.com', null],
    ['é.com', null],
    ['a\0.com', null],
    ['x'.repeat(8192), null],
  ])('%j', (text, host) => expect(parseHost(text)).toEqual(host))

  const at = (url: string, rawHeaders: string[], httpVersion = '1.1') =>
    parseTarget({ url, rawHeaders, httpVersion })
  test.each([
    ['absolute-form wins', at('http://a.com/x?y', ['Host', 'b.com']), name('a.com'), '/x', '?y'],
    ['even over a bad Host', at('HTTP://A.com?y', ['Host', '<b>']), name('a.com'), '/', '?y'],
    ['origin-form', at('/x', ['hOsT', 'b.com']), name('b.com'), '/x', ''],
    ['HTTP/1.0 without Host', at('/', [], '1.0'), { kind: 'none' }, '/', ''],
    ['asterisk-form', at('*', ['Host', 'b.com']), name('b.com'), '*', ''],
  ])('%s', (_, target, host, path, query) => expect(target).toEqual({ host, path, query }))

  test.each([
    ['no Host', at('/', [])],
    ['two', at('/', ['Host', 'a.com', 'host', 'a.com'])],
    ['two, absolute', at('http://a.com/', ['Host', 'a.com', 'host', 'a.com'])],
    ['userinfo', at('http://u@a.com/', ['Host', 'a.com'])],
    ['empty authority', at('http:///x', ['Host', 'a.com'])],
    ['another scheme', at('ftp://a.com/', ['Host', 'a.com'])],
  ])('400: %s', (_, target) => expect(target).toBeNull())

  it('never throws, and a name is made of harmless characters only', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.domain(), fc.webAuthority()), (text) => {
        const host = parseHost(text)
        if (host?.kind === 'name') expect(host.name).toMatch(/^[a-z0-9_.-]{1,253}$/)
      }),
    )
  })
})

describe('name for display', () => {
  test.each([
    ['example.com', null, false],
    ['xn--bcher-kva.example', ['bücher', 'example'], false],
    ['xn--fsqu00a.xn--0zwm56d', ['例子', '测试'], false],
    ['xn--4dbrk0ce.xn--4dbrk0ce', ['ישראל', 'ישראל'], false],
    ['xn--e1afmkfd.xn--p1ai', ['пример', 'рф'], false],
    ['login.xn--80ak6aa92e.com', ['login', 'аррӏе', 'com'], true],
    ['xn--pypal-4ve.com', ['pаypal', 'com'], true],
    ['xn--a.com', null, false],
    ['xn--abc-.com', null, false],
  ])('%s', (ascii, unicode, imitating) => expect(displayName(ascii)).toEqual({ ascii, unicode, imitating }))

  it('never shows controls, spaces, direction marks or markup', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/).map((tail) => `xn--${tail}`)
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
        for (const shown of displayName(labels.join('.')).unicode ?? [])
          expect(shown).not.toMatch(/[\p{C}\p{Z}<>&"']/u)
      }),
      { numRuns: 2000 },
    )
  })
})

test('html escapes every value', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(html`<p title="${text}">${text}</p>`.text.slice(3, -4)).not.toMatch(
        /[<']|&(?!(amp|lt|gt|quot|#39);)/,
      )
    }),
  )
  expect(html`${'<a>'}${html`<b>`}${null}${[html`<i>`]}`.text).toBe('&lt;a&gt;<b><i>')
})

describe('what is wanted', () => {
  const html5 = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
  test.each([
    ['GET', '/', html5, undefined, 'page'],
    ['GET', '/a.js', html5, undefined, 'page'],
    ['POST', '/login', html5, 'document', 'page'],
    ['GET', '/', undefined, undefined, 'page'],
    ['GET', '/', '*/*', undefined, 'page'],
    ['GET', '/x', 'application/json', undefined, 'json'],
    ['GET', '/x', 'application/problem+json', 'empty', 'json'],
    ['GET', '/x', 'application/json, text/html', undefined, 'page'],
    ['GET', '/x', 'application/json, text/html;q=0.5', undefined, 'json'],
    ['GET', '/x', 'application/json;q=0', undefined, 'page'],
    ['DELETE', '/x', 'application/json', undefined, 'json'],
    ['DELETE', '/x', '*/*', undefined, 'nothing'],
    ['GET', '/x', 'image/avif,image/webp,*/*;q=0.8', undefined, 'nothing'],
    ['GET', '/x', 'text/css,*/*;q=0.1', undefined, 'nothing'],
    ['GET', '/x.JS', '*/*', undefined, 'nothing'],
    ['GET', '/favicon.ico', undefined, undefined, 'nothing'],
    ['GET', '/x', '*/*', 'script', 'nothing'],
    ['GET', '/x', html5, 'image', 'nothing'],
  ])('%s %s accept=%s dest=%s: %s', (method, path, accept, fetchDest, want) =>
    expect(responseKindOf({ method, path, accept, fetchDest })).toBe(want),
  )
})

describe('colours', () => {
  it('are readable whatever the operator chose', () => {
    const colour = fc.integer({ min: 0, max: 0xffffff }).map((n) => `#${n.toString(16).padStart(6, '0')}`)
    fc.assert(
      fc.property(colour, (of) => {
        expect(
          contrast(readable(of, '#ffffff', ['#141218', '#1f1c25'], 4.5), '#1f1c25'),
        ).toBeGreaterThanOrEqual(4.5)
        const accents = [
          ...createStyle(of).css.matchAll(/--page:(#\w+);--card:(#\w+);.*?--accent:(#\w+);--on:(#\w+)/g),
        ]
        expect(accents).toHaveLength(3)
        for (const [, page, card, accent, on] of accents)
          for (const other of [page, card, on]) expect(contrast(accent!, other!)).toBeGreaterThanOrEqual(4.5)
      }),
    )
  })
  it('stay the operator’s own where that is readable', () => {
    expect(readable('#5c2d91', '#000000', ['#ffffff'], 4.5)).toBe('#5c2d91')
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21)
  })
})

describe('texts', () => {
  test.each([
    [59, 'zonet'],
    [60, 'een minuut geleden'],
    [7200, '2 uur geleden'],
    [86_400, 'een dag geleden'],
  ])('age of %d s', (seconds, text) => expect(ageText(textsOf('nl'), seconds)).toBe(text))
  it('groups thousands as the language does', () => {
    expect(languages.map((language) => grouped(textsOf(language), 1234567))).toEqual([
      '1.234.567',
      '1\u202f234\u202f567',
      '1.234.567',
      '1,234,567',
    ])
  })
  it('have twelve months each', () => {
    for (const language of languages) expect(new Set(textsOf(language).months).size).toBe(12)
  })
})

describe('connections', () => {
  it('take the place of the client’s own longest silent one, never of another client', () => {
    const closed: string[] = []
    const of = (id: string, remoteAddress: string) => ({ remoteAddress, destroy: () => void closed.push(id) })
    const connections = new Connections({ total: 5, perClient: 3 })
    const victim = of('victim', '192.0.2.9')
    connections.add(victim)
    const first = of('a1', '192.0.2.1')
    for (const c of [first, of('a2', '192.0.2.1'), of('a3', '192.0.2.1')]) connections.add(c)
    connections.touch(first)
    connections.add(of('a4', '192.0.2.1'))
    expect(closed).toEqual(['a2'])
    connections.add(of('b1', '192.0.2.2'))
    connections.add(of('b2', '192.0.2.2'))
    expect(closed).toEqual(['a2', 'a3'])
    expect(connections.size).toBe(5)
    connections.remove(victim, clientKey('192.0.2.9'))
    connections.remove(victim, clientKey('192.0.2.9'))
    expect(connections.size).toBe(4)
  })

  it('of a guest with a link-local address close none of the LAN', () => {
    const closed: string[] = []
    const of = (id: string, remoteAddress: string) => ({ remoteAddress, destroy: () => void closed.push(id) })
    const connections = new Connections({ total: 10, perClient: 1 })
    connections.add(of('lan', 'fe80::7%br-lan'))
    connections.add(of('guest', 'fe80::7%br-guest'))
    expect(closed).toEqual([])
  })
})
