// A broker that lets the modem in and does not do what it asks: said, asked again, and left for another node.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import mqtt from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../module/base/clock.ts'
import { createLog } from '../../../module/base/log.ts'
import { Presence } from '../../../module/control/mqtt/presence.ts'
import { Session, type SessionOptions } from '../../../module/control/mqtt/session.ts'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { mosquittoMissing, startAedes, startMosquitto } from '../broker.ts'
import { makeOperator, startBackend, startModem, temporaryFolder, until } from '../rig.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function open(broker: SessionOptions['broker'], more: Partial<SessionOptions> = {}, bootId = 'boot-a') {
  const lines: string[] = []
  const presence = new Presence({ modemId: 'm1', bootId, lines: ['l1'], clock: systemClock })
  const session = new Session({
    ...{ broker, clientId: 'm1', keepaliveSeconds: 5, clock: systemClock, random: Math.random },
    log: createLog((line) => lines.push(line)),
    clockSane: () => true,
    presence: presence.document,
    backoff: { firstMs: 50, longestMs: 200 },
    ...more,
  })
  closers.push(() => session.stop())
  return { session, presence, lines }
}

/** @param onData called with each packet of the modem; CONNECT is answered */
async function fakeBroker(onData: (socket: Socket, bytes: Buffer) => void = () => undefined) {
  let connections = 0
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    connections++
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      if (bytes[0] === 0x10) socket.write(Buffer.from([0x20, 0x03, 0, 0, 0]))
      else onData(socket, bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`, count: () => connections }
}

/** Until the fake time has brought it about. */
async function untilLater(clock: FakeClock, stepMs: number, what: () => unknown): Promise<void> {
  await until(() => {
    if (what()) return true
    clock.advance(stepMs)
    return false
  })
}

describe('a broker whose access list is not ready', () => {
  async function lateBroker() {
    const test = await startAedes()
    closers.push(() => test.stop())
    const access = { isReady: false }
    const aedes = test.aedes()
    aedes.authorizeSubscribe = (client, subscription, done) =>
      done(null, access.isReady || client?.id !== 'm1' ? subscription : null)
    return { test, access, aedes }
  }

  it('is asked again until it is, and the modem says so meanwhile', async () => {
    const { test, access } = await lateBroker()
    const operator = makeOperator()
    const { folder, remove } = temporaryFolder()
    closers.push(remove)
    const backend = await startBackend(test.broker)
    closers.push(backend.stop)
    await backend.publish(topics.keys(1), await operator.keys(1))
    await backend.publish(topics.desired('l1'), await operator.order())
    const modem = await startModem(test.broker, operator, folder)
    closers.push(modem.stop)
    const refused = { topic: topics.desired('l1'), code: 'MQTT_SUBSCRIBE_REFUSED' }
    await until(() => modem.session.status().unheard.length > 0)
    expect(modem.session.status()).toMatchObject({ connected: true, error: 'MQTT_SUBSCRIBE_REFUSED' })
    expect(modem.session.status().unheard).toContainEqual(refused)
    const { session } = modem.session.status()
    modem.twin.changed()
    await until(() => backend.last()?.broker.unheard.length)
    expect(backend.last()?.broker.unheard).toContainEqual(refused)
    access.isReady = true
    await until(() => backend.last()?.service === 'enabled')
    await until(() => backend.last()?.broker.unheard.length === 0)
    expect(modem.session.status()).toMatchObject({ connected: true, error: null, unheard: [], session })
  })

  it('is asked for eight topics at most in one SUBSCRIBE, and each topic has its own answer', async () => {
    const { test, aedes } = await lateBroker()
    const packets: string[][] = []
    aedes.on('subscribe', (subscriptions) => packets.push(subscriptions.map(({ topic }) => topic)))
    aedes.authorizeSubscribe = (_client, subscription, done) =>
      done(null, subscription.topic === 't/13' ? null : subscription)
    const { session } = open(test.broker)
    const got: string[] = []
    for (let i = 0; i < 20; i++)
      session.subscribe(`t/${i}`, ({ topic }) => {
        got.push(topic)
        return undefined
      })
    session.start()
    await until(() => session.status().unheard.length > 0)
    expect(session.status().unheard).toEqual([{ topic: 't/13', code: 'MQTT_SUBSCRIBE_REFUSED' }])
    for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(8)
    const client = await mqtt.connectAsync(test.broker.url)
    closers.push(() => client.endAsync(true))
    for (let i = 0; i < 20; i++) await client.publishAsync(`t/${i}`, 'x', { qos: 1 })
    await until(() => got.length === 19)
    session.unsubscribe('t/13')
    expect(session.status()).toMatchObject({ unheard: [], error: null })
  })

  it('that never is: another connection after five minutes, then ever more rarely', async () => {
    const { test } = await lateBroker()
    const clock = new FakeClock()
    const { session, lines } = open(test.broker, { clock, random: () => 0.5 })
    session.subscribe('securenet/v1/fleet', () => undefined)
    session.start()
    await until(() => session.status().unheard.length > 0)
    const { session: began } = session.status()
    await untilLater(clock, 1000, () => session.status().session === began + 1)
    const first = clock.monotonic()
    expect(first).toBeGreaterThanOrEqual(300_000)
    await untilLater(clock, 1000, () => session.status().session === began + 2)
    expect(clock.monotonic() - first).toBeGreaterThanOrEqual(600_000)
    // Each state once, not each try.
    expect(lines.filter((line) => line.includes('mqtt-refused'))).toHaveLength(1)
    expect(session.status().unheard).toHaveLength(1)
  })
})

describe('a broker that does not answer', () => {
  it.each(['SUBSCRIBE', 'PUBLISH'] as const)('%s twice: it is left for another connection', async (what) => {
    const broker = await fakeBroker()
    const clock = new FakeClock()
    const { session } = open(broker, { clock, keepaliveSeconds: 600, random: () => 0.5 })
    if (what === 'SUBSCRIBE') session.subscribe('securenet/v1/fleet', () => undefined)
    else session.keep('securenet/v1/line/l1/reported', Buffer.from('{}'))
    session.start()
    await until(() => session.status().connected)
    const silent = what === 'SUBSCRIBE' ? 'unheard' : 'untold'
    await untilLater(clock, 1000, () => session.status()[silent].length > 0)
    expect(session.status()[silent][0]).toMatchObject({ code: 'MQTT_ANSWER_TIMEOUT' })
    await untilLater(clock, 1000, () => broker.count() >= 2)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(60_000)
    expect(clock.monotonic()).toBeLessThan(180_000)
  })
})

describe('two modems of one name', () => {
  it.each([
    ['aedes', false, startAedes],
    ['mosquitto', mosquittoMissing, startMosquitto],
  ] as const)('over %s: both say so, and stop throwing each other out', async (_name, missing, start) => {
    if (missing) return console.log('skipped: mosquitto is not installed')
    const test = await start()
    closers.push(async () => {
      await test.stop()
      test.remove()
    })
    const modems = ['boot-a', 'boot-b'].map((bootId) => open(test.broker, {}, bootId))
    for (const { session, presence } of modems) {
      presence.attach(session)
      session.start()
    }
    await until(() => modems.every(({ session }) => session.status().isNameContested))
    const connected = () => modems.filter(({ session }) => session.status().connected)
    await until(() => connected().length === 1)
    expect(connected()[0]?.session.status().error).toBe('MQTT_NAME_CONTESTED')
    for (const { lines } of modems)
      expect(lines.filter((line) => line.includes('mqtt-name-contested'))).toHaveLength(1)
  })

  it('a modem that starts again, or whose last will is late, is no second one', async () => {
    const test = await startAedes()
    closers.push(() => test.stop())
    for (const bootId of ['boot-a', 'boot-b', 'boot-c']) {
      const { session, presence } = open(test.broker, {}, bootId)
      presence.attach(session)
      session.start()
      await until(() => session.status().connected)
      expect(session.status()).toMatchObject({ isNameContested: false, error: null })
      await session.stop()
    }
  })
})

describe('limits that the broker tells at the connect', () => {
  const start = async (...config: string[]) => {
    const test = await startMosquitto({ config })
    closers.push(async () => {
      await test.stop()
      test.remove()
    })
    return test.broker
  }
  if (mosquittoMissing) return it.skip('mosquitto is not installed', () => undefined)

  it('packet size: what is larger is not sent, and the limit is named', async () => {
    const { session } = open(await start('max_packet_size 2000'))
    session.start()
    await until(() => session.status().connected)
    await session.publish('a', Buffer.alloc(1800))
    await expect(session.publish('a', Buffer.alloc(5000))).rejects.toMatchObject({
      code: 'MQTT_PACKET_LIMIT',
      message: expect.stringContaining('2000'),
    })
    session.keep('kept', Buffer.alloc(5000))
    await until(() => session.status().untold.length > 0)
    expect(session.status()).toMatchObject({ connected: true, error: 'MQTT_PACKET_LIMIT', session: 1 })
    session.keep('kept', Buffer.alloc(50))
    await until(() => session.status().untold.length === 0)
  })

  it('receive maximum: one publication after the other', async () => {
    const { session } = open(await start('max_inflight_messages 1'))
    session.start()
    await until(() => session.status().connected)
    await Promise.all(Array.from({ length: 50 }, (_, i) => session.publish('a', Buffer.from(String(i)))))
    expect(session.status()).toMatchObject({ connected: true, session: 1 })
  })

  it('no retained messages: it is no broker for us, and that is said', async () => {
    const { session } = open(await start('retain_available false'))
    session.start()
    await until(() => /retain/i.test(session.status().error ?? ''))
    expect(session.status().connected).toBe(false)
  })
})

it('a night without a broker is a few lines of log, and a count', async () => {
  const clock = new FakeClock()
  const { session, lines } = open(
    { url: 'mqtt://127.0.0.1:1' },
    { clock, random: () => 0.999, backoff: { firstMs: 1000, longestMs: 60_000 } },
  )
  session.start()
  await untilLater(clock, 5000, () => session.status().session >= 300)
  const said = lines.filter((line) => line.includes('mqtt-disconnected'))
  expect(said.length).toBeGreaterThan(1)
  expect(said.length).toBeLessThanOrEqual(clock.monotonic() / 3_600_000 + 2)
  expect(said.at(-1)).toMatch(/tries=\d\d/)
})
