import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostNameIn, hostNameText } from '../../module/diagnostics/host-name.ts'

describe('the host that a person means', () => {
  it.each<[text: string, host: string]>([
    ['example.com', 'example.com'],
    ['Example.COM.', 'example.com'],
    ['  example.com\n', 'example.com'],
    ['https://azukishop.live/login', 'azukishop.live'],
    ['HTTP://Azukishop.live:8443/a?b=c@d#e', 'azukishop.live'],
    ['azukishop.live/login', 'azukishop.live'],
    ['azukishop.live:443', 'azukishop.live'],
    ['//azukishop.live/', 'azukishop.live'],
    ['azukishop.live?x', 'azukishop.live'],
    ['https://www.bank.example@azukishop.live/', 'azukishop.live'],
    ['https:\\\\azukishop.live\\login', 'azukishop.live'],
    ['hxxps://azukishop[.]live', 'azukishop.live'],
    ['münchen.de', 'xn--mnchen-3ya.de'],
    ['https://MÜNCHEN.de/', 'xn--mnchen-3ya.de'],
    ['mu\u0308nchen.de', 'xn--mnchen-3ya.de'],
    ['xn--mnchen-3ya.de', 'xn--mnchen-3ya.de'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['_dmarc.example.com', '_dmarc.example.com'],
    ['r3---sn-4g5e.example', 'r3---sn-4g5e.example'],
    ['printer', 'printer'],
  ])('%j: %s', (text, host) => {
    expect(hostNameText(text)).toBe(host)
  })

  it.each([
    '',
    '.',
    ' ',
    'not a name',
    'https://',
    'https:///path',
    'mailto:',
    'a..b',
    '.example.com',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}example`,
    // Octets of Latin-1, as a terminal of another encoding hands them over.
    'm\ufffdnchen.de',
    "it's.example",
    '<script>.example',
    'a,b.example',
    '192.0.2.1',
    'http://192.0.2.1/login',
    '0x7f.1',
    '2130706433',
    '[2001:db8::1]',
    'http://[2001:db8::1]:80/',
    '2001:db8::1',
    'example.com\u0000',
  ])('refuses %j', (text) => {
    expect(() => hostNameIn(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
  })

  it('gives a host name, or refuses', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        try {
          const host = hostNameText(text)
          expect(host).toMatch(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/)
          expect(hostNameText(`https://user@${host}:8080/path`)).toBe(host)
        } catch (error) {
          expect(error).toMatchObject({ code: 'NAME_INVALID' })
        }
      }),
    )
  })
})
