/** The built module over mosquitto with client certificates and access list: the life cycle as it is seen from outside. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import dns2 from 'dns2'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EntrySet } from '../../../module/blocklist/format/entries.ts'
import { categories } from '../../../module/category.ts'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { validate as validateEvent } from '../../../module/control/schemas/event.json?compiled'
import { validate as validateReported } from '../../../module/control/schemas/reported.json?compiled'
import { validate as validateResponse } from '../../../module/control/schemas/response.json?compiled'
import { validate as validateTelemetry } from '../../../module/control/schemas/telemetry.json?compiled'
import { bucketOf } from '../../../module/line/fleet.ts'
import { freePort } from '../../../scripts/free-port.ts'
import { DemoUpstream } from '../../../scripts/household/demo-upstream.ts'
import { setOf, testNames } from '../../../scripts/operator/list/build.ts'
import { makeRelease } from '../../../scripts/operator/list/release.ts'
import { makeCertificates, mosquittoMissing } from '../broker.ts'
import { kinds, type Operated } from '../control-bench.ts'
import { makeOperator, seconds } from '../rig.ts'

const listed = 'listed.example.org'
const key = '0123456789abcdef'
const phishing = categories.indexOf('phishing')

function theSet(): EntrySet {
  const names = new Map<string, { category: number; scope: 'tree' | 'exact'; input: number }>()
  for (let i = 0; i < 3000; i++)
    names.set(`host-${i}.example.net`, { category: phishing, scope: 'tree', input: 0 })
  names.set(listed, { category: phishing, scope: 'tree', input: 0 })
  for (const { name, category } of testNames('test.securenet.example'))
    names.set(name, { category, scope: 'tree', input: 0 })
  return setOf(names, key)
}

/** Every file below, whatever it is called. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

describe.skipIf(mosquittoMissing)('the bundle over mosquitto (mTLS, ACL)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-bundle-'))
  const dataDir = join(folder, 'data')
  const operator = makeOperator()
  const upstream = new DemoUpstream()
  const set = theSet()
  let operated: Operated
  let client: mqtt.MqttClient
  let child: ChildProcess
  let log = ''
  let dnsPort = 0
  let head: Parameters<typeof operator.head>[0] = {}
  const last = new Map<string, any>()
  const all = new Map<string, any[]>()

  const heard = (topic: string) => all.get(topic) ?? []
  const reported = () => last.get(topics.reported('l1'))
  const soon = <T>(value: () => T) => expect.poll(value, { interval: 20 })
  const publish = (topic: string, payload: string | Buffer, retain = true) =>
    client.publishAsync(topic, payload, { qos: 1, retain })
  const resolveName = async (name: string) => {
    const ask = dns2.UDPClient({ dns: '127.0.0.1', port: dnsPort, timeout: 2000, retryOverTCP: false })
    return (await ask(name, 'A')).answers.map((answer) => answer.address)
  }
  let sequence = 0
  const order = async (more: Parameters<typeof operator.order>[0] = {}) => {
    sequence++
    await publish(topics.desired('l1'), await operator.order({ sequence, ...more }))
  }
  let fleetSequence = 0
  const fleet = async (more: Parameters<typeof operator.fleet>[0]) =>
    publish(topics.fleet(), await operator.fleet({ sequence: ++fleetSequence, ...more }))
  const request = async (action: 'status' | 'support-bundle') => {
    const id = `r${Math.random().toString(36).slice(2)}`
    await publish(topics.request('m1'), await operator.request({ id, action }), false)
    await soon(() => heard(topics.response('m1')).some((answer) => answer.id === id)).toBe(true)
    return heard(topics.response('m1')).find((answer) => answer.id === id)
  }

  const listFiles = () => filesBelow(dataDir).filter((path) => path.endsWith('.mdb'))

  /** Short stretches of the list as it lies on the medium, from all over the file; zeros and headers left out. */
  function stretchesOfTheList(): Buffer[] {
    return listFiles().flatMap((path) => {
      const bytes = readFileSync(path)
      const stretches: Buffer[] = []
      for (let at = 0; at + 12 <= bytes.length; at += 101) {
        const stretch = bytes.subarray(at, at + 12)
        if (new Set(stretch).size >= 10) stretches.push(Buffer.from(stretch))
      }
      return stretches
    })
  }

  /** Files that hold a byte of the list, or its name. */
  function tracesOfTheList(stretches: readonly Buffer[] = []): string[] {
    return filesBelow(dataDir).filter((path) => {
      const bytes = readFileSync(path)
      return path.endsWith('.mdb') || stretches.some((stretch) => bytes.includes(stretch))
    })
  }

  beforeAll(async () => {
    const out = join(folder, 'securenet')
    await promisify(execFile)(process.execPath, [resolve('build.mjs'), '--out', out])
    const certificates = makeCertificates(folder, ['m1', 'operator'])
    operated = await kinds[1]!.open(() => certificates)
    const { address, port } = await upstream.start()
    dnsPort = await freePort()
    const own = operated.as('operator')
    client = await mqtt.connectAsync(own.url, {
      protocolVersion: 5,
      reconnectPeriod: 50,
      ca: readFileSync(own.caFile!),
      cert: readFileSync(own.certFile!),
      key: readFileSync(own.keyFile!),
    })
    client.on('message', (topic, payload) => {
      if (payload.length === 0) return
      const data = JSON.parse(payload.toString())
      last.set(topic, data)
      all.set(topic, [...heard(topic), data])
    })
    await client.subscribeAsync(
      ['reported', 'event'].map((leaf) => `securenet/v1/line/l1/${leaf}`),
      { qos: 1 },
    )
    await client.subscribeAsync(
      ['telemetry', 'response'].map((leaf) => `securenet/v1/modem/m1/${leaf}`),
      { qos: 1 },
    )
    await publish(topics.keys(1), await operator.keys(1))
    const { release, chunks } = await makeRelease({ list: 'securenet', version: 1, key, set })
    for (const [topic, chunk] of chunks) await publish(topic, chunk)
    head = { stable: release, expires: seconds() + 86_400 }
    await publish(topics.head('securenet'), await operator.head(head))
    writeFileSync(join(folder, 'roots.json'), JSON.stringify(operator.roots))
    const config = {
      modemId: 'm1',
      dataDir,
      runDir: join(folder, 'run'),
      lines: [{ id: 'l1' }],
      dns: { listen: [{ address: '127.0.0.1', port: dnsPort }] },
      upstream: { servers: [{ address, port }] },
      page: { listen: [{ address: '127.0.0.1', port: await freePort() }], ipv4: '127.0.0.1' },
      interception: { backend: 'none' },
      mqtt: operated.as('m1'),
      trust: { rootsFile: join(folder, 'roots.json') },
      telemetrySeconds: 10,
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    child = spawn(
      process.execPath,
      [join(out, 'securenet.cjs'), 'run', '--config', join(folder, 'config.json')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    child.stderr?.on('data', (text) => {
      log += text
    })
  })
  afterAll(async () => {
    await client?.endAsync(true)
    if (child && child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    await upstream.stop()
    await operated?.test.stop()
    operated?.test.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is dormant without an order, and fetches no list', async () => {
    await soon(() => reported()?.keysNumber).toBe(1)
    expect(reported()).toMatchObject({ service: 'dormant', protecting: false, why: 'dormant' })
    expect(reported().list).toMatchObject({ state: 'none' })
    expect(tracesOfTheList()).toEqual([])
  })

  it('fetches the list when the order comes, and protects; notices are silent unless ordered', async () => {
    await order()
    await soon(() => reported()?.protecting).toBe(true)
    expect(await resolveName(listed)).toEqual(['127.0.0.1'])
    expect(tracesOfTheList().length).toBeGreaterThan(0)
    await order({ notices: true })
    await soon(() => reported()?.sequence).toBe(sequence)
    expect(heard(topics.event('l1'))).toEqual([])
    for (let i = 0; i < 3; i++) await resolveName(`www.${listed}`)
    await soon(() => heard(topics.event('l1')).length).toBe(1)
    const [event] = heard(topics.event('l1'))
    expect(validateEvent(event), JSON.stringify(validateEvent.errors)).toBe(true)
    expect(event).toMatchObject({ name: `www.${listed}`, category: 'phishing', lineId: 'l1' })
  })

  it('answers a support bundle: configuration, list head, counters, log; no name that was asked for', async () => {
    await resolveName('private.example.com')
    const answer = await request('support-bundle')
    expect(validateResponse(answer), JSON.stringify(validateResponse.errors)).toBe(true)
    const { result } = answer
    expect(result).toMatchObject({
      config: { modemId: 'm1' },
      listHead: { stable: { version: 1 } },
      rules: null,
      counters: { questions: expect.any(Number) },
    })
    expect(result.log.length).toBeGreaterThan(3)
    expect(result.log.length).toBeLessThanOrEqual(200)
    const text = JSON.stringify(answer)
    for (const name of ['private.example.com', listed, 'PRIVATE KEY']) expect(text).not.toContain(name)
  })

  it('pauses with the fleet at once, by the hash of the line, and goes on', async () => {
    const salts = Array.from({ length: 1000 }, (_, i) => `salt-${i}`)
    const hit = salts.find((salt) => bucketOf('l1', salt) < 10)!
    const spared = salts.find((salt) => bucketOf('l1', salt) >= 10)!
    await fleet({ mode: 'pause', percent: 10, salt: spared })
    await fleet({ mode: 'pause', percent: 10, salt: hit })
    await soon(() => reported()?.why).toBe('fleet-paused')
    expect(await resolveName(listed)).not.toEqual(['127.0.0.1'])
    await fleet({ mode: 'pause', percent: 10, salt: spared })
    await soon(() => reported()?.protecting).toBe(true)
    await fleet({ mode: 'run' })
    await soon(() => reported()?.fleet).toBe('run')
    expect(tracesOfTheList().length).toBeGreaterThan(0)
  })

  it('tells counters by the hour (here 10 s) in a form that holds, without any name', async () => {
    const topic = topics.telemetry('m1')
    const withBlocks = () => heard(topic).find((report) => report.lines.l1?.blocked?.phishing > 0)
    await soon(withBlocks).toBeTruthy()
    for (const report of heard(topic))
      expect(validateTelemetry(report), JSON.stringify(validateTelemetry.errors)).toBe(true)
    expect(withBlocks()).toMatchObject({ modemId: 'm1', listVersion: 1, memoryBytes: expect.any(Number) })
    expect(JSON.stringify(heard(topic))).not.toContain('example')
  })

  it('wipes when terminated: no byte of the list is left, not even when heads keep coming; the guards stay', async () => {
    const stretches = stretchesOfTheList()
    expect(stretches.length).toBeGreaterThan(100)
    expect(tracesOfTheList(stretches)).not.toEqual([])
    await order({ service: 'terminated', reason: 'contract-ended' })
    await soon(() => reported()?.service).toBe('terminated')
    await soon(() => reported()?.list.state).toBe('none')
    expect(tracesOfTheList(stretches)).toEqual([])
    const { result } = await request('status')
    expect(result.counters).toMatchObject({ questions: 0, byReason: {}, blockedByCategory: {} })
    expect(await resolveName(listed)).not.toEqual(['127.0.0.1'])
    // A new head and a broker that starts again both bring the list's head to the modem once more.
    head = { ...head, sequence: 2 }
    await publish(topics.head('securenet'), await operator.head(head))
    await order({ service: 'enabled' })
    await soon(() => reported()?.code).toBe('LINE_TERMINATED')
    expect(tracesOfTheList(stretches)).toEqual([])
    expect(filesBelow(dataDir).map((path) => path.slice(dataDir.length + 1))).toEqual(
      expect.arrayContaining(['lines.state', 'replay.state', 'trust.state']),
    )
    const { lines } = JSON.parse(readFileSync(join(dataDir, 'lines.state'), 'utf8').split('\n')[1]!)
    const signed = Buffer.from(lines[0].document.split('.')[1], 'base64url').toString()
    expect(JSON.parse(signed)).toMatchObject({ service: 'terminated' })
  })

  it('fetches the list again in the next generation; the end of the service takes it for good', async () => {
    sequence = 0
    await order({ generation: 2 })
    await soon(() => reported()?.protecting).toBe(true)
    expect(await resolveName(listed)).toEqual(['127.0.0.1'])
    await fleet({ mode: 'retire', percent: 100, salt: 'the-end-0' })
    await soon(() => reported()?.why).toBe('fleet-retired')
    await soon(() => tracesOfTheList()).toEqual([])
    for (const report of heard(topics.reported('l1')))
      expect(validateReported(report), JSON.stringify(validateReported.errors)).toBe(true)
    expect(log).not.toMatch(/^(error|debug)/m)
    expect(log).not.toContain(listed)
  })
})
