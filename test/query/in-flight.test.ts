// A client that has too many questions waiting for upstream is refused, and takes nothing from another.
import { expect, it } from 'vitest'
import { Cache } from '../../module/query/cache.ts'
import { createForward } from '../../module/query/forward.ts'
import { PENDING, Query } from '../../module/query/query.ts'
import { clientsOf } from '../helpers/clients.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { opt, query } from '../helpers/wire.ts'

it.each([
  ['192.0.2.7', '192.0.2.8'],
  ['2001:db8:1:1::7', '2001:db8:1:2::7'],
  ['fe80::7%br-guest', 'fe80::7%br-lan'],
])('all places of %s are its own, not those of %s', (greedy, modest) => {
  const clock = new FakeClock()
  const waiting: (() => void)[] = []
  const keys = new Set<string>()
  const { step } = createForward({
    ...{
      clock,
      clients: clientsOf(),
      cache: new Cache({ clock, bytes: 1 << 20 }),
      inspect: () => null,
      observe: () => undefined,
    },
    policy: { filtering: true, revision: 1, verdict: () => -1, exempt: () => false },
    upstream: {
      exchange: ({ clientKey }, done) => {
        keys.add(clientKey)
        waiting.push(() => done(null, 'timeout'))
      },
    },
  })
  const ask = (from: string) => {
    const asked = new Query(query({ name: 'a.example', type: 1, tail: opt() }), from, 'udp')
    asked.read()
    asked.key = 'key'
    return step(asked)
  }
  let places = 0
  while (ask(greedy) === PENDING) places++
  expect(places).toBe(1024)
  expect(ask(modest)).toBe(PENDING)
  expect(keys.size).toBe(2)
  waiting[0]!()
  expect(ask(greedy)).toBe(PENDING)
})
