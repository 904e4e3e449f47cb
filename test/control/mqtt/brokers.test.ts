import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { BrokerAddress } from '../../../module/control/mqtt/transport.ts'
import type { Reported } from '../../../module/control/reported.ts'
import type { World } from '../../../scripts/operator/context.ts'
import { connectBroker } from '../../../scripts/operator/mqtt/connect.ts'
import { runOperator } from '../../../scripts/operator/program.ts'
import { openStore } from '../../../scripts/operator/register/open-store.ts'
import { Register } from '../../../scripts/operator/register/register.ts'
import { signDocument } from '../../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey, type SigningKey } from '../../../scripts/operator/signing/signing-key.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { makeCertificates } from '../broker.ts'
import { kinds, type ModemOptions, type Operated, startControl, startProxy } from '../control-bench.ts'
import { makeOperator, seconds, temporaryFolder, until } from '../rig.ts'

const day = 86_400_000
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

let certificates: ReturnType<typeof makeCertificates>
const certificateFolder = mkdtempSync(join(tmpdir(), 'securenet-brokers-'))
beforeAll(() => {
  certificates = makeCertificates(certificateFolder, ['m1', 'm2', 'operator'])
})
afterAll(() => rmSync(certificateFolder, { recursive: true, force: true }))

function optionsOf({ caFile, certFile, keyFile }: BrokerAddress): mqtt.IClientOptions {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path))
  const [ca, cert, key] = [caFile, certFile, keyFile].map(read)
  return { reconnectPeriod: 50, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

/** The backend's connection: publishes, and hears what line l1 and modem m1 say. */
async function backendOf(operated: Operated, protocol: '5' | '3.1.1') {
  const broker = operated.as('operator')
  const client = await mqtt.connectAsync(broker.url, optionsOf(broker))
  closers.push(() => client.endAsync(true))
  const reports: Reported[] = []
  client.on('message', (topic, payload) => {
    if (topic === topics.reported('l1') && payload.length > 0) reports.push(JSON.parse(payload.toString()))
  })
  await client.subscribeAsync([topics.reported('l1'), topics.presence('m1')], { qos: 1 })
  const publish = (topic: string, payload: string, retain = true) =>
    client.publishAsync(topic, payload, { qos: 1, retain })
  /** One more connection of the backend's, of the newest version that the broker speaks. */
  const follow = async () => {
    const follower = await mqtt.connectAsync(broker.url, {
      ...optionsOf(broker),
      protocolVersion: protocol === '5' ? 5 : 4,
    })
    closers.push(() => follower.endAsync(true))
    return follower
  }
  return { client, reports, publish, follow, last: () => reports.at(-1) }
}

describe.each(kinds)('Control over $name', ({ open, protocol, missing }) => {
  if (missing) return it.skip('mosquitto is not installed', () => undefined)

  async function world(config?: string[]) {
    const operated = await open(() => certificates, config)
    const { folder, remove } = temporaryFolder()
    closers.push(remove, async () => {
      await operated.test.stop()
      operated.test.remove()
    })
    const operator = makeOperator()
    const backend = await backendOf(operated, protocol)
    await backend.publish(topics.keys(1), await operator.keys(1))
    const boot = async (more: Partial<ModemOptions> = {}) => {
      const modem = await startControl({ broker: operated.as('m1'), folder, operator, ...more })
      closers.push(() => modem.control.stop())
      return modem
    }
    return { operated, operator, backend, boot, folder }
  }

  it('obeys, over the version that the broker speaks, and takes up again after a restart of the broker', async () => {
    const { operated, operator, backend, boot } = await world()
    const modem = await boot()
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => backend.last()?.protecting)
    expect(modem.control.status()).toMatchObject({ connected: true, protocol })
    await operated.test.stop()
    await until(() => !modem.control.status().connected)
    expect(modem.service()).toBe('enabled')
    await operated.test.restart()
    // A forgetful broker: the report is said again, the order is given again.
    await until(() => backend.client.connected)
    const before = backend.reports.length
    await until(() => modem.control.status().connected)
    await until(() => backend.reports.length > before)
    expect(backend.last()).toMatchObject({ service: 'enabled', protecting: true, sequence: 1 })
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 2, service: 'disabled', reason: 'customer' }),
    )
    await until(() => backend.last()?.service === 'disabled')
  })

  it('notices a half-open connection, comes back by another, and obeys what was said meanwhile', async () => {
    const { operated, operator, backend, boot } = await world()
    const proxy = await startProxy(operated.test.port)
    closers.push(proxy.stop)
    const through = operated.test.broker.url.replace(/\d+$/, String(proxy.port))
    const modem = await boot({ broker: operated.as('m1', through), keepaliveSeconds: 1 })
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => backend.last()?.protecting)
    const session = modem.control.status().session
    proxy.freeze()
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 2, service: 'disabled', reason: 'customer' }),
    )
    await until(() => backend.last()?.service === 'disabled')
    expect(modem.control.status().session).toBeGreaterThan(session)
  })

  it('takes duplicates for repeats and the late for late, in every order of arrival', async () => {
    const { operator, backend, boot } = await world()
    const modem = await boot()
    await until(() => backend.last()?.keysNumber === 1)
    const orders: string[] = []
    for (let sequence = 1; sequence <= 4; sequence++)
      orders.push(
        await operator.order({
          sequence,
          ...(sequence % 2 ? { service: 'enabled' } : { service: 'disabled', reason: 'customer' }),
        }),
      )
    const permutations = [
      [3, 3, 0, 1, 2, 3, 2],
      [1, 0, 3, 3, 2, 1, 0],
      [0, 2, 1, 3, 0, 2, 3],
    ]
    for (const permutation of permutations) {
      for (const index of permutation) await backend.publish(topics.desired('l1'), orders[index]!)
      await until(() => backend.last()?.sequence === 4)
      await until(() => ['ignored', 'repeated'].includes(String(backend.last()?.outcome)))
      expect(backend.last()).toMatchObject({ service: 'disabled', sequence: 4 })
    }
    // Nothing came back to life on the way: the service only went forward.
    expect(modem.services.at(-1)).toBe('disabled')
    expect(modem.services.length).toBeLessThanOrEqual(4)
  })

  it('of 1,000 orders in a burst only the last counts', async () => {
    const { operator, backend, boot } = await world(['max_queued_messages 100'])
    const modem = await boot()
    await until(() => backend.last()?.keysNumber === 1)
    const orders = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        operator.order({
          sequence: i + 1,
          ...(i % 2 ? { service: 'disabled', reason: 'customer' } : { service: 'enabled' }),
        }),
      ),
    )
    await Promise.all(orders.map((jws) => backend.publish(topics.desired('l1'), jws)))
    await until(() => backend.last()?.sequence === 1000)
    expect(backend.last()).toMatchObject({ service: 'disabled', protecting: false })
    expect(modem.service()).toBe('disabled')
  })

  it('overwrites the late last will of a session that it has left behind', async () => {
    const { operated, backend, boot } = await world()
    const seen: { online: boolean; session: number }[] = []
    backend.client.on('message', (topic, payload) => {
      if (topic === topics.presence('m1')) seen.push(JSON.parse(payload.toString()))
    })
    const modem = await boot()
    await until(() => seen.at(-1)?.online)
    // By the modem's own certificate: a broker that was slow to notice the end of an older connection.
    const broker = operated.as('m1')
    const old = await mqtt.connectAsync(broker.url, {
      ...optionsOf(broker),
      clientId: 'm1-old',
      reconnectPeriod: 0,
      will: {
        topic: topics.presence('m1'),
        payload: Buffer.from(JSON.stringify({ bootId: 'old', session: 0, online: false })),
        qos: 1,
        retain: true,
      },
    })
    old.stream.destroy()
    await until(() => seen.some(({ online }) => !online))
    await until(() => seen.at(-1)?.online)
    expect(seen.at(-1)?.session).toBe(modem.control.status().session)
  })

  it('walks keys 3 to 9 after a year off, and then obeys only the newest', async () => {
    const { operator, backend, boot } = await world()
    const keys = new Map([[1, await operator.keys(1)]])
    const rotate = async (number: number) => {
      operator.of.line = generateSigningKey()
      keys.set(number, await operator.keys(number))
      await backend.publish(topics.keys(number), keys.get(number)!)
    }
    for (const number of [2, 3]) await rotate(number)
    const first = await boot()
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => backend.last()?.protecting && backend.last()?.keysNumber === 3)
    await first.control.stop()
    const stale = await operator.order({ sequence: 2, service: 'terminated', reason: 'retired' })
    for (let number = 4; number <= 9; number++) await rotate(number)
    await backend.publish(topics.desired('l1'), stale)
    const clock = new FakeClock(Date.now() + 365 * day)
    const pump = setInterval(() => clock.advance(50), 5)
    closers.push(() => clearInterval(pump))
    const later = await boot({ clock })
    expect(later.service()).toBe('enabled')
    await until(() => backend.last()?.keysNumber === 9)
    // Signed by a key that was thrown away while the modem was off.
    await until(() => backend.last()?.refusals.some(({ kind }) => kind === 'desired'))
    expect(backend.last()).toMatchObject({ service: 'enabled', keysNumber: 9 })
    await backend.publish(topics.desired('l1'), await operator.order({ sequence: 3 }))
    await until(() => backend.last()?.sequence === 3)
    expect(backend.last()?.refusals.find(({ kind }) => kind === 'desired')?.code).toMatch(/^DOC_/)
  })

  it('keeps its state when retained messages are deleted, and after a restart without them', async () => {
    const { operator, backend, boot } = await world()
    const first = await boot()
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => backend.last()?.protecting)
    for (const topic of [topics.desired('l1'), topics.keys(1), topics.reported('l1')])
      await backend.client.publishAsync(topic, '', { qos: 1, retain: true }).catch(() => undefined)
    expect(first.service()).toBe('enabled')
    await first.control.stop()
    backend.reports.length = 0
    const second = await boot()
    await until(() => backend.last()?.protecting)
    expect(backend.last()).toMatchObject({ outcome: 'none', service: 'enabled', keysNumber: 1 })
    expect(second.services).toEqual([])
  })

  it('lives through a month offline: the last state rules, a suspension ends by itself, the newest order counts then', async () => {
    const { operated, operator, backend, boot } = await world()
    const clock = new FakeClock(Date.now())
    let pump = setInterval(() => clock.advance(50), 5)
    closers.push(() => clearInterval(pump))
    const modem = await boot({ clock, random: () => 0.05 })
    const suspended = await operator.order({
      service: 'suspended',
      reason: 'maintenance',
      until: seconds() + 86_400,
    })
    await backend.publish(topics.desired('l1'), suspended)
    await until(() => backend.last()?.service === 'suspended')
    await operated.test.stop()
    await until(() => !modem.control.status().connected)
    clearInterval(pump)
    for (let hour = 0; hour < 30 * 24; hour++) {
      clock.advance(3_600_000)
      if (hour % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until(() => modem.service() === 'enabled')
    expect(modem.control.status().connected).toBe(false)
    await operated.test.restart()
    await until(() => backend.client.connected)
    // The order that suspended the line a month ago is still retained: a repeat, no new suspension.
    await backend.publish(topics.desired('l1'), suspended)
    operator.of.line = generateSigningKey()
    await backend.publish(topics.keys(2), await operator.keys(2))
    backend.reports.length = 0
    pump = setInterval(() => clock.advance(50), 5)
    await until(() => backend.last()?.keysNumber === 2)
    expect(backend.last()).toMatchObject({ service: 'enabled', reason: 'suspension-ended', sequence: 1 })
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 9, service: 'disabled', reason: 'customer' }),
    )
    await until(() => backend.last()?.sequence === 9)
    expect(modem.services).toEqual(['suspended', 'enabled', 'disabled'])
  })

  it('answers a request on its own topic alone, by its id and on MQTT 5 by correlation data; a flood by a code', async () => {
    const { operator, backend, boot } = await world()
    await boot()
    await until(() => backend.last()?.keysNumber === 1)
    const answers: { topic: string; id?: string; code?: string; refused?: number; correlation?: string }[] =
      []
    const follower = await backend.follow()
    follower.on('message', (topic, payload, { properties }) => {
      const { id, code, refused } = JSON.parse(payload.toString())
      const correlation = properties?.correlationData?.toString()
      answers.push({ topic, id, code, refused, ...(correlation && { correlation }) })
    })
    await follower.subscribeAsync(['securenet/v1/modem/+/response', 'elsewhere/#'], { qos: 1 })
    const ask = async (id: string, responseTopic: string) =>
      follower.publishAsync(topics.request('m1'), await operator.request({ id }), {
        qos: 1,
        ...(protocol === '5' && {
          properties: { responseTopic, correlationData: Buffer.from(`mark-${id}`) },
        }),
      })
    const own = topics.response('m1')
    await ask('one', own)
    await until(() => answers.length === 1)
    const mark = protocol === '5' ? { correlation: 'mark-one' } : {}
    expect(answers).toEqual([{ topic: own, id: 'one', code: undefined, refused: undefined, ...mark }])
    if (protocol === '5') {
      await ask('two', 'elsewhere/m1')
      await until(() => answers.length === 2)
      expect(answers[1]).toMatchObject({
        topic: own,
        code: 'REQUEST_RESPONSE_TOPIC',
        correlation: 'mark-two',
      })
    }
    answers.length = 0
    await Promise.all(Array.from({ length: 200 }, (_, i) => ask(`flood-${i}`, own)))
    const told = () => answers.reduce((sum, { refused }) => sum + (refused ?? 1), 0)
    await until(() => told() === 200)
    expect(answers.filter(({ code }) => code === undefined).length).toBeLessThanOrEqual(12)
    expect(answers.length).toBeLessThan(60)
  })

  /** The operator's tool at this broker, with a key in its hand. */
  const toolAt = (operated: Operated, folder: string) => {
    const profile = join(folder, 'operator.json')
    writeFileSync(profile, JSON.stringify({ ...operated.as('operator'), keysDir: 'k', archiveDir: 'a' }))
    return async (key: SigningKey, ...args: string[]) => {
      let out = ''
      const surroundings: Partial<World> = {
        terminal: {
          out: (text) => {
            out += text
          },
          err: () => undefined,
          ask: async () => null,
          live: false,
        },
        env: { SECURENET_PROFILE: profile },
        now: () => Date.now(),
        connect: connectBroker,
        openRegister: async ({ register }) => new Register(await openStore(register), () => Date.now()),
        openSigner: async () => ({
          sign: (kind, payload) => signDocument(kind, payload, [key]),
          verify: () => Promise.reject(new Error('not asked')),
        }),
      }
      const exit = await runOperator([...args, '--json'], surroundings as World)
      return { exit, answer: JSON.parse(out) }
    }
  }

  it('gives back by a rotation the numbers that a thief has spent', async () => {
    const { operated, operator, backend, boot, folder } = await world()
    const modem = await boot()
    await until(() => backend.last()?.keysNumber === 1)
    const tool = toolAt(operated, folder)
    const most = Number.MAX_SAFE_INTEGER
    const spent = { generation: most, sequence: most, service: 'disabled', reason: 'customer' } as const
    await backend.publish(topics.desired('l1'), await operator.order(spent))
    await until(() => backend.last()?.generation === most)
    expect((await tool(operator.of.line, 'line', 'enable', 'l1')).answer.error.code).toBe(
      'OPERATOR_NUMBERS_SPENT',
    )
    operator.of.line = generateSigningKey()
    await backend.publish(topics.keys(2), await operator.keys(2))
    await until(() => backend.last()?.keysNumber === 2)
    const enabled = await tool(operator.of.line, 'line', 'enable', 'l1', '--numbers', '1.1')
    expect(enabled).toMatchObject({ exit: 0, answer: { applied: true, generation: 1, sequence: 1 } })
    expect(modem.service()).toBe('enabled')
    const next = await tool(operator.of.line, 'line', 'disable', 'l1')
    expect(next).toMatchObject({ exit: 0, answer: { applied: true, generation: 1, sequence: 2 } })
  })

  it('is asked by the operator’s tool, which shows a refusal at once, also one that cannot name the request', async () => {
    const { operated, operator, backend, boot, folder } = await world()
    await boot()
    await until(() => backend.last()?.keysNumber === 1)
    const tool = toolAt(operated, folder)
    const ask = (key = operator.of.request) => tool(key, 'request', 'status', 'm1')
    expect(await ask()).toMatchObject({ exit: 0, answer: { ok: true, result: { serving: true } } })
    const refused = await ask(generateSigningKey())
    expect(refused).toMatchObject({ exit: 1, answer: { error: { code: 'DOC_UNKNOWN_KEY' } } })
  })
})

