import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../scripts/operator/broker.ts'
import { type ConnectOptions, connectBroker } from '../../../scripts/operator/mqtt/connect.ts'
import { mosquittoMissing, startAedes, startMosquitto } from '../../control/broker.ts'
import { startProxy } from '../proxy.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const answerMs = 2000
async function connected(url: string, options: ConnectOptions = {}): Promise<Broker> {
  const broker = await connectBroker({ url }, { answerMs, ...options })
  closers.push(() => broker.close())
  return broker
}

async function mosquitto(options: Parameters<typeof startMosquitto>[0] = {}) {
  const started = await startMosquitto(options)
  closers.push(async () => {
    await started.stop()
    started.remove()
  })
  return started.broker.url
}

async function proxied(url: string) {
  const proxy = await startProxy(url)
  closers.push(() => proxy.stop())
  return proxy
}

/** A broker that takes connections and does as it is told with what comes. */
async function stub(answer: (bytes: Buffer, write: (bytes: Buffer) => void, hangUp: () => void) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) =>
      answer(
        bytes,
        (out) => socket.write(out),
        () => socket.destroy(),
      ),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const topic = 'securenet/v1/line/a/desired'

describe.each([
  { name: 'mosquitto, MQTT 5', start: mosquitto, missing: mosquittoMissing },
  {
    name: 'aedes, MQTT 3.1.1',
    start: async () => {
      const aedes = await startAedes()
      closers.push(() => aedes.stop())
      return aedes.broker.url
    },
    missing: false,
  },
])('$name', ({ start, missing }) => {
  it.skipIf(missing)('reads what is retained, and proves that there is nothing', async () => {
    const url = await start()
    const broker = await connected(url)
    expect(await broker.read(topic)).toBeUndefined()
    await broker.put(topic, 'one', true)
    expect(String(await broker.read(topic))).toBe('one')
    await broker.put(topic, '', true)
    expect(await broker.read(topic)).toBeUndefined()
  })

  it.skipIf(missing)(
    'is not misled by a slow network: later than any silence that was taken for an answer',
    async () => {
      const url = await start()
      const direct = await connected(url)
      await direct.put(topic, 'the order')
      const proxy = await proxied(url)
      const broker = await connected(proxy.url, { answerMs: 10_000 })
      proxy.delayMs = 700
      expect(String(await broker.read(topic))).toBe('the order')
      expect(await broker.read(`${topic}-2`)).toBeUndefined()
    },
  )

  it.skipIf(missing)(
    'reads 1,500 topics at once, each for itself',
    async () => {
      const url = await start()
      const broker = await connected(url, { answerMs: 20_000 })
      const topicOf = (i: number) => `securenet/v1/line/l${i}/desired`
      const ids = Array.from({ length: 1500 }, (_, i) => i)
      await Promise.all(ids.filter((i) => i % 3).map((i) => broker.publish(topicOf(i), String(i), true)))
      const read = await Promise.all(ids.map((i) => broker.read(topicOf(i))))
      expect(read.map((payload) => payload && Number(payload))).toEqual(
        ids.map((i) => (i % 3 ? i : undefined)),
      )
    },
    60_000,
  )

  it.skipIf(missing)('two readers of one topic do not take it from each other', async () => {
    const broker = await connected(await start())
    await broker.put(topic, 'x')
    const heard: string[] = []
    const end = await broker.follow(topic, (_topic, payload) => heard.push(String(payload)))
    await Promise.all(Array.from({ length: 10 }, () => broker.read(topic)))
    await broker.publish(topic, 'later', true)
    await expect.poll(() => heard).toContain('later')
    await end()
  })
})

describe('a connection that goes', () => {
  it.skipIf(mosquittoMissing)('during a publish: said, with what was under way', async () => {
    const proxy = await proxied(await mosquitto())
    const broker = await connected(proxy.url)
    proxy.cutBefore = () => true
    await expect(broker.publish(topic, 'x', true)).rejects.toMatchObject({
      code: 'OPERATOR_BROKER_LOST',
      exit: 3,
      message: expect.stringContaining(topic),
    })
    await expect(broker.lost).rejects.toMatchObject({ code: 'OPERATOR_BROKER_LOST' })
    await expect(broker.read(topic)).rejects.toMatchObject({ code: 'OPERATOR_BROKER_LOST' })
  })

  it.skipIf(mosquittoMissing)('silent: a time-out for each answer', async () => {
    const proxy = await proxied(await mosquitto())
    const broker = await connected(proxy.url, { answerMs: 300 })
    proxy.mute = true
    for (const act of [
      () => broker.publish(topic, 'x', true),
      () => broker.read(topic),
      () => broker.follow(topic, () => undefined),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'OPERATOR_BROKER_MUTE', exit: 3 })
  })

  it('silent from the start', async () => {
    const url = await stub(() => undefined)
    await expect(connected(url, { answerMs: 300 })).rejects.toMatchObject({
      code: 'OPERATOR_BROKER_UNREACHABLE',
      exit: 3,
      message: expect.stringContaining('CONNACK'),
    })
  })
})

describe('the version', () => {
  const connect5 = (bytes: Buffer) => bytes[0] === 0x10 && bytes[8] === 5
  it('5 refused by hanging up: 3.1.1', async () => {
    const url = await stub((bytes, write, hangUp) => {
      if (connect5(bytes)) hangUp()
      else write(Buffer.from([0x20, 2, 0, 0]))
    })
    expect((await connected(url)).limits.protocol).toBe('3.1.1')
  })
  it('both refused by hanging up: said', async () => {
    const url = await stub((_bytes, _write, hangUp) => hangUp())
    await expect(connected(url)).rejects.toMatchObject({
      code: 'OPERATOR_BROKER_UNREACHABLE',
      message: expect.stringContaining('MQTT 5 and then 3.1.1'),
    })
  })
})

describe('an account that may not', () => {
  const acl = (...rules: string[]) => rules.join('\n')
  it.skipIf(mosquittoMissing).each([
    { version: 5, code: 'OPERATOR_NOT_AUTHORISED' },
    // 3.1.1 has no word for it: the broker acknowledges, and keeps nothing.
    { version: 4, code: 'OPERATOR_NOT_KEPT' },
  ])('write, with MQTT $version', async ({ version, code }) => {
    const url = await mosquitto({ acl: acl('topic read #', 'topic write other/#') })
    const broker = await connected(url, { answerMs: 500, versions: [version as 5 | 4] })
    await expect(broker.put(topic, 'x')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(topic),
    })
  })

  it.skipIf(mosquittoMissing)('read: what stands there is not known, and not "nothing"', async () => {
    const url = await mosquitto({ acl: acl('topic write #') })
    const broker = await connected(url, { answerMs: 500 })
    await expect(broker.read(topic)).rejects.toMatchObject({
      code: 'OPERATOR_TOPIC_UNREADABLE',
      message: expect.stringContaining(topic),
    })
  })
})

describe('limits', () => {
  it.skipIf(mosquittoMissing)('a packet beyond the broker’s: named before it is sent', async () => {
    const broker = await connected(await mosquitto({ config: ['max_packet_size 20000'] }))
    expect(broker.limits.maximumPacketSize).toBe(20_000)
    await expect(broker.publish(topic, Buffer.alloc(30_000), true)).rejects.toMatchObject({
      code: 'OPERATOR_PACKET_TOO_LARGE',
      message: expect.stringMatching(/20000/),
    })
    await broker.put(topic, Buffer.alloc(19_000))
  })
})
