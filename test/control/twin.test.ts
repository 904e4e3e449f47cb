import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import { validate } from '../../module/control/schemas/reported.json?compiled'
import { lineOf } from '../../module/line/store.ts'
import { signDocument } from '../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { mosquittoMissing, recordPubacks, startAedes, startMosquitto, type TestBroker } from './broker.ts'
import { makeOperator, seconds, startBackend, startModem, temporaryFolder, until } from './rig.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function openWith(start: () => Promise<TestBroker>) {
  const broker = await start()
  const { folder, remove } = temporaryFolder()
  closers.push(remove, async () => {
    await broker.stop()
    broker.remove()
  })
  const operator = makeOperator()
  const backend = await startBackend(broker.broker)
  closers.push(backend.stop)
  await backend.publish(topics.keys(1), await operator.keys(1))
  const boot = async (through = broker.broker) => {
    const modem = await startModem(through, operator, folder)
    closers.push(modem.stop)
    return modem
  }
  return { broker, folder, operator, backend, boot }
}

/** The header and claims of somebody else's making around a true signature. */
function tampered(jws: string): string {
  const [header, payload, signature] = jws.split('.')
  const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString())
  const other = Buffer.from(JSON.stringify({ ...claims, sequence: 99 })).toString('base64url')
  return `${header}.${other}.${signature}`
}

/** The claims of the order that the file holds. */
function storedOrder(path: string): string {
  const { lines } = JSON.parse(readFileSync(path, 'utf8').split('\n')[1]!)
  return Buffer.from(lines[0].document.split('.')[1], 'base64url').toString()
}

function unsigned(claims: object): string {
  const coded = (data: object) => Buffer.from(JSON.stringify(data)).toString('base64url')
  return `${coded({ alg: 'none', typ: 'securenet-request+jws', kid: 'x' })}.${coded(claims)}.AAAA`
}

const kinds: [string, boolean, () => Promise<TestBroker>][] = [
  ['aedes', false, startAedes],
  ['mosquitto', mosquittoMissing, () => startMosquitto()],
]

