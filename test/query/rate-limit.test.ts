import { describe, expect, it } from 'vitest'
import { guard } from '../../module/query/guard.ts'
import { DROP, NEXT, Query } from '../../module/query/query.ts'
import { createRateLimit } from '../../module/query/rate-limit.ts'
import { clientsOf, onDevice } from '../helpers/clients.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { query } from '../helpers/wire.ts'

const asked = () => query({ name: 'a.example', type: 1 })
const unknownOpcode = () => query({ name: 'a.example', type: 1, flags: 3 << 11 })

function guardOf(clock: FakeClock, queriesPerSecond?: number) {
  const step = guard(createRateLimit({ clock, clients: clientsOf(), burst: 2000, queriesPerSecond }))
  return (message: Buffer, from: string) => step(new Query(message, from, 'udp'))
}

const errorsOf = (ask: (message: Buffer, from: string) => unknown, from: string, times: number) =>
  Array.from({ length: times }, () => ask(unknownOpcode(), from)).filter((outcome) => outcome !== DROP).length

describe('errors are rate-limited (docs/dns.md, Limits)', () => {
  it('answers every error of a client that is tested (RFC 8906 §3), and a tenth of a flood', () => {
    const clock = new FakeClock()
    const ask = guardOf(clock)
    expect(errorsOf(ask, '192.0.2.7', 200)).toBe(200)
    expect(errorsOf(ask, '192.0.2.7', 1000)).toBe(0)
    clock.advance(1000)
    expect(errorsOf(ask, '192.0.2.7', 1000)).toBe(100)
  })

  it('leaves the questions of that client, and the errors of others, alone', () => {
    const ask = guardOf(new FakeClock())
    errorsOf(ask, '192.0.2.7', 500)
    expect(ask(asked(), '192.0.2.7')).toBe(NEXT)
    expect(errorsOf(ask, '192.0.2.8', 1)).toBe(1)
  })

  it('counts IPv6 clients by /64', () => {
    const ask = guardOf(new FakeClock())
    errorsOf(ask, '2001:db8:1:2::7', 200)
    expect(errorsOf(ask, '2001:db8:1:2:ffff::8', 1)).toBe(0)
    expect(errorsOf(ask, '2001:db8:1:3::8', 1)).toBe(1)
  })

  it('counts link-local clients by address and network: a guest takes nothing from the LAN', () => {
    const ask = guardOf(new FakeClock())
    errorsOf(ask, 'fe80::7%br-guest', 200)
    expect(errorsOf(ask, 'fe80::7%br-guest', 1)).toBe(0)
    expect(errorsOf(ask, 'fe80::7%br-lan', 1)).toBe(1)
    expect(errorsOf(ask, 'fe80::8%br-guest', 1)).toBe(1)
  })

  it('limits the modem itself only where its questions are limited too', () => {
    expect(errorsOf(guardOf(new FakeClock()), '127.0.0.1', 1000)).toBe(1000)
    expect(errorsOf(guardOf(new FakeClock(), 1000), '127.0.0.1', 1000)).toBe(200)
  })
})

describe('limits shared out between threads', () => {
  it('admit in all what one thread would', () => {
    const clock = new FakeClock()
    const admitted = (sharedBy: number) => {
      const limits = Array.from({ length: sharedBy }, () =>
        createRateLimit({ clock, clients: clientsOf(), burst: 300, queriesPerSecond: 100, sharedBy }),
      )
      const ask = () =>
        limits.map((limit) => {
          let count = 0
          while (limit.admit('192.0.2.7', 'udp') === 'answer') count++
          return count
        })
      const atOnce = ask()
      clock.advance(1000)
      return [atOnce, ask()].map((counts) => counts.reduce((sum, count) => sum + count, 0))
    }
    expect(admitted(1)).toEqual([300, 100])
    expect(admitted(4)).toEqual([300, 100])
  })
})

