import { beforeAll, describe, expect, it } from 'vitest'
import type { DocumentKind, Payloads } from '../../module/control/documents/kinds.ts'
import { parseStoredTrust, Trust } from '../../module/control/documents/trust.ts'
import type { MessageHandler } from '../../module/control/mqtt/session.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Reported } from '../../module/control/reported.ts'
import { Twin } from '../../module/control/twin.ts'
import { loadBook } from '../../module/control/twin-book.ts'
import { fleetModeOf } from '../../module/line/fleet.ts'
import { type LineBook, lineOf } from '../../module/line/store.ts'
import { lineBookFile, storedBook } from '../../module/line/stored-book.ts'
import { type Desired, type FleetOrder, reasonsOf } from '../../module/line/types.ts'
import { StateFile } from '../../module/platform/state-file.ts'
import { parseStoredFloor, TrustedTime } from '../../module/platform/trusted-time.ts'
import { MemoryFs } from '../../scripts/fleet/memory-fs.ts'
import {
  makeKeysDocument,
  makeRootsFile,
  signDocument,
} from '../../scripts/operator/signing/sign-document.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { freshSigners, keysPayload, now, quiet, setOf } from './signers.ts'

const signers = freshSigners()
const lineId = 'l1'
const folder = '/data'
const pass = {
  udp4: 'pass',
  tcp4: 'pass',
  udp6: 'pass',
  tcp6: 'pass',
  page: 'pass',
  forward: 'pass',
} as const

/** The module's own way of a document, from its bytes to what is reported; only broker and flash are stand-ins. */
async function modemOn(fs: MemoryFs, clock = new FakeClock(now * 1000)) {
  const file = <T>(name: string, parse: (data: unknown) => T) => new StateFile({ folder, name, parse, fs })
  const bookFile = lineBookFile(folder, fs)
  const trust = new Trust({
    roots: makeRootsFile(setOf(signers.roots)),
    file: file('trust.state', parseStoredTrust),
    log: quiet,
  })
  await trust.load()
  const { book } = await loadBook({ file: bookFile, trust, log: quiet })
  const boot = Math.random().toString(36)
  const trustedTime = new TrustedTime({
    clock,
    file: file('clock.state', parseStoredFloor),
    buildTime: now - 86_400,
    log: quiet,
    boot,
  })
  await trustedTime.load()
  const handlers = new Map<string, MessageHandler>()
  const reports: Reported[] = []
  const wipes: boolean[] = []
  const twin = new Twin({
    identity: { modemId: 'm1', bootId: boot, version: '0' },
    lineIds: [lineId],
    list: 'securenet',
    session: {
      subscribe: (topic, handler) => void handlers.set(topic, handler),
      unsubscribe: (topic) => void handlers.delete(topic),
      refresh: () => undefined,
      keep: (_topic, payload) => void reports.push(JSON.parse(String(payload))),
    },
    trust,
    book,
    writeBook: (next) => bookFile.write(storedBook(next)),
    trustedTime,
    clock,
    log: quiet,
    onHead: () => undefined,
    act: async (_book, wipe) => void wipes.push(wipe),
    measure: () => ({
      access: 'fixed',
      active: true,
      protecting: false,
      why: 'disabled',
      interfaces: { armed: [], refused: [] },
      list: { name: 'securenet', state: 'none' },
      selfTest: pass,
    }),
  })
  twin.start()
  /** @returns the last report; there is always one after an order */
  const deliver = async (topic: string, jws: string) => {
    const before = reports.length
    await handlers.get(topic)?.({ topic, payload: Buffer.from(jws), retained: true })
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
    clock.advance(20)
    if (topic === topics.desired(lineId)) expect(reports.length).toBeGreaterThan(before)
    return reports.at(-1)!
  }
  return {
    twin,
    deliver,
    wipes,
    reports,
    clock,
    line: () => lineOf(twin.book, lineId),
    book: () => twin.book,
  }
}

interface Signed<K extends DocumentKind> {
  payload: Payloads[K]
  jws: string
  topic: string
}

const untils = [undefined, now + 1800, now - 1800]
const thens = [undefined, 'enabled', 'disabled'] as const
/** Every service with every reason, and of suspensions every way to end. */
const kinds: Partial<Desired>[] = (['enabled', 'disabled', 'suspended', 'terminated'] as const).flatMap(
  (service) =>
    reasonsOf[service].flatMap((reason): Partial<Desired>[] => {
      if (service !== 'suspended') return [{ service, reason }]
      return untils.flatMap((until): Partial<Desired>[] =>
        until === undefined
          ? [{ service, reason }]
          : thens.map((then) => ({ service, reason, until, ...(then && { then }) })),
      )
    }),
)
const numbers = [1, 2].flatMap((generation) => [1, 2].map((sequence) => ({ generation, sequence })))

/** The flash of a modem that knows the keys. */
let fresh: MemoryFs
const orders: Signed<'desired'>[] = []
const fleets: Signed<'fleet'>[] = []

beforeAll(async () => {
  fresh = new MemoryFs()
  const first = await modemOn(fresh)
  await first.deliver(topics.keys(1), await makeKeysDocument(keysPayload(1, signers), signers.roots))
  first.twin.stop()
  for (const kind of kinds)
    for (const at of numbers) {
      const payload = { v: 1, lineId, by: 'support', issuedAt: now - 3600, ...at, ...kind } as Desired
      orders.push({
        payload,
        jws: await signDocument('desired', payload, signers.line),
        topic: topics.desired(lineId),
      })
    }
  for (const mode of ['run', 'pause', 'retire'] as const)
    for (const sequence of [1, 2]) {
      const share = mode === 'run' ? {} : { percent: 100, salt: 's' }
      const payload: FleetOrder = { v: 1, sequence, mode, ...share, reason: 'test', issuedAt: now }
      fleets.push({
        payload,
        jws: await signDocument('fleet', payload, signers.fleet),
        topic: topics.fleet(),
      })
    }
})

