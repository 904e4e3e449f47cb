import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../module/base/clock.ts'
import { createLog } from '../../../module/base/log.ts'
import { FrameGuard } from '../../../module/control/mqtt/frame-guard.ts'
import { Presence } from '../../../module/control/mqtt/presence.ts'
import { Session, type SessionOptions } from '../../../module/control/mqtt/session.ts'
import { MAX_PACKET } from '../../../module/control/mqtt/transport.ts'
import { freePort } from '../../../scripts/free-port.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import {
  makeCertificates,
  mosquittoMissing,
  recordPubacks,
  startAedes,
  startMosquitto,
  type TestBroker,
} from '../broker.ts'
import { until } from '../rig.ts'

const quiet = createLog(() => undefined)
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function makeSession(broker: SessionOptions['broker'], more: Partial<SessionOptions> = {}) {
  const presence = new Presence({ modemId: 'm1', bootId: 'boot-a', lines: ['l1'], clock: systemClock })
  const session = new Session({
    broker,
    clientId: 'm1',
    keepaliveSeconds: 5,
    clock: systemClock,
    log: quiet,
    random: Math.random,
    clockSane: () => true,
    presence: presence.document,
    backoff: { firstMs: 50, longestMs: 200 },
    ...more,
  })
  closers.push(() => session.stop())
  return { session, presence }
}

async function watcher(broker: SessionOptions['broker'], options: mqtt.IClientOptions = {}) {
  const client = await mqtt.connectAsync(broker.url, { reconnectPeriod: 100, ...options })
  closers.push(() => client.endAsync(true))
  return client
}

const json = (payload: Buffer) => JSON.parse(payload.toString())

describe('back-off', () => {
  it('waits as the jitter says, doubles its ceiling, and never hurries', async () => {
    const clock = new FakeClock()
    let tries = 0
    const transport: SessionOptions['transport'] = async () => () => {
      tries++
      const stream = new Duplex({ read() {}, write: (_b, _e, done) => done() })
      setImmediate(() => stream.destroy())
      return stream
    }
    const { session } = makeSession(
      { url: 'mqtt://127.0.0.1:1' },
      { clock, transport, random: () => 0.5, backoff: { firstMs: 1000, longestMs: 8000 } },
    )
    session.start()
    for (const wait of [500, 1000, 2000, 4000, 4000, 4000]) {
      const before = tries
      await until(() => clock.waiting > 0)
      clock.advance(wait - 1)
      await new Promise(setImmediate)
      expect(tries).toBe(Math.max(before, 1))
      clock.advance(1)
      await until(() => tries === before + 1)
    }
  })

  it('spreads those whom a broker has thrown out over eight seconds', async () => {
    const broker = await startAedes()
    closers.push(broker.remove)
    const clock = new FakeClock()
    const { session } = makeSession(broker.broker, {
      clock,
      random: () => 0.999,
      backoff: { firstMs: 1000, longestMs: 60_000 },
    })
    session.start()
    await until(() => session.status().connected)
    await broker.stop()
    await until(() => !session.status().connected)
    await until(() => clock.waiting > 0)
    const { session: tried } = session.status()
    clock.advance(7900)
    expect(session.status().session).toBe(tried)
    clock.advance(100)
    expect(session.status().session).toBe(tried + 1)
  })

  it('tries at once when the clock steps', async () => {
    const clock = new FakeClock(0)
    let tries = 0
    const transport: SessionOptions['transport'] = async () => () => {
      tries++
      const stream = new Duplex({ read() {}, write: (_b, _e, done) => done() })
      setImmediate(() => stream.destroy())
      return stream
    }
    const { session } = makeSession(
      { url: 'mqtts://127.0.0.1:1' },
      {
        clock,
        transport,
        random: () => 0.99,
        backoff: { firstMs: 500_000, longestMs: 500_000 },
        clockSane: () => clock.now() > 1e12,
      },
    )
    session.start()
    clock.advance(3_600_000)
    await new Promise(setImmediate)
    expect(tries).toBe(0)
    expect(session.status().error).toBe('CLOCK_NOT_SET')
    clock.jumpTo(1.7e12)
    clock.advance(1000)
    await until(() => tries === 1 && clock.waiting === 1)
    clock.jumpTo(1.8e12)
    clock.advance(1000)
    await until(() => tries === 2)
  })
})

