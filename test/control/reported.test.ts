import { describe, expect, it } from 'vitest'
import { type Reported, type ReportParts, reported } from '../../module/control/reported.ts'
import { ReportedPublisher } from '../../module/control/reported-publisher.ts'
import { validate as validatePresence } from '../../module/control/schemas/presence.json?compiled'
import { validate } from '../../module/control/schemas/reported.json?compiled'
import type { LineState } from '../../module/line/types.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const line: LineState = {
  lineId: 'l1',
  epoch: 1,
  generation: 3,
  sequence: 9,
  service: 'enabled',
  reason: 'subscribed',
  by: 'customer',
  issuedAt: 1_790_000_000,
  digest: 'd'.repeat(43),
}

const parts: ReportParts = {
  identity: { modemId: 'm1', bootId: 'b1', version: '0.1.0' },
  line,
  order: { outcome: 'applied' },
  keys: { number: 4, stale: false },
  fleet: 'run',
  fleetState: undefined,
  refusals: [],
  measured: {
    access: 'fixed',
    active: true,
    protecting: true,
    why: 'protecting',
    interfaces: { armed: ['br-lan'], refused: [] },
    list: {
      ...{ name: 'securenet', state: 'verified', version: 12, names: 13_752, phase: 'idle' },
      issuedAt: 1_789_999_000,
    },
    selfTest: { udp4: 'pass', tcp4: 'pass', udp6: 'pass', tcp6: 'skipped', page: 'pass', forward: 'unknown' },
  },
  at: 1_790_000_100,
  floor: 1_790_000_000,
  unbelieved: undefined,
}

describe('reported', () => {
  const cases: [string, Partial<ReportParts>, Partial<Reported>][] = [
    [
      'an order in force',
      {},
      { generation: 3, sequence: 9, outcome: 'applied', service: 'enabled', access: 'fixed' },
    ],
    [
      'an order that was rejected: what is in force stays',
      { order: { outcome: 'rejected', code: 'DOC_SIGNATURE' } },
      { generation: 3, sequence: 9, outcome: 'rejected', code: 'DOC_SIGNATURE', service: 'enabled' },
    ],
    [
      'a suspension, and a clock that stepped during it',
      {
        line: {
          ...line,
          service: 'suspended',
          reason: 'maintenance',
          until: 1_790_001_000,
          clockStep: { by: -90, believed: false },
        },
      },
      {
        service: 'suspended',
        until: 1_790_001_000,
        clock: { floor: 1_790_000_000, steppedBy: -90, believed: false },
      },
    ],
    [
      'a modem that never got an order nor a list',
      {
        line: {
          ...line,
          generation: 0,
          sequence: 0,
          service: 'dormant',
          reason: 'never-ordered',
          by: 'modem',
          digest: '',
        },
        order: { outcome: 'none' },
        keys: { number: 0, stale: false },
        measured: {
          ...parts.measured,
          active: false,
          protecting: false,
          why: 'dormant',
          interfaces: { armed: [], refused: [{ interface: 'br-guest', why: 'input is REJECT' }] },
          list: { name: 'securenet', state: 'none', phase: 'idle', code: 'LIST_CHUNK_MISSING' },
        },
      },
      {
        interfaces: { armed: [], refused: [{ name: 'br-guest', why: 'input is REJECT' }] },
        service: 'dormant',
        outcome: 'none',
        protecting: false,
        keysNumber: 0,
      },
    ],
    [
      'a role’s signature that is not believed about the time',
      { unbelieved: 1_790_009_000 },
      { clock: { floor: 1_790_000_000, unbelieved: 1_790_009_000 } },
    ],
    [
      'a fleet order in force, by its rank, also where it does not reach this line',
      {
        fleetState: {
          epoch: 2,
          order: { v: 1, sequence: 7, mode: 'pause', percent: 1, salt: 's', reason: 'r', issuedAt: 1 },
          digest: 'f'.repeat(43),
        },
      },
      { fleet: 'run', fleetOrder: { epoch: 2, sequence: 7, digest: 'f'.repeat(43) } },
    ],
    [
      'what was refused',
      { refusals: [{ kind: 'request', code: 'DOC_NOT_SIGNED', count: 3, at: 1_790_000_050 }] },
      { refusals: [{ kind: 'request', code: 'DOC_NOT_SIGNED', count: 3, at: 1_790_000_050 }] },
    ],
  ]
  it.each(cases)('%s', (_what, change, expected) => {
    const report = reported({ ...parts, ...change })
    expect(report).toMatchObject(expected)
    const sent = JSON.parse(JSON.stringify(report))
    expect(validate(sent), JSON.stringify(validate.errors)).toBe(true)
  })

  it('carries nothing else of the stored state', () => {
    const sent = JSON.parse(JSON.stringify(reported(parts)))
    for (const name of ['epoch', 'countdown', 'clockStep']) expect(sent).not.toHaveProperty(name)
    expect(validate({ ...sent, outcome: 'perhaps' })).toBe(false)
  })

  it('tells which order is in force, and nothing before the first', () => {
    expect(reported(parts).digest).toBe(line.digest)
    expect(reported({ ...parts, line: { ...line, digest: '' } })).not.toHaveProperty('digest')
    expect(reported(parts)).not.toHaveProperty('fleetOrder')
  })

  it('is right by its schema for a reader that is older than the module: reasons are added', () => {
    const sent = JSON.parse(JSON.stringify(reported(parts)))
    expect(validate({ ...sent, why: 'a-reason-of-tomorrow', more: 1 })).toBe(true)
    expect(validate({ ...sent, why: 'not\u001ba reason' })).toBe(false)
  })

  it('has a schema for presence that holds', () => {
    expect(validatePresence({ bootId: 'b', session: 1, online: true })).toBe(true)
    expect(validatePresence({ bootId: 'b', session: -1, online: true })).toBe(false)
  })
})

describe('publication of reported', () => {
  function make() {
    const clock = new FakeClock()
    const sent: { at: number; report: Reported }[] = []
    let order: ReportParts['order'] = { outcome: 'applied' }
    const publisher = new ReportedPublisher({
      clock,
      session: {
        keep: (_topic, payload) => sent.push({ at: clock.monotonic(), report: JSON.parse(String(payload)) }),
      },
      build: () => reported({ ...parts, order, at: Math.floor(clock.now() / 1000) }),
    })
    return { clock, sent, publisher, change: (code: string) => (order = { outcome: 'rejected', code }) }
  }

  it('says a change within 100 ms, and the newest of a burst, five times a second at most', () => {
    const { clock, sent, publisher, change } = make()
    publisher.changed('l1')
    clock.advance(100)
    expect(sent.map(({ at }) => at)).toEqual([20])
    for (let i = 0; i < 1000; i++) {
      change(`C${i}`)
      publisher.changed('l1')
      clock.advance(1)
    }
    clock.advance(1000)
    expect(sent.length).toBeGreaterThan(4)
    expect(sent.length).toBeLessThanOrEqual(9)
    expect(sent.at(-1)?.report.code).toBe('C999')
  })

  it('is silent where nothing differs, unless a repeated order asks', () => {
    const { clock, sent, publisher } = make()
    publisher.changed('l1')
    clock.advance(5000)
    publisher.changed('l1')
    clock.advance(5000)
    expect(sent).toHaveLength(1)
    publisher.changed('l1', true)
    clock.advance(20)
    expect(sent).toHaveLength(2)
  })

  it('says nothing after its end', () => {
    const { clock, sent, publisher } = make()
    publisher.changed('l1')
    publisher.stop()
    publisher.changed('l1')
    clock.advance(5000)
    expect(sent).toEqual([])
  })
})
