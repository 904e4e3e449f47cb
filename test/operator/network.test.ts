import { beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired } from '../../module/line/types.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { KeyFolder } from '../../scripts/operator/signing/key-folder.ts'
import { mosquittoMissing } from '../control/broker.ts'
import { CliBench, FakeModem } from './cli-bench.ts'
import { as, closeAfterEach, closers, mosquitto, proxied } from './mosquitto.ts'

closeAfterEach()

const timeout = 120_000
let url: string
let bench: CliBench

async function start(lines: readonly string[] = ['demo', 'demo-2']) {
  bench = new CliBench()
  // The real keys, made by the tool itself.
  bench.sign = undefined
  await bench.start(lines, url)
  closers.push(() => bench.stop())
  await bench.run('keys', 'init')
  await bench.run('keys', 'publish')
}

/** The claims of what stands at a line's topic. */
async function ordered(lineId: string): Promise<Partial<Desired> | undefined> {
  let jws: Buffer | undefined
  await bench.other(async (broker) => {
    jws = await broker.read(topics.desired(lineId))
  })
  return jws && (claimsOf(jws) as Desired)
}

describe.skipIf(mosquittoMissing)('a slow, broken or silent network', { timeout }, () => {
  beforeEach(async () => {
    url = await mosquitto()
    await start()
  })

  it('later than any silence: numbers go on from the broker’s, also with an empty register', async () => {
    await bench.run('line', 'enable', 'demo')
    await bench.run('line', 'disable', 'demo')
    const slow = await proxied(url)
    bench.profile({ url: slow.url, register: 'another' })
    slow.delayMs = 400
    const { exit, json, err } = await bench.run('line', 'enable', 'demo', '--json')
    expect({ exit, err }).toEqual({ exit: 0, err: '' })
    expect(json()).toMatchObject({ applied: true, generation: 1, sequence: 3 })
  })

  it('a broker that has lost what it retained: numbers go on from the register, for a modem that is off', async () => {
    await bench.run('line', 'enable', 'demo')
    await bench.run('line', 'disable', 'demo')
    await bench.modem.stop()
    await bench.other(async (broker) => {
      for (const topic of [topics.desired('demo'), topics.reported('demo')]) await broker.put(topic, '', true)
    })
    expect((await bench.run('line', 'show', 'demo')).out).toContain('has NOTHING at the line’s topic')
    const { exit } = await bench.run('line', 'enable', 'demo', '--timeout', '0.5')
    expect(exit).toBe(4)
    expect(await ordered('demo')).toMatchObject({ service: 'enabled', generation: 1, sequence: 3 })
  })

  it.each([['text'], ['JSON', '--json']])(
    'cut during a publish: 3 and a code, as %s',
    async (_how, ...flags) => {
      const proxy = await proxied(url)
      bench.profile({ url: proxy.url })
      proxy.cutBefore = (bytes) => bytes.includes('demo/desired') && bytes.includes('eyJ')
      const { exit, out, err } = await bench.run('line', 'enable', 'demo', ...flags)
      expect(exit).toBe(3)
      expect(flags.length > 0 ? out : err).toContain('OPERATOR_BROKER_LOST')
      // It has a number, and the next one is above it.
      proxy.cutBefore = () => false
      expect((await bench.run('line', 'enable', 'demo', '--json')).json()).toMatchObject({ sequence: 2 })
    },
  )

  it.each([
    ['line', 'enable', 'demo'],
    ['line', 'enable', 'demo', 'demo-2', '--yes'],
    ['line', 'show', 'demo'],
    ['fleet', 'pause', '--yes'],
    ['list', 'status'],
    ['keys', 'publish'],
    ['request', 'status', 'modem-1'],
  ])('mute after the connection: %s %s ends with 3 and a code', async (...args) => {
    const proxy = await proxied(url)
    bench.profile({ url: proxy.url })
    // CONNECT has passed: everything else is heard by nobody.
    proxy.cutBefore = (bytes) => {
      proxy.mute = bytes[0] !== 0x10
      return false
    }
    const { exit, json } = await bench.run(...args, '--json', '--broker-timeout', '1')
    expect(exit).toBe(3)
    expect(json().error.code).toBe('OPERATOR_BROKER_MUTE')
  })
})

