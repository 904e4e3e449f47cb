import { expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import type { Reported } from '../../module/control/reported.ts'
import { Twin } from '../../module/control/twin.ts'
import { emptyBook, lineOf, withOrder } from '../../module/line/store.ts'
import type { Desired } from '../../module/line/types.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { noBroker } from './signers.ts'

it('what time alone changes: a suspension ends, on flash first, and a head expires', async () => {
  const clock = new FakeClock()
  const now = () => Math.floor(clock.now() / 1000)
  const instant = () => ({
    wall: now(),
    floor: now() - 3600,
    monotonic: Math.floor(clock.monotonic() / 1000),
    boot: 'b1',
  })
  const until = now() + 60
  const order: Desired = {
    v: 1,
    lineId: 'l1',
    generation: 1,
    sequence: 2,
    service: 'suspended',
    reason: 'maintenance',
    by: 'operator',
    until,
    issuedAt: now(),
  }
  const book = withOrder(emptyBook, { order, epoch: 1, now: instant() }).state
  const happened: string[] = []
  const reports: Reported[] = []
  let state: 'verified' | 'stale' = 'verified'
  const twin = new Twin({
    identity: { modemId: 'm1', bootId: 'b1', version: '0.1.0' },
    lineIds: ['l1'],
    list: 'securenet',
    session: {
      subscribe: () => undefined,
      unsubscribe: () => undefined,
      refresh: () => undefined,
      status: () => noBroker,
      keep: (_topic, payload) => reports.push(JSON.parse(String(payload))),
    },
    trust: {
      accept: async () => {
        throw new Error('no document comes')
      },
      role: () => undefined,
      placeOf: () => undefined,
      number: 1,
      next: 2,
      isStale: () => false,
    },
    book,
    writeBook: async (book) => void happened.push(`written ${lineOf(book, 'l1').service}`),
    trustedTime: {
      observe: () => undefined,
      forgetRoles: () => undefined,
      unbelieved: () => undefined,
      now: now,
      floor: () => now() - 3600,
      instant,
      persist: async () => undefined,
    },
    clock,
    log: createLog(() => undefined),
    onHead: () => undefined,
    act: async (book) => void happened.push(`acted ${lineOf(book, 'l1').service}`),
    measure: () => ({
      access: 'fixed',
      active: true,
      protecting: false,
      why: 'suspended',
      interfaces: { armed: [], refused: [] },
      list: { name: 'securenet', state },
      selfTest: { udp4: 'pass', tcp4: 'pass', udp6: 'pass', tcp6: 'pass', page: 'pass', forward: 'pass' },
    }),
  })
  twin.start()
  clock.advance(55_000)
  await new Promise(setImmediate)
  expect(happened).toEqual([])
  expect(reports.map(({ service }) => service)).toEqual(['suspended'])
  clock.advance(5000)
  await new Promise(setImmediate)
  clock.advance(20)
  expect(happened).toEqual(['written enabled', 'acted enabled'])
  expect(reports.at(-1)).toMatchObject({ service: 'enabled', reason: 'suspension-ended', sequence: 2 })

  // Nothing tells of a head that expires: it is said within a minute, and once.
  state = 'stale'
  const before = reports.length
  clock.advance(60_000)
  clock.advance(120_000)
  expect(reports.slice(before).map(({ list }) => list.state)).toEqual(['stale'])
  twin.stop()
})
