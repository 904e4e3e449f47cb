import { describe, expect, it } from 'vitest'
import { addressBytes } from '../../module/base/address.ts'
import {
  classOf,
  isGlobal,
  isLoopback,
  isPrivate4,
  isPrivate6,
  needsZone,
  v4Within,
} from '../../module/base/address-class.ts'

const isPrivate = (address: string) => {
  const octets = addressBytes(address)
  return octets.length === 4 ? isPrivate4(octets, 0) : isPrivate6(octets, 0)
}

/** First and last address of each block, and the neighbours outside it. */
describe.each([
  ['unspecified', true, '0.0.0.0', '0.255.255.255', null, '1.0.0.0'],
  ['private', true, '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['private', true, '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['loopback', true, '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['link-local', true, '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['private', true, '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['private', true, '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['reserved', false, '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['reserved', false, '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['multicast', false, '224.0.0.0', '239.255.255.255', '223.255.255.255', null],
  ['reserved', false, '240.0.0.0', '255.255.255.255', null, null],
  ['unspecified', true, '::', '::', null, null],
  ['loopback', true, '::1', '::1', null, '::2'],
  ['mapped', true, '::ffff:0.0.0.0', '::ffff:255.255.255.255', '::fffe:ffff:ffff', '::1:0:0:0'],
  ['private', true, 'fc00::', 'fdff:ffff::', 'fbff:ffff::', 'fe00::'],
  ['link-local', true, 'fe80::', 'febf:ffff::', 'fe7f:ffff::', null],
  ['private', true, 'fec0::', 'feff:ffff::', null, null],
  ['tunnel', false, '2001::', '2001:0:ffff::', '2000:ffff::', '2001:1::'],
  ['tunnel', false, '2002::', '2002:ffff::', '2001:ffff::', '2003::'],
  ['multicast', false, 'ff00::', 'ffff::', null, null],
] as const)('%s (private: %s) %s to %s', (kind, isOfHousehold, first, last, before, after) => {
  it.each([first, last])('%s is in it, and no site', (address) => {
    expect(classOf(address)).toBe(kind)
    expect(isPrivate(address)).toBe(isOfHousehold)
    expect(isGlobal(address)).toBe(false)
  })
  it.each([before, after].filter((address) => address !== null))('%s is in none', (address) => {
    expect(classOf(address)).toBeNull()
    expect(isPrivate(address)).toBe(false)
  })
})

it.each([
  ['8.8.8.8', true],
  ['2a02:a03f::1', true],
  ['3fff:ffff::', true],
  ['4000::', false],
  ['::2', false],
  ['64:ff9b::8.8.8.8', false],
])('isGlobal(%s): %s', (address, expected) => {
  expect(isGlobal(address)).toBe(expected)
})

it.each([
  ['64:ff9b::10.0.0.1', true, 12],
  ['64:ff9b::8.8.8.8', false, 12],
  ['64:ff9b:0:1::10.0.0.1', false, -1],
  ['::ffff:8.8.8.8', true, 12],
  ['2a02::10.0.0.1', false, -1],
])('%s: private %s, IPv4 at %i', (address, expected, at) => {
  expect(isPrivate(address)).toBe(expected)
  expect(v4Within(addressBytes(address), 0)).toBe(at)
})

it.each([
  ['127.0.0.1', true],
  ['127.255.255.255', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['128.0.0.1', false],
  ['::', false],
  ['12.7.0.0', false],
  ['::1:1', false],
])('isLoopback(%s): %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected)
})

it.each([
  ['fe80::1', true],
  ['FE90::1%eth0', true],
  ['febf::1', true],
  ['fec0::1', false],
  ['fe8::1', false],
  ['169.254.0.1', false],
])('needsZone(%s): %s', (address, expected) => {
  expect(needsZone(address)).toBe(expected)
})