describe('who is a client (docs/dns.md, Limits)', () => {
  const modem = {
    lo: onDevice('127.0.0.1/8', '198.18.53.53/32', 'fd53:5ec:4e7::53/128'),
    'br-lan': onDevice('192.168.1.1/24', '2001:db8:1::1/64'),
    'br-guest': onDevice('192.168.3.1/24', '2001:db8:3::1/64', 'fd53:5ec:4e7::53/128'),
  }
  const limitOf = (clock: FakeClock, options: { queriesPerSecond?: number; burst?: number } = {}) =>
    createRateLimit({
      ...{ clock, burst: 100, queriesPerSecond: 100, ...options },
      clients: clientsOf(modem, ['198.18.53.53', 'fd53:5ec:4e7::53']),
    })
  type Limit = ReturnType<typeof limitOf>
  const admitted = (limit: Limit, addresses: readonly string[]) =>
    addresses.filter((address) => limit.admit(address, 'udp') === 'answer').length
  const times = (count: number, address: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => address(i))

  it('a device of the LAN is one address, and takes nothing from another of the same /64', () => {
    const limit = limitOf(new FakeClock())
    expect(
      admitted(
        limit,
        times(500, () => '2001:db8:1::10'),
      ),
    ).toBe(100)
    expect(
      admitted(
        limit,
        times(50, () => '2001:db8:1::20'),
      ),
    ).toBe(50)
    expect(
      admitted(
        limit,
        times(50, () => 'fe80::20%br-lan'),
      ),
    ).toBe(50)
    expect(
      admitted(
        limit,
        times(50, () => '192.168.1.20'),
      ),
    ).toBe(50)
  })

  it('off the link a /64 is one client', () => {
    const limit = limitOf(new FakeClock())
    expect(
      admitted(
        limit,
        times(500, (i) => `2001:db8:9::${i.toString(16)}`),
      ),
    ).toBe(100)
  })

  it('who turns through addresses has what two clients have; who is known loses nothing by it, nor another link', () => {
    const clock = new FakeClock()
    const limit = limitOf(clock)
    for (let second = 0; second < 5; second++) {
      expect(limit.admit('2001:db8:1::10', 'udp')).toBe('answer')
      clock.advance(1000)
    }
    const forged = times(5000, (i) => `2001:db8:1::${(i + 0x1000).toString(16)}`)
    expect(admitted(limit, forged)).toBe(200)
    expect(
      admitted(
        limit,
        times(5, () => '2001:db8:1::10'),
      ),
    ).toBe(5)
    expect(
      admitted(
        limit,
        times(50, () => '2001:db8:3::10'),
      ),
    ).toBe(50)
    // A device that has only just come waits a moment, and is served.
    expect(limit.admit('2001:db8:1::20', 'udp')).not.toBe('answer')
    clock.advance(1000)
    admitted(limit, forged)
    expect(limit.admit('2001:db8:1::20', 'udp')).toBe('answer')
  })

  it.each(['198.18.53.53', 'fd53:5ec:4e7::53'])(
    'the self-test, from %s, has no limit that a client shares',
    (own) => {
      const limit = limitOf(new FakeClock(), { queriesPerSecond: 1, burst: 1 })
      admitted(
        limit,
        times(100, () => 'fd53:5ec:4e7::1'),
      )
      expect(
        admitted(
          limit,
          times(100, () => own),
        ),
      ).toBe(100)
      expect(limit.waitMs(own)).toBe(0)
    },
  )

  it('questions over TCP count too, and a connection waits until its client may ask again', () => {
    const clock = new FakeClock()
    const limit = limitOf(clock)
    expect(limit.waitMs('192.168.1.10')).toBe(0)
    for (let i = 0; i < 100; i++) limit.admit('192.168.1.10', 'tcp')
    expect(limit.waitMs('192.168.1.10')).toBeGreaterThan(0)
    expect(limit.admit('192.168.1.10', 'udp')).not.toBe('answer')
    expect(limit.waitMs('192.168.1.20')).toBe(0)
    clock.advance(limit.waitMs('192.168.1.10'))
    expect(limit.waitMs('192.168.1.10')).toBe(0)
  })
})
