// A reply that matches its question and cannot be read is a failure like silence (RFC 8767 §5, RFC 8914 §4.24).
import { expect, it } from 'vitest'
import { createAnswerInspector } from '../../module/query/answer-inspector.ts'
import { createBlockedReply } from '../../module/query/blocked.ts'
import { Cache } from '../../module/query/cache.ts'
import { createChain } from '../../module/query/chain.ts'
import { Query } from '../../module/query/query.ts'
import { clientsOf } from '../helpers/clients.ts'
import { exchanged } from '../helpers/exchanged.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { opt, query, rdata, reply } from '../helpers/wire.ts'
import { decode } from '../helpers/zone-text.ts'

function household() {
  const clock = new FakeClock()
  const policy = { filtering: true, revision: 1, verdict: () => -1, exempt: () => false }
  const blocked = createBlockedReply({
    ...{ ipv4: Buffer.from([198, 18, 0, 53]), ipv6: null, pageUrl: 'http://198.18.0.53/', ttl: 10 },
    ...{ structuredErrors: false, operator: 'Operator' },
  })
  let answerOf = (message: Buffer) => message
  const chain = createChain({
    clients: clientsOf(),
    ...{ policy, blocked, clock, cache: new Cache({ clock, bytes: 1 << 20 }) },
    ...{ localZones: [], refuseBypass: true, observe: () => undefined },
    rateLimit: { admit: () => 'answer', admitError: () => true },
    inspect: createAnswerInspector({ policy, blocked, rebindProtection: true, rebindExempt: () => false }),
    upstream: {
      exchange: ({ message }, done) => queueMicrotask(() => exchanged(message, answerOf(message), done)),
    },
  })
  const ask = async () => {
    const asked = new Query(query({ name: 'a.example', type: 1, tail: opt() }), '192.0.2.7', 'udp')
    const later = new Promise<Buffer>((resolve) => {
      asked.respond = resolve
    })
    const outcome = chain(asked)
    return { asked, said: decode(typeof outcome === 'symbol' ? await later : outcome) }
  }
  const upstreamSays = (says: (message: Buffer) => Buffer) => {
    answerOf = says
  }
  return { clock, ask, upstreamSays }
}

const good = (message: Buffer) =>
  reply(message, { answers: [{ type: 1, rdata: rdata.a('192.0.2.1'), ttl: 60 }] })
const cutOff = (message: Buffer) => good(message).subarray(0, -3)
const ede = (said: ReturnType<typeof decode>) =>
  said.opt?.options.filter(({ code }) => code === 15).map(({ data }) => data.readUInt16BE(0))

it('SERVFAIL with EDE 23 where nothing better is known', async () => {
  const { ask, upstreamSays } = household()
  upstreamSays(cutOff)
  const { asked, said } = await ask()
  expect(asked.reason).toBe('upstream-failure')
  expect(said.rcode).toBe(2)
  expect(ede(said)).toEqual([23])
})

it('the stale answer where there is one', async () => {
  const { ask, upstreamSays, clock } = household()
  upstreamSays(good)
  await ask()
  clock.advance(61_000)
  upstreamSays(cutOff)
  const { asked, said } = await ask()
  expect(asked.reason).toBe('stale')
  expect(said.sections[0]!.map(({ text }) => text)).toEqual(['a.example 30 A 192.0.2.1'])
  expect(ede(said)).toEqual([3])
})