describe('what mosquitto’s access list leaves a modem', () => {
  const kind = kinds[1]!
  if (kind.missing) return it.skip('mosquitto is not installed', () => undefined)

  it('is its own topics and its lines’, in both directions, and nothing else', async () => {
    const operated = await kind.open(() => certificates)
    closers.push(async () => {
      await operated.test.stop()
      operated.test.remove()
    })
    const connected = async (name: string) => {
      const broker = operated.as(name)
      const client = await mqtt.connectAsync(broker.url, { ...optionsOf(broker), protocolVersion: 5 })
      closers.push(() => client.endAsync(true))
      return client
    }
    const operator = await connected('operator')
    const modem = await connected('m1')
    const heard: string[] = []
    modem.on('message', (topic) => heard.push(topic))
    await modem.subscribeAsync('#', { qos: 1 })
    const may = ['keys/1', 'fleet', 'list/x/head', 'line/l1/desired', 'line/l2/desired', 'modem/m1/request']
    const mayNot = ['line/l3/desired', 'modem/m2/request', 'line/l3/reported', 'modem/m2/telemetry']
    for (const topic of [...mayNot, ...may])
      await operator.publishAsync(`securenet/v1/${topic}`, 'x', { qos: 1 })
    await until(() => heard.length >= may.length)
    expect(heard).toEqual(may.map((topic) => `securenet/v1/${topic}`))

    const refused = async (topic: string) =>
      modem.publishAsync(`securenet/v1/${topic}`, 'x', { qos: 1 }).then(
        () => undefined,
        (error: { code?: number }) => error.code,
      )
    for (const topic of ['line/l1/reported', 'line/l2/event', 'modem/m1/telemetry', 'modem/m1/response'])
      expect(await refused(topic), topic).toBeUndefined()
    // MQTT 5 §3.4.2.1: 0x87, not authorized.
    for (const topic of [
      ...['line/l1/desired', 'line/l3/reported', 'line/l3/event', 'modem/m2/presence', 'modem/m2/response'],
      ...['modem/m1/request', 'keys/2', 'fleet', 'list/x/head', 'list/x/1/snapshot/0'],
    ])
      expect(await refused(topic), topic).toBe(0x87)
    expect(operated.log()).toMatch(/Denied PUBLISH from .*'securenet\/v1\/fleet'/)
    await expect(
      connected('broker').then((stranger) => stranger.publishAsync('securenet/v1/fleet', 'x', { qos: 1 })),
    ).rejects.toMatchObject({ code: 0x87 })
  })
})
