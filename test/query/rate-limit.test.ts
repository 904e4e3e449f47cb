import { describe, expect, it } from 'vitest'
import { guard } from '../../module/query/guard.ts'
import { DROP, NEXT, Query } from '../../module/query/query.ts'
import { createRateLimit } from '../../module/query/rate-limit.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { query } from '../helpers/wire.ts'

const asked = () => query({ name: 'a.example', type: 1 })
const unknownOpcode = () => query({ name: 'a.example', type: 1, flags: 3 << 11 })

function guardOf(clock: FakeClock, queriesPerSecond?: number) {
  const step = guard(createRateLimit({ clock, burst: 2000, queriesPerSecond }))
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
        createRateLimit({ clock, burst: 300, queriesPerSecond: 100, sharedBy }),
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