describe.each(kinds)('the twin over %s', (_name, skip, start) => {
  if (skip) return it.skip('mosquitto is not installed', () => undefined)
  const open = () => openWith(start)

  it('obeys an order and reports what is, in a form that holds', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await until(() => backend.last()?.keysNumber === 1)
    expect(backend.last()).toMatchObject({
      service: 'dormant',
      outcome: 'none',
      generation: 0,
      protecting: false,
    })
    const jws = await operator.order()
    const begin = performance.now()
    await backend.publish(topics.desired('l1'), jws)
    await until(() => backend.last()?.protecting)
    console.log(`order -> reported: ${Math.round(performance.now() - begin)} ms`)
    expect(backend.last()).toMatchObject({
      service: 'enabled',
      outcome: 'applied',
      generation: 1,
      sequence: 1,
    })
    for (const report of backend.reports) expect(validate(report), JSON.stringify(validate.errors)).toBe(true)
    expect(modem.acts.map(({ wipe }) => wipe)).toEqual([false])
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 2, service: 'terminated', reason: 'retired' }),
    )
    await until(() => backend.last()?.service === 'terminated')
    expect(modem.acts.at(-1)?.wipe).toBe(true)
  })

  it('refuses what is not right with its code, and keeps what it has', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    const good = await operator.order({ generation: 2, sequence: 5 })
    await backend.publish(topics.desired('l1'), good)
    await until(() => backend.last()?.sequence === 5)
    const cases: [string, string, string, string][] = [
      ['tampered', tampered(good), 'rejected', 'DOC_BAD_SIGNATURE'],
      ['unsigned', unsigned({}), 'rejected', 'DOC_BAD_HEADER'],
      ['no document at all', 'disable!', 'rejected', 'DOC_NOT_JWS'],
      ['too large', 'x'.repeat(60_000), 'rejected', 'DOC_TOO_LARGE'],
      ['for another line', await operator.order({ lineId: 'l2', sequence: 6 }), 'rejected', 'DOC_NOT_FOR_US'],
      [
        'by another role',
        await operator.order({ sequence: 6 }, operator.of.fleet),
        'rejected',
        'DOC_WRONG_ROLE',
      ],
      [
        'by a stranger',
        await operator.order({ sequence: 6 }, generateSigningKey()),
        'rejected',
        'DOC_UNKNOWN_KEY',
      ],
      ['of another kind', await operator.request(), 'rejected', 'DOC_WRONG_TYP'],
      [
        'older',
        await operator.order({ generation: 2, sequence: 4, service: 'disabled', reason: 'customer' }),
        'ignored',
        'LINE_OLDER',
      ],
      ['of an older generation', await operator.order({ sequence: 9 }), 'ignored', 'LINE_OLDER'],
      [
        'in conflict',
        await operator.order({ generation: 2, sequence: 5, service: 'disabled', reason: 'customer' }),
        'rejected',
        'LINE_CONFLICT',
      ],
    ]
    for (const [what, jws, outcome, code] of cases) {
      await backend.publish(topics.desired('l1'), jws)
      await until(() => backend.last()?.code === code && backend.last()?.outcome === outcome).catch(
        () => undefined,
      )
      expect(backend.last(), what).toMatchObject({
        ...{ generation: 2, sequence: 5, service: 'enabled', protecting: true },
        ...{ outcome, code },
      })
    }
    expect(backend.last()?.refusals).toMatchObject([{ kind: 'desired', code: 'LINE_CONFLICT', count: 9 }])
    await backend.publish(topics.desired('l1'), good)
    await until(() => backend.last()?.outcome === 'repeated')
    expect(backend.last()).not.toHaveProperty('code')
    expect(modem.acts).toHaveLength(1)
  })

  it('reports again what comes twice, and keeps its state when the order is removed', async () => {
    const { operator, backend, boot } = await open()
    await boot()
    const jws = await operator.order()
    await backend.publish(topics.desired('l1'), jws)
    await until(() => backend.last()?.outcome === 'applied')
    await backend.publish(topics.desired('l1'), jws)
    await until(() => backend.last()?.outcome === 'repeated')
    const before = backend.reports.length
    await backend.publish(topics.desired('l1'), '')
    await backend.publish(topics.fleet(), await operator.fleet())
    await until(() => backend.reports.length > before)
    expect(backend.last()).toMatchObject({ service: 'enabled', protecting: true, outcome: 'repeated' })
  })

  it('of 1,000 orders in a burst the last counts, and the flash is spared', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await until(() => modem.trust.number === 1)
    const orders = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        operator.order({
          sequence: i + 1,
          ...(i % 2 ? { service: 'enabled' } : { service: 'disabled', reason: 'customer' }),
        }),
      ),
    )
    const begin = performance.now()
    await Promise.all(orders.map((jws) => backend.publish(topics.desired('l1'), jws)))
    await until(() => backend.last()?.sequence === 1000)
    console.log(`1,000 orders: ${Math.round(performance.now() - begin)} ms, ${modem.gate.writes} writes`)
    expect(backend.last()).toMatchObject({ sequence: 1000, service: 'enabled', protecting: true })
    expect(modem.gate.writes).toBeLessThan(600)
  })

  it('lives from its flash when it starts again, and does not fall for what it knew before', async () => {
    const { operator, backend, boot, folder } = await open()
    const first = await boot()
    const old = await operator.order()
    await backend.publish(topics.desired('l1'), old)
    await until(() => backend.last()?.sequence === 1)
    await backend.publish(topics.desired('l1'), await operator.order({ sequence: 2 }))
    await until(() => backend.last()?.sequence === 2)
    await first.stop()
    expect(storedOrder(join(folder, 'lines.state'))).toContain('"sequence":2')
    await backend.publish(topics.desired('l1'), old)
    const second = await boot()
    expect(lineOf(second.twin.book, 'l1')).toMatchObject({ service: 'enabled', sequence: 2 })
    await until(() => backend.last()?.code === 'LINE_OLDER')
    expect(backend.last()).toMatchObject({ service: 'enabled', sequence: 2, outcome: 'ignored' })
  })

  it('walks keys 1 to 9 alone, and judges again what it could not verify before', async () => {
    const { operator, backend, boot } = await open()
    for (let n = 2; n <= 8; n++) {
      operator.of.line = generateSigningKey()
      await backend.publish(topics.keys(n), await operator.keys(n))
    }
    const modem = await boot()
    await until(() => modem.trust.number === 8)
    operator.of.line = generateSigningKey()
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => backend.last()?.code === 'DOC_UNKNOWN_KEY')
    await backend.publish(topics.keys(9), await operator.keys(9))
    await until(() => backend.last()?.service === 'enabled')
    expect(backend.last()).toMatchObject({ keysNumber: 9, outcome: 'applied' })
  })

  it('hands a verified head on, and verifies it again under new keys', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await until(() => modem.trust.number === 1)
    const head = await operator.head({ sequence: 3 })
    await backend.publish(topics.head('securenet'), head)
    await until(() => modem.heads.length === 1)
    expect(modem.heads[0]?.sequence).toBe(3)
    await backend.publish(topics.head('securenet'), tampered(head))
    await until(() => backend.last()?.refusals.some(({ kind }) => kind === 'head'))
    expect(modem.heads).toHaveLength(1)
    operator.of.list = generateSigningKey()
    await backend.publish(topics.head('securenet'), await operator.head({ sequence: 4 }))
    await until(() => backend.last()?.refusals.some(({ code }) => code === 'DOC_UNKNOWN_KEY'))
    await backend.publish(topics.keys(2), await operator.keys(2))
    await until(() => modem.heads.length === 2)
    expect(modem.heads[1]?.sequence).toBe(4)
  })

  it('a head that was right until its key was replaced is no refusal', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await until(() => modem.trust.number === 1)
    await backend.publish(topics.head('securenet'), await operator.head({ sequence: 3 }))
    await until(() => modem.heads.length === 1)
    operator.of.list = generateSigningKey()
    await backend.publish(topics.keys(2), await operator.keys(2))
    await until(() => backend.last()?.keysNumber === 2)
    await backend.publish(topics.head('securenet'), await operator.head({ sequence: 3 }))
    await until(() => modem.heads.length === 2)
    expect(backend.last()?.refusals).toEqual([])
    // Whoever sends one under the old key now is refused.
    await backend.publish(
      topics.head('securenet'),
      await signDocument('head', modem.heads[0]!, [generateSigningKey()]),
    )
    await until(() => backend.last()?.refusals.some(({ kind }) => kind === 'head'))
  })

  it('pauses with the fleet and goes on with it', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await backend.publish(
      topics.fleet(),
      await operator.fleet({ mode: 'pause', percent: 100, salt: 'saltsalt' }),
    )
    await until(() => backend.last()?.fleet === 'pause')
    await backend.publish(topics.fleet(), await operator.fleet({ sequence: 2 }))
    await until(() => backend.last()?.fleet === 'run')
    await backend.publish(
      topics.fleet(),
      await operator.fleet({ mode: 'pause', percent: 100, salt: 'saltsalt' }),
    )
    await backend.publish(topics.fleet(), tampered(await operator.fleet({ sequence: 3 })))
    await until(() => backend.last()?.refusals.some(({ kind }) => kind === 'fleet'))
    expect(backend.last()?.fleet).toBe('run')
    expect(modem.acts).toHaveLength(2)
  })

  it('executes a signed request once, and no other', async () => {
    const { operator, backend, boot } = await open()
    const modem = await boot()
    await until(() => modem.trust.number === 1)
    const topic = topics.request('m1')
    const jws = await operator.request({ id: 'first' })
    await backend.publish(topic, jws, false)
    await until(() => backend.responses.length === 1)
    expect(backend.responses[0]).toMatchObject({ id: 'first', ok: true, result: { ran: 'status' } })
    const cases: [string, string][] = [
      [jws, 'DOC_REPLAYED'],
      [unsigned({ id: 'x', action: 'status' }), 'DOC_BAD_HEADER'],
      [tampered(await operator.request()), 'DOC_BAD_SIGNATURE'],
      [await operator.request({ modemId: 'm2' }), 'DOC_NOT_FOR_US'],
      [await operator.request({ issuedAt: seconds() - 100, expires: seconds() - 40 }), 'DOC_EXPIRED'],
    ]
    for (const [i, [given, code]] of cases.entries()) {
      await backend.publish(topic, given, false)
      await until(() => backend.responses.length === i + 2)
      expect(backend.responses.at(-1)).toMatchObject({ ok: false, code })
    }
    expect(modem.executed.map(({ id }) => id)).toEqual(['first'])
    await until(() => backend.last()?.refusals[0]?.count === cases.length)
    expect(backend.last()?.refusals).toMatchObject([{ kind: 'request', code: 'DOC_EXPIRED' }])
  })

  it('is not acknowledged, and not obeyed, before it is on flash; a full flash is reported and tried again', async () => {
    const { broker, operator, backend, boot } = await open()
    const acknowledged: number[] = []
    const proxy = await recordPubacks(broker.port, acknowledged)
    closers.push(proxy.stop)
    const modem = await boot(proxy)
    // The keys, and nothing else is retained.
    await until(() => modem.trust.number === 1 && acknowledged.length >= 1)
    const before = acknowledged.length
    const write = modem.gate.write
    let release = (): void => undefined
    modem.gate.write = async (book) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return write(book)
    }
    await backend.publish(topics.desired('l1'), await operator.order())
    await until(() => modem.gate.writes === 1)
    // For what must not come: a slow machine sees less of it, and fails no sooner.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(lineOf(modem.twin.book, 'l1').service).toBe('dormant')
    expect(modem.acts).toEqual([])
    expect(acknowledged).toHaveLength(before)
    release()
    await until(() => acknowledged.length === before + 1)
    await until(() => backend.last()?.outcome === 'applied')
    modem.gate.write = async () => {
      throw new SecureNetError('STATE_DISK_FULL', 'full')
    }
    await backend.publish(
      topics.desired('l1'),
      await operator.order({ sequence: 2, service: 'disabled', reason: 'customer' }),
    )
    await until(() => backend.last()?.code === 'STATE_DISK_FULL')
    expect(backend.last()).toMatchObject({
      sequence: 1,
      service: 'enabled',
      outcome: 'rejected',
      protecting: true,
    })
    modem.gate.write = write
    modem.twin.sync()
    await until(() => backend.last()?.service === 'disabled')
    expect(backend.last()).toMatchObject({ sequence: 2, outcome: 'applied', protecting: false })
  })
})

describe('a broker that drops what it cannot queue', () => {
  if (mosquittoMissing) return it.skip('mosquitto is not installed', () => undefined)

  it('is asked again after a burst, so that the last order counts all the same', async () => {
    const { operator, backend, boot } = await openWith(() =>
      startMosquitto({ config: ['max_queued_messages 30', 'max_inflight_messages 20'] }),
    )
    const modem = await boot()
    await until(() => modem.trust.number === 1)
    const orders = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => operator.order({ sequence: i + 1 })),
    )
    await Promise.all(orders.map((jws) => backend.publish(topics.desired('l1'), jws)))
    await until(() => backend.last()?.sequence === 1000)
  })
})
