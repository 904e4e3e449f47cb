import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressBytes, zoneOf } from '../../module/base/address.ts'
import { clientKey, clientKeyOf, ownClientKey } from '../../module/base/client-key.ts'

describe('clientKey', () => {
  it.each([
    ['an address of IPv4', '192.0.2.1', '192.0.2.1'],
    ['what a socket of IPv6 shows of IPv4', '::ffff:192.0.2.1', '192.0.2.1'],
    ['a /64 off the link', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9'],
    ['a /64 in another spelling', '2001:db8:0:0::6', '2001:0DB8::7'],
    ['a link-local address of one network', 'fe80::1%br-lan', 'fe80:0:0:0:0:0:0:1%br-lan'],
  ])('is equal within %s: %s and %s', (_, one, other) => {
    expect(clientKey(one)).toBe(clientKey(other))
  })

  it.each([
    ['addresses of IPv4', '192.0.2.1', '192.0.2.2'],
    ['/64s', '2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['networks of a link-local address', 'fe80::1%br-lan', 'fe80::1%br-guest'],
    ['link-local addresses of a network', 'fe80::1%br-lan', 'fe80::2%br-lan'],
    ['all of fe80::/10', 'febf::1%br-lan', 'febf::1%br-guest'],
    ['an address of IPv4 and its translation', '192.0.2.1', '64:ff9b::192.0.2.1'],
    ['a device and a part of the module', '192.0.2.1', undefined],
  ])('tells apart %s: %s and %s', (_, one, other) => {
    expect(clientKey(one)).not.toBe(clientKey(other))
  })

  it('is the same from text and from octets', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('fe80::1%eth0', '::1')), (address) => {
        const bytes = addressBytes(address)
        const padded = Buffer.concat([bytes, Buffer.alloc(16)], 16)
        expect(clientKeyOf(padded, bytes.length as 4 | 16, zoneOf(address))).toBe(clientKey(address))
      }),
    )
  })

  it('tells addresses apart in the prefixes that are said to be on the link', () => {
    const isOnLink = (octets: Uint8Array) => octets[0] === 0x20 && octets[1] === 0x01
    const keyOf = (address: string) => clientKeyOf(Buffer.from(addressBytes(address)), 16, '', isOnLink)
    expect(keyOf('2001:db8::1')).not.toBe(keyOf('2001:db8::2'))
    expect(keyOf('2a02::1')).toBe(keyOf('2a02::2'))
  })
})

describe('ownClientKey', () => {
  it('is one for each part, and of no device', () => {
    expect(ownClientKey('check')).toBe(ownClientKey('check'))
    expect(ownClientKey('check')).not.toBe(ownClientKey('probe'))
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.string(), (address, part) => {
        expect(ownClientKey(part)).not.toBe(clientKey(address))
      }),
    )
  })
})
