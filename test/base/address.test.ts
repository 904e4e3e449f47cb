import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressBytes, addressText, readAddress, zoneOf } from '../../module/base/address.ts'

const canonical = (address: string) => new URL(`http://[${address}]`).hostname

describe('addressBytes', () => {
  it.each([
    ['198.18.0.53', [198, 18, 0, 53]],
    ['255.255.255.255', [255, 255, 255, 255]],
    ['::', Array(16).fill(0)],
    ['::1', [...Array(15).fill(0), 1]],
    ['1::', [0, 1, ...Array(14).fill(0)]],
    ['fe80::1%br-lan', [0xfe, 0x80, ...Array(13).fill(0), 1]],
    ['::ffff:192.0.2.1', [...Array(10).fill(0), 0xff, 0xff, 192, 0, 2, 1]],
    ['64:ff9b::192.0.2.1%eth0', [0, 0x64, 0xff, 0x9b, ...Array(8).fill(0), 192, 0, 2, 1]],
    ['2001:DB8:0:0:a::ff', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0xa, 0, 0, 0, 0, 0, 0xff]],
    ['1:2:3:4:5:6:7::', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
  ])('%s', (address, octets) => {
    expect([...addressBytes(address)]).toEqual(octets)
  })

  it('reads every spelling of an IPv6 address as a URL does', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(canonical(addressText(Buffer.from(addressBytes(address))))).toBe(canonical(address))
      }),
      { numRuns: 2000 },
    )
  })

  it('reads every IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressText(Buffer.from(addressBytes(address)))).toBe(address)
      }),
    )
  })
})

it('readAddress leaves nothing of what its room held before', () => {
  const room = new Uint8Array(16).fill(0xff)
  expect(readAddress('1::2', room)).toBe(16)
  expect([...room]).toEqual([0, 1, ...Array(13).fill(0), 2])
})

it.each([
  ['fe80::1%br-lan', 'br-lan'],
  ['fe80::1', ''],
  ['192.0.2.1', ''],
])('zoneOf(%s) is "%s"', (address, zone) => {
  expect(zoneOf(address)).toBe(zone)
})
