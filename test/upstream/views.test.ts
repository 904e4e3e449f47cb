import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { ownClientKey } from '../../module/base/client-key.ts'
import { systemClock } from '../../module/base/clock.ts'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { createLog } from '../../module/base/log.ts'
import { ModemUpstream } from '../../module/upstream/modem-upstream.ts'
import { Views } from '../../module/upstream/views.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { answerTo, HostileUpstream, queryFor } from '../helpers/hostile-upstream.ts'

const on = (...cidrs: string[]) =>
  cidrs.map((cidr) => ({ address: cidr.split('/')[0], cidr }) as NetworkInterfaceInfo)
const modem = () => ({
  lo: on('127.0.0.1/8', '::1/128', '198.18.53.53/32', 'fd53:5ec:4e7::53/128'),
  'br-lan': on('192.168.1.1/24', '192.168.7.1/24', 'fd00:1::1/64', '2001:db8:1::1/64', 'fe80::1/64'),
  'br-guest': on('192.168.2.1/24', '2001:db8:2::1/64', 'fd53:5ec:4e7::53/128', 'fe80::1/64'),
  eth1: on('203.0.113.5/24'),
})

describe('Views', () => {
  const clock = new FakeClock()
  const views = new Views(['br-guest'], new LocalNetworks({ networkInterfaces: modem, clock }))

  it.each([
    ['192.168.1.5', 0],
    ['192.168.7.5', 0],
    ['fd00:1::5', 0],
    ['2001:db8:1::5', 0],
    ['fe80::5%br-lan', 0],
    ['192.168.2.5', 1],
    ['2001:db8:2::5', 1],
    ['fe80::5%br-guest', 1],
    // The modem asks itself: from loopback, and from service addresses that armed devices have too.
    ['127.0.0.1', 0],
    ['127.0.0.53', 0],
    ['198.18.53.53', 0],
    ['fd53:5ec:4e7::53', 0],
    ['192.168.2.1', 0],
    // Of no network: as a guest, who must not learn what the LAN is told.
    ['10.9.9.9', 1],
    ['2001:db8:9::1', 1],
  ])('%s is of view %i', (client, view) => {
    expect(views.of(client)).toBe(view)
  })

  it('overlapping prefixes: a guest', () => {
    const overlapping = () => ({ 'br-lan': on('10.0.0.1/8'), 'br-guest': on('10.1.0.1/16') })
    const views = new Views(['br-guest'], new LocalNetworks({ networkInterfaces: overlapping, clock }))
    expect([views.of('10.1.2.3'), views.of('10.2.2.3')]).toEqual([1, 0])
  })

  it('takes a new prefix over at once, and an old one’s new place within seconds', () => {
    let reads = 0
    const devices: Record<string, NetworkInterfaceInfo[]> = { 'br-lan': on('192.168.1.1/24') }
    const networkInterfaces = () => {
      reads++
      return devices
    }
    const views = new Views(['br-guest'], new LocalNetworks({ networkInterfaces, clock }))
    expect(views.of('2001:db8:1::5')).toBe(1)
    devices['br-lan'] = on('192.168.1.1/24', '2001:db8:1::1/64')
    // Not for every stranger's packet.
    expect(views.of('2001:db8:1::5')).toBe(1)
    expect(reads).toBe(1)
    clock.advance(1000)
    expect(views.of('2001:db8:1::5')).toBe(0)
    expect(reads).toBe(2)
    devices['br-guest'] = on('192.168.1.1/24')
    devices['br-lan'] = []
    expect(views.of('192.168.1.5')).toBe(0)
    clock.advance(10_000)
    expect(views.of('192.168.1.5')).toBe(1)
  })
})

describe('ModemUpstream', () => {
  const options = {
    servers: [],
    ...{
      timeoutMs: 300,
      inFlight: 10,
      sharedBy: 1,
      clock: systemClock,
      log: createLog(() => {}),
    },
    networks: new LocalNetworks({ clock: systemClock, networkInterfaces: modem }),
  }

  it('has no views where no network has an upstream of its own', () => {
    expect(new ModemUpstream({ ...options, mode: 'stock', byInterface: [] }).viewOf).toBeNull()
  })

  it('numbers them as they are configured', () => {
    const byInterface = ['br-iot', 'br-guest'].map((name) => ({ interface: name, servers: [] }))
    const { viewOf } = new ModemUpstream({ ...options, mode: 'stock', byInterface })
    expect(viewOf?.('192.168.2.5')).toBe(2)
    expect(viewOf?.('192.168.1.5')).toBe(0)
  })

  it('asks each view’s own servers; the stock resolver hears of none but the common one', async () => {
    const heard: string[] = []
    const server = (name: string) =>
      new HostileUpstream({
        onUdp: (query, send) => {
          heard.push(name)
          send(answerTo(query))
        },
      }).start()
    const [stock, guests] = await Promise.all([server('stock'), server('guests')])
    const upstream = new ModemUpstream({
      ...{ ...options, mode: 'wan', servers: [stock.at] },
      byInterface: [
        { interface: 'br-guest', servers: [guests.at] },
        // The operator's resolvers, of which none is known: not the stock resolver instead.
        { interface: 'br-iot', servers: [] },
      ],
    })
    await upstream.start()
    const ask = (view: number, name: string) =>
      new Promise<string>((resolve) =>
        upstream.exchange(
          { key: `${view} ${name}`, message: queryFor(name), clientKey: ownClientKey('c'), tcp: false, view },
          (_reply, failure) => resolve(failure ?? 'answered'),
        ),
      )
    try {
      expect(await ask(0, 'printer.lan')).toBe('answered')
      expect(await ask(1, 'printer.lan')).toBe('answered')
      expect(await ask(2, 'printer.lan')).toBe('network')
      expect(heard).toEqual(['stock', 'guests'])
    } finally {
      await upstream.stop()
      await Promise.all([stock.stop(), guests.stop()])
    }
  })
})
