import { describe, expect, it } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import type { ChunkRef } from '../../module/blocklist/format/chunk-ref.ts'
import { ListFeed } from '../../module/control/list-feed.ts'
import { type MessageHandler, Session } from '../../module/control/mqtt/session.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { startAedes } from './broker.ts'
import { startBackend, until } from './rig.ts'

class FakeSession {
  readonly handlers = new Map<string, MessageHandler>()
  readonly asked: string[] = []
  subscribe(topic: string, handler: MessageHandler) {
    this.handlers.set(topic, handler)
    this.asked.push(topic)
  }
  unsubscribe(topic: string) {
    this.handlers.delete(topic)
  }
  deliver(topic: string, payload: string) {
    this.handlers.get(topic)?.({ topic, payload: Buffer.from(payload), retained: true })
  }
}

const snapshot = (index: number): ChunkRef => ({ list: 'securenet', version: 7, kind: 'snapshot', index })
const delta: ChunkRef = { list: 'securenet', version: 7, kind: 'delta', from: 5, index: 1 }
const turn = () => new Promise(setImmediate)

describe('list feed', () => {
  const make = () => {
    const clock = new FakeClock()
    const session = new FakeSession()
    return { clock, session, feed: new ListFeed({ session, clock, timeoutMs: 1000 }) }
  }

  it('asks for one chunk at a time, and leaves nothing subscribed', async () => {
    const { session, feed, clock } = make()
    const both = Promise.all([feed.fetch(snapshot(0)), feed.fetch(delta)])
    await turn()
    expect(session.asked).toEqual(['securenet/v1/list/securenet/7/snapshot/0'])
    session.deliver(session.asked[0]!, 'one')
    await turn()
    expect(session.asked[1]).toBe('securenet/v1/list/securenet/7/delta/5/1')
    session.deliver(session.asked[1]!, 'two')
    expect((await both).map(String)).toEqual(['one', 'two'])
    expect(session.handlers.size).toBe(0)
    expect(clock.waiting).toBe(0)
  })

  it('takes an empty message for no chunk, says which one is missing, and goes on with the next', async () => {
    const { clock, session, feed } = make()
    const first = feed.fetch(snapshot(3))
    const second = feed.fetch(snapshot(4))
    await turn()
    session.deliver(session.asked[0]!, '')
    clock.advance(1000)
    await expect(first).rejects.toMatchObject({
      code: 'LIST_CHUNK_MISSING',
      message: expect.stringContaining('snapshot/3'),
    })
    await turn()
    session.deliver(session.asked[1]!, 'four')
    expect(String(await second)).toBe('four')
    expect(session.handlers.size).toBe(0)
  })

  it('gets its chunk after a connection that broke meanwhile', async () => {
    const broker = await startAedes()
    const session = new Session({
      broker: broker.broker,
      clientId: 'm1',
      keepaliveSeconds: 5,
      clock: systemClock,
      log: createLog(() => undefined),
      random: Math.random,
      clockSane: () => true,
      presence: () => ({ topic: 'p', payload: Buffer.from('{}') }),
      backoff: { firstMs: 20, longestMs: 50 },
    })
    session.start()
    await until(() => session.status().connected)
    const chunk = new ListFeed({ session, clock: systemClock, timeoutMs: 5000 }).fetch(snapshot(0))
    await turn()
    await broker.stop()
    await until(() => !session.status().connected)
    await broker.restart()
    const backend = await startBackend(broker.broker)
    await backend.publish('securenet/v1/list/securenet/7/snapshot/0', 'whole')
    expect(String(await chunk)).toBe('whole')
    await backend.stop()
    await session.stop()
    await broker.stop()
  })
})