/** docs/line-life-cycle.md, "What an order does", written a second time. */
function expected(a: Desired, b: Desired): { wins: 'a' | 'b'; outcome: string; code?: string } {
  const sameNumbers = a.generation === b.generation && a.sequence === b.sequence
  if (a === b) return { wins: 'a', outcome: 'repeated' }
  if (sameNumbers) return { wins: 'a', outcome: 'rejected', code: 'LINE_CONFLICT' }
  if (a.generation !== b.generation)
    return b.generation > a.generation
      ? { wins: 'b', outcome: 'applied' }
      : { wins: 'a', outcome: 'ignored', code: 'LINE_OLDER' }
  const [aEnds, bEnds] = [a, b].map(({ service }) => service === 'terminated')
  if (bEnds && !aEnds) return { wins: 'b', outcome: 'applied' }
  if (aEnds && !bEnds)
    return b.sequence > a.sequence
      ? { wins: 'a', outcome: 'rejected', code: 'LINE_TERMINATED' }
      : { wins: 'a', outcome: 'ignored', code: 'LINE_OLDER' }
  return b.sequence > a.sequence
    ? { wins: 'b', outcome: 'applied' }
    : { wins: 'a', outcome: 'ignored', code: 'LINE_OLDER' }
}

/** Names and numbers of this start of the process are no part of the state. */
function comparable(book: LineBook) {
  return JSON.stringify(book, (key, value) =>
    ['boot', 'monotonic', 'wall'].includes(key) ? undefined : value,
  )
}

const withoutLeft = (state: string) => state.replaceAll(/"left":\d+/g, '')

async function run(documents: readonly Signed<DocumentKind>[], restart: boolean) {
  const flash = new MemoryFs(fresh)
  let modem = await modemOn(flash)
  let last: Reported | undefined
  for (const { topic, jws } of documents) {
    last = await modem.deliver(topic, jws)
    if (!restart) continue
    modem.twin.stop()
    modem = await modemOn(flash)
  }
  modem.twin.stop()
  return { last, line: modem.line(), book: modem.book(), state: comparable(modem.book()), wipes: modem.wipes }
}

describe.each([false, true])('every pair of orders, from outside; a restart after each: %s', (restart) => {
  it('ends as the table says, in both orders', async () => {
    expect(orders).toHaveLength(22 * 4)
    const alone = new Map<Desired, string>()
    for (const order of orders) alone.set(order.payload, (await run([order], false)).state)
    let pairs = 0
    for (const a of orders)
      for (const b of orders) {
        const { wins, outcome, code } = expected(a.payload, b.payload)
        const seen = await run([a, b], restart)
        const winner = wins === 'a' ? a.payload : b.payload
        const what = JSON.stringify([a.payload, b.payload])
        expect([seen.last?.outcome, seen.last?.code], what).toEqual([outcome, code])
        expect(seen.last, what).toMatchObject({
          service: winner.service,
          reason: winner.reason,
          generation: winner.generation,
          sequence: winner.sequence,
        })
        // Nothing of the other is left: as if only the winner had come.
        expect(seen.state, what).toBe(alone.get(winner))
        if (!restart && outcome === 'applied')
          expect(seen.wipes.at(-1), what).toBe(b.payload.service === 'terminated')
        pairs++
      }
    expect(pairs).toBe(88 * 88)
  })
})

describe('what comes after a suspension', () => {
  it('is what `then` says, once `until` has passed, and nothing without `until`', async () => {
    for (const order of orders.filter(({ payload }) => payload.service === 'suspended')) {
      const { until, then } = order.payload
      const modem = await modemOn(new MemoryFs(fresh))
      await modem.deliver(order.topic, order.jws)
      for (let second = 0; second < 3600; second += 60) {
        modem.clock.advance(60_000)
        await new Promise(setImmediate)
      }
      modem.twin.stop()
      const after = until === undefined ? 'suspended' : (then ?? 'enabled')
      expect(modem.line().service, JSON.stringify(order.payload)).toBe(after)
      expect(modem.line()).toMatchObject({ sequence: order.payload.sequence })
    }
  })
})

describe.each([false, true])('the fleet; a restart after each: %s', (restart) => {
  it('every pair of fleet documents ends in the newer, the first of two under one number', async () => {
    for (const a of fleets)
      for (const b of fleets) {
        const seen = await run([a, b], restart)
        const bWins = b.payload.sequence > a.payload.sequence
        const { mode } = bWins ? b.payload : a.payload
        expect(fleetModeOf(seen.book.fleet, lineId)).toBe(mode)
        const conflict = a !== b && a.payload.sequence === b.payload.sequence
        const refusal = seen.last?.refusals.find(({ kind }) => kind === 'fleet')?.code
        expect(refusal).toBe(conflict ? 'FLEET_CONFLICT' : undefined)
      }
  })

  it('lies over every order and changes none, in both orders', async () => {
    for (const order of orders.filter(({ payload }) => payload.generation === 1 && payload.sequence === 1))
      for (const fleet of fleets) {
        const [one, other] = [await run([order, fleet], restart), await run([fleet, order], restart)]
        // The fleet's signature confirms the time: a suspension that was over at its arrival is then over at once.
        expect(withoutLeft(one.state)).toBe(withoutLeft(other.state))
        expect(one.line.service).toBe(order.payload.service)
        expect(fleetModeOf(one.book.fleet, lineId)).toBe(fleet.payload.mode)
      }
  })
})
