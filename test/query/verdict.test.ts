// A name is looked up in the list once for each question that is forwarded, and again only where the list has changed.
import { expect, it } from 'vitest'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import { PENDING, Query } from '../../module/query/query.ts'
import { clientsOf } from '../helpers/clients.ts'
import { exchanged } from '../helpers/exchanged.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { query, rdata, reply } from '../helpers/wire.ts'

function chainOf() {
  const clock = new FakeClock()
  const list = { filtering: true, revision: 1, category: -1, lookUps: 0 }
  const waiting: (() => void)[] = []
  const policy = {
    get filtering() {
      return list.filtering
    },
    get revision() {
      return list.revision
    },
    verdict: () => {
      list.lookUps++
      return list.category
    },
    exempt: () => false,
  }
  const blocked = createBlockedReply({
    ...{ ipv4: Buffer.from([198, 18, 0, 53]), ipv6: null, pageUrl: 'http://198.18.0.53/', ttl: 10 },
    ...{ structuredErrors: false, operator: 'Operator' },
  })
  const chain = createChain({
    clients: clientsOf(),
    ...{ policy, blocked, clock, cache: new Cache({ clock, bytes: 1 << 20 }) },
    ...{ localZones: [], refuseBypass: true, observe: () => undefined },
    rateLimit: { admit: () => 'answer', admitError: () => true },
    inspect: createAnswerInspector({ policy, blocked, rebindProtection: true, rebindExempt: () => false }),
    upstream: {
      exchange: ({ message }, done) =>
        waiting.push(() =>
          exchanged(
            message,
            reply(message, { answers: [{ type: 1, rdata: rdata.a('192.0.2.1'), ttl: 60 }] }),
            done,
          ),
        ),
    },
  })
  const ask = () => {
    const asked = new Query(query({ name: 'a.example', type: 1 }), '192.0.2.7', 'udp')
    asked.respond = () => undefined
    return { asked, outcome: chain(asked) }
  }
  const answer = () => {
    for (const send of waiting.splice(0)) send()
  }
  return { list, clock, ask, answer }
}

it('one look-up for a question that is forwarded', () => {
  const { list, ask, answer } = chainOf()
  expect(ask().outcome).toBe(PENDING)
  answer()
  expect(list.lookUps).toBe(1)
})

it.each<[string, (list: ReturnType<typeof chainOf>['list']) => void, string]>([
  [
    'the list changes',
    (list) => {
      list.revision++
      list.category = 1
    },
    'blocked',
  ],
  ['the list changes, though not for this name', (list) => void list.revision++, 'forwarded'],
  [
    'protection comes on',
    (list) => {
      list.filtering = true
      list.revision++
      list.category = 1
    },
    'blocked',
  ],
])('again where %s while the answer is on its way', (what, change, reason) => {
  const { list, ask, answer } = chainOf()
  list.filtering = what !== 'protection comes on'
  const { asked } = ask()
  const before = list.lookUps
  change(list)
  answer()
  expect(asked.reason).toBe(reason)
  expect(list.lookUps).toBe(before + 1)
})

it('none for what is stored, until the list changes', () => {
  const { list, ask, answer } = chainOf()
  ask()
  answer()
  expect(ask().asked.reason).toBe('cached')
  expect(list.lookUps).toBe(1)
  list.revision++
  list.category = 0
  expect(ask().asked.reason).toBe('blocked')
  expect(list.lookUps).toBe(2)
})

it('the refresh of a stored answer looks the name up again', () => {
  const { list, clock, ask, answer } = chainOf()
  ask()
  answer()
  ask()
  clock.advance(57_000)
  expect(ask().asked.reason).toBe('cached')
  list.revision++
  list.category = 0
  answer()
  expect(list.lookUps).toBe(2)
  expect(ask().asked.reason).toBe('blocked')
})
