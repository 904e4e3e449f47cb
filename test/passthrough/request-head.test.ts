import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { nameOfRequest } from '../../module/passthrough/request-head.ts'

const read = (text: string) => nameOfRequest(Buffer.from(text, 'latin1'))

describe('the name in the head of a request', () => {
  const head = 'GET /a?b HTTP/1.1\r\nHost: Shop.Example:80\r\nAccept: */*\r\n\r\n'

  it('is its Host, known with the empty line and not before', () => {
    for (let length = 1; length < head.length; length++)
      expect([length, read(head.slice(0, length))]).toEqual([length, 'more'])
    expect(read(head)).toEqual({ name: 'shop.example' })
    expect(read(`${head}GET / HTTP/1.1\r\nHost: other.example\r\n\r\n`)).toEqual({ name: 'shop.example' })
  })

  test.each([
    ['absolute form wins', 'GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n', 'a.example'],
    ['HTTP/1.0 with Host', 'GET / HTTP/1.0\r\nHost: a.example\r\n\r\n', 'a.example'],
    ['HTTP/1.0 without', 'GET / HTTP/1.0\r\n\r\n', null],
    ['no Host in HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', null],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n', null],
    ['markup', 'GET / HTTP/1.1\r\nHost: <b>\r\n\r\n', null],
    ['an address', 'GET / HTTP/1.1\r\nHost: 198.18.53.53\r\n\r\n', null],
    ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', null],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n', null],
    ['a blank before the colon', 'GET / HTTP/1.1\r\nHost : a.example\r\n\r\n', null],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', null],
  ])('%s', (_what, text, name) => {
    expect(read(text)).toEqual({ name })
  })

  test.each([
    ['a TLS handshake', '\x16\x03\x01'],
    ['no method', '<b>hello'],
    ['a method without an end', 'A'.repeat(30)],
  ])('%s is told at once', (_what, text) => {
    expect(read(text)).toEqual({ name: null })
  })

  it('is a name, nothing, or not known yet, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        for (const text of [
          Buffer.from(a),
          Buffer.concat([Buffer.from('GET / HTTP/1.1\r\nHost: '), Buffer.from(b)]),
        ]) {
          const reading = nameOfRequest(text)
          if (reading !== 'more' && reading.name !== null)
            expect(reading.name).toMatch(/^[a-z0-9_.-]{1,253}$/)
        }
      }),
    )
  })
})