describe('frame guard', () => {
  const packet = (length: number) => {
    const head = [0x30]
    let rest = length
    do {
      head.push((rest % 128) + (rest >= 128 ? 128 : 0))
      rest = Math.floor(rest / 128)
    } while (rest > 0)
    return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 0xff)])
  }

  it('lets packets within the limit pass however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
        (lengths, cuts) => {
          const guard = new FrameGuard(3000)
          const all = Buffer.concat(lengths.map(packet))
          let at = 0
          for (let i = 0; at < all.length; i++) {
            const cut = cuts[i % cuts.length]!
            if (!guard.accepts(all.subarray(at, at + cut))) return false
            at += cut
          }
          return true
        },
      ),
    )
  })

  it('refuses the first one beyond it at its header', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 5 }),
        fc.integer({ min: 3001, max: 200_000 }),
        (lengths, large) => {
          const guard = new FrameGuard(3000)
          return (
            guard.accepts(Buffer.concat(lengths.map(packet))) && !guard.accepts(packet(large).subarray(0, 4))
          )
        },
      ),
    )
  })

  it('refuses a length of more than four bytes', () => {
    expect(new FrameGuard(1e9).accepts(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]))).toBe(false)
  })
})

const kinds: [string, boolean, () => Promise<TestBroker>, string][] = [
  ['aedes', false, startAedes, '3.1.1'],
  ['mosquitto', mosquittoMissing, startMosquitto, '5'],
]
describe.each(kinds)('session against %s', (_name, skip, start, protocol) => {
  if (skip) return it.skip('mosquitto is not installed', () => undefined)

  async function open() {
    const broker = await start()
    closers.push(async () => {
      await broker.stop()
      broker.remove()
    })
    return broker
  }

  it('finds the protocol, says it is online, and offline at its end', async () => {
    const { broker } = await open()
    const { session, presence } = makeSession(broker)
    const seen: unknown[] = []
    const client = await watcher(broker)
    client.on('message', (_topic, payload) => seen.push(json(payload)))
    await client.subscribeAsync('securenet/v1/modem/m1/presence', { qos: 1 })
    presence.attach(session)
    session.start()
    await until(() => seen.length === 1)
    expect(session.status()).toMatchObject({ connected: true, protocol })
    const number = session.status().session
    await session.stop()
    await until(() => seen.length === 2)
    expect(seen).toEqual([
      { bootId: 'boot-a', session: number, online: true, lines: ['l1'] },
      { bootId: 'boot-a', session: number, online: false, lines: ['l1'] },
    ])
  })

  it('publishes its last will when it dies', async () => {
    const { broker } = await open()
    let stream: Duplex | undefined
    const { session } = makeSession(broker, {
      backoff: { firstMs: 1e6, longestMs: 1e6 },
      random: () => 0.9,
      transport: async () => () => {
        stream = new Socket().connect(Number(new URL(broker.url).port), '127.0.0.1')
        return stream!
      },
    })
    session.start()
    await until(() => session.status().connected)
    const client = await watcher(broker)
    const seen: { online: boolean }[] = []
    client.on('message', (_topic, payload) => seen.push(json(payload)))
    await client.subscribeAsync('securenet/v1/modem/m1/presence', { qos: 1 })
    await until(() => seen.at(-1)?.online === true)
    stream?.destroy()
    await until(() => seen.at(-1)?.online === false)
  })

  it('overwrites a late last will of an older session', async () => {
    const { broker } = await open()
    const { session, presence } = makeSession(broker)
    presence.attach(session)
    session.start()
    await until(() => session.status().connected)
    const client = await watcher(broker)
    const seen: unknown[] = []
    client.on('message', (_topic, payload) => seen.push(json(payload)))
    await client.subscribeAsync('securenet/v1/modem/m1/presence', { qos: 1 })
    await until(() => seen.length === 1)
    await client.publishAsync(
      'securenet/v1/modem/m1/presence',
      JSON.stringify({ bootId: 'boot-a', session: 0, online: false }),
      { qos: 1, retain: true },
    )
    await until(() => seen.length === 3)
    expect(seen[2]).toEqual({
      bootId: 'boot-a',
      session: session.status().session,
      online: true,
      lines: ['l1'],
    })
    // For what must not come: a slow machine sees less of it, and fails no sooner.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(seen.length).toBe(3)
  })

  it('subscribes again, and sends only the newest of what is kept, after a restart of the broker', async () => {
    const broker = await open()
    const { session } = makeSession(broker.broker)
    const got: string[] = []
    session.subscribe('securenet/v1/fleet', (message) => {
      got.push(message.payload.toString())
      return undefined
    })
    session.start()
    await until(() => session.status().connected)
    await broker.stop()
    await until(() => !session.status().connected)
    for (let i = 0; i < 10; i++) session.keep('securenet/v1/line/l1/reported', Buffer.from(`${i}`))
    await expect(session.publish('securenet/v1/modem/m1/telemetry', Buffer.from('x'))).rejects.toMatchObject({
      code: 'MQTT_OFFLINE',
    })
    await broker.restart()
    await until(() => session.status().connected)
    const client = await watcher(broker.broker)
    const reported: string[] = []
    client.on('message', (_topic, payload) => reported.push(payload.toString()))
    await client.subscribeAsync('securenet/v1/line/l1/reported', { qos: 1 })
    await client.publishAsync('securenet/v1/fleet', 'again', { qos: 1, retain: true })
    await until(() => got.length === 1 && reported.length > 0)
    expect(got).toEqual(['again'])
    expect(reported).toEqual(['9'])
  })

  it('acknowledges only after the handler has settled, in the order of arrival, and goes on meanwhile', async () => {
    const { broker } = await open()
    const acknowledged: number[] = []
    const releases: (() => void)[] = []
    const got: string[] = []
    const proxy = await recordPubacks(Number(new URL(broker.url).port), acknowledged)
    closers.push(proxy.stop)
    const { session } = makeSession({ url: proxy.url })
    session.subscribe('a', (message) => {
      got.push(message.payload.toString())
      return new Promise<void>((resolve) => releases.push(resolve))
    })
    session.start()
    await until(() => session.status().connected)
    const client = await watcher(broker)
    for (const n of ['1', '2', '3']) await client.publishAsync('a', n, { qos: 1 })
    await until(() => got.length === 3)
    // The pump is free: a publish of ours is answered while three messages wait.
    await session.publish('b', Buffer.from('x'))
    expect(acknowledged).toEqual([])
    releases[2]?.()
    releases[1]?.()
    await session.publish('b', Buffer.from('y'))
    expect(acknowledged).toEqual([])
    releases[0]?.()
    await until(() => acknowledged.length === 3)
    expect(acknowledged).toEqual([...acknowledged].sort((a, b) => a - b))
  })

  it('does not acknowledge what the handler could not take', async () => {
    const { broker } = await open()
    const acknowledged: number[] = []
    const proxy = await recordPubacks(Number(new URL(broker.url).port), acknowledged)
    closers.push(proxy.stop)
    const { session } = makeSession({ url: proxy.url })
    let got = 0
    session.subscribe('a', async () => {
      got++
      throw new Error('flash full')
    })
    session.start()
    await until(() => session.status().connected)
    const client = await watcher(broker)
    await client.publishAsync('a', 'x', { qos: 1 })
    await until(() => got === 1)
    await session.publish('b', Buffer.from('x'))
    // MQTT 5 has a word for it (reason 0x83), which recordPubacks tells apart; 3.1.1 has none.
    expect(acknowledged).toEqual(protocol === '5' ? [-0x83] : [])
  })

  it('slows the broker down instead of piling up', async () => {
    const { broker } = await open()
    const { session } = makeSession(broker)
    let got = 0
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    session.subscribe('a', () => {
      got++
      return gate
    })
    session.start()
    await until(() => session.status().connected)
    const client = await watcher(broker)
    for (let i = 0; i < 200; i++) client.publish('a', `${i}`, { qos: 1 })
    await until(() => got >= 20)
    // For what must not come: a slow machine sees less of it, and fails no sooner.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(got).toBeLessThanOrEqual(32)
    release()
    await until(() => got === 200)
  })
})

