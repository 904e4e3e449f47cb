import { networkInterfaces } from 'node:os'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readAddress } from '../../module/base/address.ts'
import { AddressTexts, portOf } from '../../module/listener/socket-addresses.ts'

/** A sockaddr_in or sockaddr_in6 as the kernel writes it, behind others. */
function socketAddress(octets: Uint8Array, port: number, scope = 0): { words: Int32Array; at: number } {
  const at = 7
  const bytes = Buffer.alloc(2 * at * 4, 0xff)
  const start = at * 4
  bytes.writeUInt16LE(octets.length === 4 ? 2 : 10, start)
  bytes.writeUInt16BE(port, start + 2)
  bytes.set(octets, start + (octets.length === 4 ? 4 : 8))
  bytes.writeUInt32LE(scope, start + 24)
  return { words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), at }
}

const textOf = (octets: number[], scope?: number) => {
  const { words, at } = socketAddress(Uint8Array.from(octets), 1, scope)
  return new AddressTexts().of(words, at)
}
const linkLocal = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

it.each([
  [[192, 0, 2, 255], '192.0.2.255'],
  [[0, 0, 0, 0], '0.0.0.0'],
  [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '2001:db8::1'],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '::1'],
  [linkLocal, 'fe80::1'],
])('%j is %s, as Node writes it', (octets, text) => {
  expect(textOf(octets)).toBe(text)
})

it('a link-local address is named with its device', () => {
  for (const [device, addresses = []] of Object.entries(networkInterfaces()))
    for (const address of addresses)
      if (address.family === 'IPv6' && address.scopeid > 0)
        expect(textOf(linkLocal, address.scopeid)).toBe(`fe80::1%${device}`)
})

it('without one where the device has gone: it must not pass for one of the household', () => {
  expect(textOf(linkLocal, 0x7fff_fff0)).toBe('fe80::1')
})

it('whoever is remembered, each address has its own text, and each port is read', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  const texts = new AddressTexts()
  const read = new Uint8Array(16)
  fc.assert(
    fc.property(fc.array(fc.tuple(address, fc.nat(65_535)), { maxLength: 60 }), (many) => {
      for (const [octets, port] of [...many, ...many]) {
        const { words, at } = socketAddress(octets, port)
        const text = texts.of(words, at)
        const width = readAddress(text, read)
        expect(read.subarray(0, width)).toEqual(octets)
        expect(portOf(words, at)).toBe(port)
      }
    }),
  )
})
