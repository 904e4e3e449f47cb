// A broker that turns on us: what it can send without end must cost a bounded share, and fill nothing.
import { afterEach, describe, expect, it } from 'vitest'
import { DocumentFlow } from '../../module/control/document-flow.ts'
import { Presence } from '../../module/control/mqtt/presence.ts'
import type { MessageHandler } from '../../module/control/mqtt/session.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { mosquittoMissing, startAedes, startMosquitto } from './broker.ts'
import { startControl } from './control-bench.ts'
import { makeOperator, startBackend, temporaryFolder, until } from './rig.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

describe('one flow', () => {
  const open = () => {
    const clock = new FakeClock()
    const flow = new DocumentFlow({ topic: 't', kind: 'desired', target: {}, clock })
    const looked: string[] = []
    const overtaken: string[] = []
    const give = (text: string) =>
      void flow.admit(Buffer.from(text)).then((isNewest) => (isNewest ? looked : overtaken).push(text))
    return { clock, flow, looked, overtaken, give }
  }
  const settle = () => new Promise(setImmediate)

  it('of 8,000 documents in ten seconds at most 60 are looked at, and the last one is', async () => {
    const { clock, looked, overtaken, give } = open()
    for (let i = 0; i < 8000; i++) {
      give(String(i))
      if (i % 8 === 7) clock.advance(10)
    }
    clock.advance(1000)
    await settle()
    expect(looked.length).toBeLessThanOrEqual(64)
    expect(looked.at(-1)).toBe('7999')
    expect(looked.length + overtaken.length).toBe(8000)
  })

  it('nothing waits in a quiet hour, and what waits at the end is dropped', async () => {
    const { clock, flow, looked, overtaken, give } = open()
    for (let i = 0; i < 3600; i++) {
      give(String(i))
      await settle()
      expect(looked).toHaveLength(i + 1)
      clock.advance(1000)
    }
    for (let i = 0; i < 30; i++) give('burst')
    flow.stop()
    await settle()
    expect(looked.length + overtaken.length).toBe(3630)
    expect(clock.waiting).toBe(0)
  })
})

it('presence is answered once a minute, and what stands there wrong in the end is put right', async () => {
  const clock = new FakeClock()
  const presence = new Presence({ modemId: 'm1', bootId: 'b', lines: ['l1'], clock })
  let handler: MessageHandler = () => undefined
  const said: string[] = []
  const status = () =>
    ({ connected: true, session: 3 }) as ReturnType<Parameters<Presence['attach']>[0]['status']>
  presence.attach({
    subscribe: (_topic, given) => {
      handler = given
    },
    publish: async (_topic, payload) => void said.push(String(payload)),
    status,
  })
  for (let i = 0; i < 6000; i++) {
    const payload = Buffer.from(JSON.stringify({ bootId: `stranger-${i}`, session: i, online: false }))
    handler({ topic: topics.presence('m1'), payload, retained: false })
    clock.advance(50)
  }
  expect(said.length).toBeLessThanOrEqual(6)
  clock.advance(60_000)
  expect(said.length).toBeGreaterThanOrEqual(5)
  expect(JSON.parse(said.at(-1)!)).toMatchObject({ bootId: 'b', online: true })
})

describe.each([
  { name: 'aedes', missing: false, open: startAedes },
  {
    name: 'mosquitto',
    missing: mosquittoMissing,
    open: () => startMosquitto({ config: ['max_queued_messages 0'] }),
  },
])('the control part over $name', ({ missing, open }) => {
  if (missing) return it.skip('mosquitto is not installed', () => undefined)

  it('obeys the order that stands there after 3,000 bad ones, and says little of them', async () => {
    const test = await open()
    const { folder, remove } = temporaryFolder()
    closers.push(remove, async () => {
      await test.stop()
      test.remove()
    })
    const operator = makeOperator()
    const lines: string[] = []
    const { control, service } = await startControl({
      broker: test.broker,
      ...{ folder, operator },
      onLine: (line) => lines.push(line),
    })
    closers.push(() => control.stop())
    const backend = await startBackend(test.broker)
    closers.push(backend.stop)
    await backend.publish(topics.keys(1), await operator.keys(1))
    await until(() => backend.last()?.keysNumber === 1)
    const begin = performance.now()
    const bad = (i: number) => backend.publish(topics.desired('l1'), `no document ${i}`)
    await Promise.all(Array.from({ length: 3000 }, (_, i) => bad(i)))
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => service() === 'enabled')
    const seconds = (performance.now() - begin) / 1000
    const refused = lines.filter((line) => line.includes('document-refused')).length
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThanOrEqual(seconds + 2)
    await until(() => backend.last()?.service === 'enabled')
    const { count } = backend.last()!.refusals.find(({ kind }) => kind === 'desired')!
    expect(count).toBeLessThanOrEqual(22 + 4 * seconds)
  })
})