describe('a broker that misbehaves', () => {
  async function fake(onData: (socket: Socket, bytes: Buffer, connection: number) => void) {
    let connections = 0
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      const connection = ++connections
      sockets.push(socket)
      socket.on('data', (bytes) => onData(socket, bytes, connection)).on('error', () => undefined)
    }).listen(await freePort(), '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return {
      url: `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`,
      count: () => connections,
    }
  }

  it('closes on an endless packet before it is collected', async () => {
    let sent = 0
    const broker = await fake((socket, bytes) => {
      if (bytes[0] !== 0x10) return
      socket.write(Buffer.from([0x20, 0x03, 0, 0, 0]))
      const chunk = Buffer.alloc(16384)
      socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))
      const pour = setInterval(() => {
        if (socket.destroyed) return clearInterval(pour)
        sent += chunk.length
        socket.write(chunk)
      }, 1)
    })
    const { session } = makeSession(broker, { backoff: { firstMs: 1e6, longestMs: 1e6 }, random: () => 0.9 })
    session.start()
    await until(() => session.status().error?.includes('beyond'))
    expect(sent).toBeLessThan(MAX_PACKET * 4)
  })

  it('detects a half-open connection by keep-alive', async () => {
    const broker = await fake((socket, bytes) => {
      if (bytes[0] === 0x10) socket.write(Buffer.from([0x20, 0x03, 0, 0, 0]))
    })
    const { session } = makeSession(broker, {
      keepaliveSeconds: 1,
      backoff: { firstMs: 1e6, longestMs: 1e6 },
      random: () => 0.9,
    })
    session.start()
    await until(() => session.status().connected)
    await until(() => session.status().error === 'Keepalive timeout')
  })

  it('stops while the broker hangs', async () => {
    const broker = await fake((socket, bytes) => {
      if (bytes[0] === 0x10) socket.write(Buffer.from([0x20, 0x03, 0, 0, 0]))
    })
    const { session } = makeSession(broker)
    session.start()
    await until(() => session.status().connected)
    await session.stop()
  })

  it('offers 3.1.1 to a broker that hangs up on 5 without a word, and remembers it', async () => {
    const versions: number[] = []
    const broker = await fake((socket, bytes) => {
      if (bytes[0] !== 0x10) return
      versions.push(bytes[bytes.indexOf('MQTT') + 4]!)
      if (versions.at(-1) === 5) return socket.destroy()
      const connack = Buffer.from([0x20, 0x02, 0, 0])
      if (versions.length < 4) socket.end(connack)
      else socket.write(connack)
    })
    const { session } = makeSession(broker, { backoff: { firstMs: 10, longestMs: 10 } })
    session.start()
    await until(() => versions.length >= 4)
    expect(versions).toEqual([5, 4, 4, 4])
  })
})