describe.skipIf(mosquittoMissing)('an account without rights', { timeout }, () => {
  const acl = [
    'topic readwrite securenet/#',
    'user blind',
    'topic write securenet/#',
    'topic read securenet/v1/keys/#',
    'user reader',
    'topic read securenet/#',
  ].join('\n')
  beforeEach(async () => {
    url = await mosquitto({ acl })
    await start()
    await bench.run('line', 'enable', 'demo')
    await bench.run('line', 'disable', 'demo')
  })

  it('that cannot read overwrites nothing', async () => {
    const before = await ordered('demo')
    bench.profile({ url: as('blind', url), register: 'another' })
    const { exit, json } = await bench.run('line', 'enable', 'demo', '--json', '--broker-timeout', '1')
    expect(exit).toBe(1)
    expect(json().error).toMatchObject({
      code: 'OPERATOR_TOPIC_UNREADABLE',
      message: expect.stringContaining(topics.desired('demo')),
    })
    expect(await ordered('demo')).toEqual(before)
  })

  it.each([
    ['line', 'enable', 'demo'],
    ['fleet', 'pause', '--yes'],
  ])('that cannot write: %s %s is refused, with the topic', async (...args) => {
    bench.profile({ url: as('reader', url) })
    const { exit, json } = await bench.run(...args, '--json', '--broker-timeout', '1')
    expect(exit).toBe(1)
    expect(json().error).toMatchObject({
      code: expect.stringMatching(/OPERATOR_(NOT_AUTHORISED|NOT_KEPT|TOPIC_UNREADABLE)/),
      message: expect.stringContaining('securenet/v1/'),
    })
  })
})

describe.skipIf(mosquittoMissing)('two operators', { timeout }, () => {
  beforeEach(async () => {
    url = await mosquitto()
    await start(['demo'])
    await bench.run('line', 'enable', 'demo')
  })
  const both = () =>
    Promise.all([
      bench.run('line', 'disable', 'demo', '--json'),
      bench.run('line', 'suspend', 'demo', '--json'),
    ])

  it('of one register: one is told before anything is published', async () => {
    const results = await both()
    // One may have been so slow that it has seen the other's order, and orders after it.
    const told = results.filter(({ exit }) => exit === 1)
    for (const { json } of told) expect(json().error.code).toMatch(/OPERATOR_(CONFLICT|SUPERSEDED)/)
    expect(results.some(({ exit }) => exit === 0)).toBe(true)
    const done = results.filter(({ exit }) => exit === 0).map(({ json }) => json())
    expect(new Set(done.map(({ sequence }) => sequence)).size).toBe(done.length)
  })

  it('of two registers, with equal numbers: the modem obeys one, and the other is told', async () => {
    let release = () => {}
    const together = new Promise<void>((resolve) => {
      release = resolve
    })
    let waiting = 0
    bench.beforeClaim = async () => {
      if (++waiting === 2) release()
      await together
    }
    const first = bench.run('line', 'disable', 'demo', '--json')
    await expect.poll(() => waiting, { timeout: 20_000 }).toBe(1)
    bench.profile({ register: 'another' })
    const results = await Promise.all([first, bench.run('line', 'suspend', 'demo', '--json')])
    expect(results.map(({ exit }) => exit).sort()).toEqual([0, 1])
    const told = results.find(({ exit }) => exit === 1)!.json()
    expect(told.error.code).toBe('OPERATOR_CONFLICT')
    const obeyed = results.find(({ exit }) => exit === 0)!.json()
    expect(bench.modem.orders[1]?.service).toBe(obeyed.service)
  })
})

