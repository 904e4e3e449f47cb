import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { loadControl } from '../../module/control/control.ts'
import { verifyDocument } from '../../module/control/documents/verify.ts'
import { contentDigest } from '../../module/line/digest.ts'
import { type LineBook, lineOf, withFleet, withOrder } from '../../module/line/store.ts'
import { lineBookFile, storedBook } from '../../module/line/stored-book.ts'
import type { Desired } from '../../module/line/types.ts'
import { generateSigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { makeOperator, type Operator, seconds, temporaryFolder } from './rig.ts'

const day = 86_400
let folder: string
let remove: () => void
let operator: Operator
let rootsFile: string
const logged: string[] = []

beforeEach(() => {
  ;({ folder, remove } = temporaryFolder())
  operator = makeOperator()
  rootsFile = join(folder, 'roots.json')
  writeFileSync(rootsFile, JSON.stringify(operator.roots))
  logged.length = 0
})
afterEach(() => remove())

/** One start of the module's control part. */
async function start(wall = seconds()) {
  const stored = await loadControl({
    config: { dataDir: folder, trust: { rootsFile } },
    clock: new FakeClock(wall * 1000),
    log: createLog((line) => logged.push(line)),
    buildTime: seconds() - 400 * day,
    boot: `boot-${Math.random()}`,
  })
  return { ...stored, trust: stored.trust! }
}
type Started = Awaited<ReturnType<typeof start>>

/** As the twin does: verified, reduced, written. */
async function obey({ trust, trustedTime, book }: Started, jws: string): Promise<LineBook> {
  const context = { trust, target: { lineId: 'l1' }, now: trustedTime.now() }
  const { payload: order, epoch } = await verifyDocument('desired', Buffer.from(jws), context)
  const next = withOrder(book, { order, epoch, now: trustedTime.instant(), document: jws }).state
  await lineBookFile(folder).write(storedBook(next))
  return next
}

/** What the module's user can write: any body, with the digest that fits. */
function forge(name: string, body: object): void {
  const text = JSON.stringify(body)
  const sum = createHash('sha256').update(text).digest('hex')
  writeFileSync(join(folder, name), `securenet-state 1 ${sum}\n${text}`)
  rmSync(join(folder, `${name}.bak`), { force: true })
}
const bodyOf = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8').split('\n')[1]!)

async function protectedHousehold(): Promise<Started> {
  const modem = await start()
  await modem.trust.accept(Buffer.from(await operator.keys(1)))
  await obey(modem, await operator.order({ sequence: 5, notices: true }))
  return modem
}

describe('a stranger’s key in trust.state', () => {
  const stranger = generateSigningKey()

  it.each(['as version 1 had it', 'in the keys document itself', 'in a keys document of his own'] as const)(
    '%s signs nothing that is obeyed after the restart',
    async (how) => {
      const modem = await protectedHousehold()
      const document = JSON.parse(
        Buffer.from((await operator.keys(1)).split('.')[1]!, 'base64url').toString(),
      )
      document.roles.line = { threshold: 1, keys: [...document.roles.line.keys, stranger.publicKey] }
      const [header, , signature] = (await operator.keys(1)).split('.')
      const payload = Buffer.from(JSON.stringify(document)).toString('base64url')
      if (how === 'as version 1 had it')
        forge('trust.state', {
          ...{ v: 1, number: 1, keys: document, digest: contentDigest(document) },
          knownRoots: [
            createHash('sha256').update(`1 ${operator.roots.roots.keys[0]!.kid}`).digest('base64url'),
          ],
          epochs: { line: 1, list: 1, request: 1, fleet: 1 },
          kids: { line: [stranger.publicKey.kid], list: [], request: [], fleet: [] },
        })
      else if (how === 'in the keys document itself')
        forge('trust.state', { v: 2, chain: [`${header}.${payload}.${signature}`] })
      else forge('trust.state', { v: 2, chain: [await makeOperator().keys(1)] })
      const order = await operator.order({ sequence: 6, service: 'disabled', reason: 'customer' }, stranger)
      const again = await start()
      await expect(obey(again, order)).rejects.toMatchObject({ code: 'DOC_NO_KEYS' })
      // The broker's copy puts the true keys in their place; the household was protected all the time.
      expect(lineOf(again.book, 'l1').service).toBe('enabled')
      await again.trust.accept(Buffer.from(await operator.keys(1)))
      await expect(obey(again, order)).rejects.toMatchObject({ code: 'DOC_UNKNOWN_KEY' })
      const book = await obey(again, await operator.order({ sequence: 7 }))
      expect(lineOf(book, 'l1')).toMatchObject({ sequence: 7, service: 'enabled' })
      expect((await start()).trust.number).toBe(modem.trust.number)
    },
  )

  it('what verifies of a chain is kept, and the walk goes on behind it', async () => {
    await protectedHousehold()
    const modem = await start()
    operator.of.line = generateSigningKey()
    await modem.trust.accept(Buffer.from(await operator.keys(2)))
    const { chain } = bodyOf('trust.state')
    forge('trust.state', { v: 2, chain: [chain[0], await makeOperator().keys(2)] })
    const again = await start()
    expect([again.trust.number, again.trust.next]).toEqual([1, 2])
    expect(logged.join()).toContain('trust-unverified')
    await again.trust.accept(Buffer.from(chain[1]))
    expect(again.trust.number).toBe(2)
  })
})

describe('lines.state', () => {
  it('an order is verified again, also by keys that were replaced since', async () => {
    await protectedHousehold()
    const modem = await start()
    expect(lineOf(modem.book, 'l1')).toMatchObject({
      sequence: 5,
      service: 'enabled',
      notices: true,
      epoch: 1,
    })
    operator.of.line = generateSigningKey()
    await modem.trust.accept(Buffer.from(await operator.keys(2)))
    const again = await start()
    expect(lineOf(again.book, 'l1')).toMatchObject({ sequence: 5, service: 'enabled', epoch: 1 })
    const book = await obey(again, await operator.order({ sequence: 5, notices: true }))
    expect(lineOf(book, 'l1').epoch).toBe(2)
    expect(lineOf((await start()).book, 'l1').epoch).toBe(2)
  })

  it.each(['by a stranger', 'changed', 'of another line', 'of another kind'] as const)(
    'an order %s is not in force, and guards nothing',
    async (how) => {
      const modem = await protectedHousehold()
      const off: Partial<Desired> = { sequence: 2 ** 50, service: 'disabled', reason: 'customer' }
      const good = await operator.order(off)
      const [header, , signature] = (await operator.order({ sequence: 9 })).split('.')
      const document = {
        'by a stranger': await operator.order(off, generateSigningKey()),
        changed: `${header}.${good.split('.')[1]}.${signature}`,
        'of another line': await operator.order({ ...off, lineId: 'l2' }),
        'of another kind': await operator.fleet(),
      }[how]
      forge('lines.state', { v: 2, lines: [{ lineId: 'l1', document }] })
      const again = await start()
      expect(lineOf(again.book, 'l1')).toMatchObject({ service: 'dormant', sequence: 0 })
      const book = await obey({ ...again, trust: modem.trust }, await operator.order({ sequence: 6 }))
      expect(lineOf(book, 'l1')).toMatchObject({ service: 'enabled', sequence: 6 })
    },
  )

  it('a fleet order likewise', async () => {
    const { trust, book } = await protectedHousehold()
    const pause = { mode: 'pause', percent: 100, salt: 'salt', sequence: 2 ** 50 } as const
    const stranger = makeOperator()
    const write = async (document: string) => {
      const order = { v: 1, reason: 'test', issuedAt: seconds(), ...pause } as const
      const next = withFleet(book, order, { epoch: 1, lineIds: ['l1'], document }).state
      await lineBookFile(folder).write(storedBook(next))
    }
    await write(await stranger.fleet(pause))
    expect((await start()).book.fleet).toBeUndefined()
    await write(await operator.fleet(pause))
    expect((await start()).book.fleet).toMatchObject({ order: { mode: 'pause' }, epoch: 1 })
    expect(trust.number).toBe(1)
  })

  it('an ended suspension stays ended, and a countdown goes on', async () => {
    const modem = await protectedHousehold()
    const until = seconds() + 3600
    const book = await obey(
      modem,
      await operator.order({ sequence: 6, service: 'suspended', reason: 'maintenance', until }),
    )
    expect(lineOf((await start()).book, 'l1').countdown).toEqual(lineOf(book, 'l1').countdown)
    const stored = bodyOf('lines.state')
    forge('lines.state', { ...stored, lines: [{ ...stored.lines[0], ended: true }] })
    expect(lineOf((await start()).book, 'l1')).toMatchObject({
      ...{ service: 'enabled', reason: 'suspension-ended', sequence: 6 },
    })
    // `ended` says nothing where the order is no suspension.
    await obey(modem, await operator.order({ sequence: 7, service: 'terminated', reason: 'retired' }))
    const over = bodyOf('lines.state')
    forge('lines.state', { ...over, lines: [{ ...over.lines[0], ended: true }] })
    expect(lineOf((await start()).book, 'l1').service).toBe('terminated')
  })

  it('of version 1: who was enabled is carried until the operator’s word, and ranks below every order', async () => {
    await protectedHousehold()
    const line = { epoch: 9, generation: 9, sequence: 2 ** 50, digest: 'x', notices: true }
    forge('lines.state', {
      v: 1,
      lines: [
        { lineId: 'l1', service: 'enabled', ...line },
        { lineId: 'l2', service: 'disabled', ...line },
      ],
      fleet: { epoch: 9, order: { mode: 'pause', percent: 100, sequence: 9 }, digest: 'x' },
    })
    const modem = await start()
    expect(lineOf(modem.book, 'l1')).toMatchObject({ service: 'enabled', reason: 'carried', sequence: 0 })
    expect(lineOf(modem.book, 'l1')).not.toHaveProperty('notices')
    expect(lineOf(modem.book, 'l2').service).toBe('dormant')
    expect(modem.book.fleet).toBeUndefined()
    const off = await operator.order({ sequence: 1, service: 'disabled', reason: 'customer' })
    expect(lineOf(await obey(modem, off), 'l1')).toMatchObject({ service: 'disabled', sequence: 1 })
    expect(lineOf((await start()).book, 'l1').service).toBe('disabled')
  })

  it.each(['other roots in the firmware', 'no trust.state', 'no roots'] as const)(
    'with %s: who was enabled is carried, who was not is dormant',
    async (what) => {
      const modem = await protectedHousehold()
      const context = { trust: modem.trust, target: { lineId: 'l2' }, now: seconds() }
      const l2 = await operator.order({ lineId: 'l2', service: 'disabled', reason: 'customer' })
      const { payload: order, epoch } = await verifyDocument('desired', Buffer.from(l2), context)
      const { book } = await start()
      const both = withOrder(book, { order, epoch, now: modem.trustedTime.instant(), document: l2 }).state
      await lineBookFile(folder).write(storedBook(both))
      if (what === 'other roots in the firmware')
        writeFileSync(rootsFile, JSON.stringify(makeOperator().roots))
      if (what === 'no trust.state') rmSync(join(folder, 'trust.state'))
      if (what === 'no roots') rmSync(rootsFile)
      const again = await start()
      expect(lineOf(again.book, 'l1')).toMatchObject({ service: 'enabled', reason: 'carried', sequence: 0 })
      expect(lineOf(again.book, 'l2').service).toBe('dormant')
      // Also once what is carried was written again.
      await lineBookFile(folder).write(storedBook(again.book))
      expect(lineOf((await start()).book, 'l1').reason).toBe('carried')
    },
  )
})

it('clock.state of 2100 does not stop the modem’s time: the kept signatures tell', async () => {
  const modem = await protectedHousehold()
  await modem.trustedTime.persist(true)
  forge('clock.state', { v: 2, stored: seconds() + 75 * 365 * day })
  const again = await start()
  expect(again.trustedTime.now()).toBeLessThanOrEqual(seconds() + 45 * day)
  forge('clock.state', { v: 1, rooted: seconds() + 9000 * day, signed: 0, stored: 0 })
  expect((await start(0)).trustedTime.now()).toBeLessThanOrEqual(seconds())
  expect((await start(0)).trustedTime.now()).toBeGreaterThan(seconds() - day)
})