describe('TLS with client certificates', () => {
  if (mosquittoMissing) return it.skip('mosquitto is not installed', () => undefined)
  let folder: string
  let certificates: ReturnType<typeof makeCertificates>
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'securenet-tls-'))
    certificates = makeCertificates(folder, ['m1', 'm2'])
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function open() {
    const [cert, key] = certificates.files('broker')
    const acl =
      'pattern readwrite securenet/v1/modem/%u/presence\npattern read securenet/v1/modem/%u/request\nuser m1\ntopic read securenet/v1/line/l1/desired\ntopic write securenet/v1/line/l1/reported\n'
    const broker = await startMosquitto({ tls: { ca: certificates.ca, cert: cert!, key: key! }, acl })
    closers.push(async () => {
      await broker.stop()
      broker.remove()
    })
    return broker
  }
  const withFiles = (url: string, name: string) => {
    const [certFile, keyFile] = certificates.files(name)
    return { url, caFile: certificates.ca, certFile: certFile!, keyFile: keyFile! }
  }

  it('connects with the modem’s own certificate, and the broker holds it to its topics', async () => {
    const { broker } = await open()
    const { session } = makeSession(withFiles(broker.url, 'm1'))
    session.start()
    await until(() => session.status().connected)
    await session.publish('securenet/v1/line/l1/reported', Buffer.from('{}'), { retain: true })
    await expect(session.publish('securenet/v1/line/l2/reported', Buffer.from('{}'))).rejects.toMatchObject({
      code: 'MQTT_PUBLISH_REFUSED',
    })
  })

  it('says what is wrong without a certificate, with a strange authority, and with a missing file', async () => {
    const { broker } = await open()
    const { session: bare } = makeSession({ url: broker.url, caFile: certificates.ca })
    bare.start()
    await until(() => bare.status().error !== null)
    expect(bare.status().connected).toBe(false)
    const { session: strange } = makeSession({
      ...withFiles(broker.url, 'm1'),
      caFile: certificates.files('m2')[0]!,
    })
    strange.start()
    await until(() => strange.status().error?.match(/certificate|issuer/i))
    const { session: missing } = makeSession({
      ...withFiles(broker.url, 'm1'),
      keyFile: join(folder, 'none.key'),
    })
    missing.start()
    await until(() => missing.status().error?.includes('none.key'))
  })
})