describe.skipIf(mosquittoMissing)('what is not ours', { timeout }, () => {
  beforeEach(async () => {
    url = await mosquitto()
    await start()
    await bench.run('line', 'enable', 'demo')
  })

  it('another profile’s keys write nothing', async () => {
    const everything = () => bench.retained('securenet/v1/#')
    const before = await everything()
    bench.profile({ keysDir: 'foreign', register: 'another' })
    await bench.run('keys', 'init')
    for (const args of [
      ['keys', 'publish', '--yes'],
      ['line', 'disable', 'demo'],
      ['line', 'disable', 'demo', 'demo-2', '--yes'],
      ['fleet', 'pause', '--yes'],
      ['keys', 'rotate', 'line', '--yes'],
    ]) {
      const { exit, json } = await bench.run(...args, '--json')
      expect(exit).toBe(1)
      expect(json().error.code).toBe('OPERATOR_FOREIGN_KEYS')
    }
    expect(await everything()).toEqual(before)
  })

  it('keys that somebody has overwritten are put back only if that is said', async () => {
    await bench.other((broker) => broker.put(topics.keys(1), 'garbage'))
    expect((await bench.run('line', 'disable', 'demo')).err).toContain('OPERATOR_FOREIGN_KEYS')
    expect((await bench.run('keys', 'publish', '--yes')).err).toContain('--replace')
    expect((await bench.run('keys', 'publish', '--replace')).exit).toBe(2)
    expect((await bench.run('keys', 'publish', '--replace', '--yes')).exit).toBe(0)
    expect((await bench.run('line', 'disable', 'demo')).exit).toBe(0)
  })

  it('newer keys of the same roots stop an older copy of the folder', async () => {
    const folder = await KeyFolder.open(`${bench.folder}/keys`)
    const { cpSync } = await import('node:fs')
    cpSync(`${bench.folder}/keys`, `${bench.folder}/copy`, { recursive: true })
    await bench.run('keys', 'rotate', 'line', '--yes')
    expect((await KeyFolder.open(`${bench.folder}/keys`)).current.number).toBe(folder.current.number + 1)
    bench.profile({ keysDir: 'copy' })
    expect((await bench.run('line', 'disable', 'demo')).err).toContain('newer than the keys of this profile')
  })

  it('a forged order does not steer numbers, and is replaced', async () => {
    const forged = Buffer.from(JSON.stringify({ ...(await ordered('demo')), sequence: 2 ** 52 + 5 }))
    // A modem refuses it.
    bench.modem.onOrder = ({ sequence, service }) =>
      sequence > 2 ** 50 ? undefined : { outcome: 'applied', protecting: false, why: service }
    await bench.other((broker) =>
      broker.put(topics.desired('demo'), `e30.${forged.toString('base64url')}.c2ln`),
    )
    expect((await bench.run('line', 'show', 'demo')).out).toContain('NOT signed')
    const { exit, json, err } = await bench.run('line', 'disable', 'demo', '--json')
    expect({ exit, err, ...json() }).toMatchObject({ exit: 0, err: '', sequence: 2 })
  })

  it('what a modem says of itself does not steer the terminal', async () => {
    const hostile = '\u001b[2J\u009b31mowned\u202e\r\n'
    const report = { generation: 1, sequence: 1, service: 'enabled', outcome: 'applied', version: hostile }
    await bench.modem.report('demo', { ...report, protecting: true, why: 'protecting' })
    const { out } = await bench.run('line', 'show', 'demo')
    expect(out).toContain('owned')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    const json = await bench.run('line', 'show', 'demo', '--json')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(json.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(json.json().reported.version).toBe(hostile)
  })
})

describe.skipIf(mosquittoMissing)('the fleet', { timeout }, () => {
  let deaf: FakeModem
  beforeEach(async () => {
    url = await mosquitto()
    await start()
    deaf = new FakeModem('modem-2')
    await deaf.start(url, ['demo-3'])
    closers.push(() => deaf.stop())
    expect((await bench.run('line', 'enable', 'demo', 'demo-2', 'demo-3', '--yes')).exit).toBe(0)
  })

  it('is paused when the modems have said so, and not before', async () => {
    deaf.onFleet = () => false
    const { exit, out, err } = await bench.run('fleet', 'pause', '--yes', '--timeout', '3')
    expect(exit).toBe(4)
    expect(out).toContain('2 of 3 lines that a modem serves report it as in force')
    expect(out).toContain('not yet: 1 line (demo-3)')
    expect(err).toContain('OPERATOR_FLEET_PARTLY')
    expect((await bench.run('fleet', 'show')).out).toContain('2 of 3 lines')
    deaf.onFleet = () => true
    const resumed = await bench.run('fleet', 'resume', '--yes')
    expect({ exit: resumed.exit, out: resumed.out }).toEqual({
      exit: 0,
      out: expect.stringContaining('3 of 3 lines'),
    })
  })

  it('counts an order that was published past it as another one', async () => {
    const keys = await KeyFolder.open(`${bench.folder}/keys`)
    const order = {
      v: 1,
      sequence: 7,
      mode: 'pause',
      percent: 100,
      salt: 's',
      reason: 'x',
      issuedAt: 1,
    } as const
    const jws = await keys.sign('fleet', order)
    await bench.other((broker) => broker.put(topics.fleet(), jws))
    expect((await bench.run('fleet', 'show')).out).toContain('another register has ordered it')
    // Somebody has taken it away: the register does not know its number.
    await bench.other((broker) => broker.put(topics.fleet(), ''))
    bench.modem.onFleet = ({ sequence }) => sequence > 7
    deaf.onFleet = bench.modem.onFleet
    const { exit, out, err } = await bench.run('fleet', 'resume', '--yes', '--timeout', '3')
    expect({ exit, err }).toEqual({ exit: 1, err: expect.stringContaining('OPERATOR_SUPERSEDED') })
    expect(out).toContain('ANOTHER fleet order')
    expect((await bench.run('fleet', 'resume', '--yes', '--sequence', '8')).exit).toBe(0)
  })
})
