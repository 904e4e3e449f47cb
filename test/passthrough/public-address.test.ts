import type { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { reachable } from '../../module/passthrough/public-address.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const entry = (cidr: string) => ({ address: cidr.split('/')[0]!, cidr })
/** A modem: loopback with the service addresses, the LAN, a LAN with public addresses, the WAN. */
const interfaces = {
  lo: [entry('127.0.0.1/8'), entry('100.130.1.1/32'), entry('2a02:a03f:53::53/128')],
  'br-lan': [entry('192.168.1.1/24'), entry('2a02:a03f:1::1/64')],
  'br-office': [entry('81.240.10.1/29')],
  wan: [entry('91.176.5.5/32'), entry('2a02:a03f:ffff::2/128')],
} as unknown as ReturnType<typeof networkInterfaces>
const networks = new LocalNetworks({ clock: new FakeClock(), networkInterfaces: () => interfaces })

test.each(['93.184.216.34', '8.8.8.8', '2606:2800:220:1:248:1893:25c8:1946', '2a02:a03f:2::1'])(
  '%s is a site',
  (address) => {
    expect(reachable([address], networks)).toEqual([address])
  },
)

test.each([
  ...['127.0.0.1', '127.1.2.3', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ...['192.168.77.1', '169.254.169.254', '100.64.0.1', '192.0.0.8', '198.18.53.53', '198.19.0.1'],
  ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'],
  // Its own, and its neighbours', although public.
  ...['91.176.5.5', '81.240.10.6', '2a02:a03f:ffff::2', '2a02:a03f:1::10', '2a02:a03f:53:0:0:0:0:53'],
  ...[
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '::8.8.8.8',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'fc00::1',
    'fd53:5ec:4e7::53',
  ],
  ...[
    'ff02::1',
    '64:ff9b::8.8.8.8',
    '64:ff9b::192.168.1.1',
    '64:ff9b:1::1',
    '2002:c0a8:101::1',
    '2001::1',
    '4000::1',
  ],
])('%s is none', (address) => {
  expect(reachable([address], networks)).toEqual([])
})
