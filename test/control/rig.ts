import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import type { Head } from '../../module/blocklist/format/head.ts'
import type { Keys, Request, Role } from '../../module/control/documents/kinds.ts'
import { parseStoredReplay, ReplayGuard } from '../../module/control/documents/replay-guard.ts'
import { parseStoredTrust, Trust } from '../../module/control/documents/trust.ts'
import { Presence } from '../../module/control/mqtt/presence.ts'
import { Session } from '../../module/control/mqtt/session.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { BrokerAddress } from '../../module/control/mqtt/transport.ts'
import type { LineMeasurement, Reported } from '../../module/control/reported.ts'
import { Requests, requestGate } from '../../module/control/requests.ts'
import { Twin } from '../../module/control/twin.ts'
import { loadBook } from '../../module/control/twin-book.ts'
import { type LineBook, lineOf } from '../../module/line/store.ts'
import { lineBookFile, storedBook } from '../../module/line/stored-book.ts'
import type { Desired, FleetOrder } from '../../module/line/types.ts'
import { StateFile } from '../../module/platform/state-file.ts'
import { parseStoredFloor, TrustedTime } from '../../module/platform/trusted-time.ts'
import {
  makeKeysDocument,
  makeRootsFile,
  signDocument,
} from '../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey, type SigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { waitLimitMs } from '../helpers/limits.ts'

export const seconds = () => Math.floor(Date.now() / 1000)

export async function until(what: () => unknown): Promise<void> {
  const end = performance.now() + waitLimitMs
  while (!what()) {
    if (performance.now() > end) throw new Error(`not within ${waitLimitMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The backend's keys; `keys` makes keys/{n} with the role keys that are in `of` now. */
export function makeOperator() {
  const root = generateSigningKey()
  const of: Record<Role, SigningKey> = {
    line: generateSigningKey(),
    list: generateSigningKey(),
    request: generateSigningKey(),
    fleet: generateSigningKey(),
  }
  const set = (key: SigningKey) => ({ threshold: 1, keys: [key.publicKey] })
  const keys = (number: number): Promise<string> => {
    const document: Keys = {
      v: 1,
      number,
      issuedAt: seconds(),
      roots: set(root),
      roles: { line: set(of.line), list: set(of.list), request: set(of.request), fleet: set(of.fleet) },
    }
    return makeKeysDocument(document, [root])
  }
  const order = (more: Partial<Desired> = {}, key = of.line) =>
    signDocument('desired', { ...baseOrder, issuedAt: seconds(), ...more }, [key])
  const request = (more: Partial<Request> = {}) =>
    signDocument(
      'request',
      {
        v: 1,
        id: 'r1',
        modemId: 'm1',
        action: 'status',
        nonce: `nonce-${Math.random()}`.padEnd(20, '0').replace('.', '-').slice(0, 40),
        issuedAt: seconds(),
        expires: seconds() + 60,
        ...more,
      },
      [of.request],
    )
  const fleet = (more: Partial<FleetOrder> = {}) =>
    signDocument('fleet', { v: 1, sequence: 1, mode: 'run', reason: 'test', issuedAt: seconds(), ...more }, [
      of.fleet,
    ])
  const head = (more: Partial<Head> = {}) => signDocument('head', { ...baseHead, ...more }, [of.list])
  return { of, roots: makeRootsFile(set(root)), keys, order, request, fleet, head }
}
export type Operator = ReturnType<typeof makeOperator>

const baseOrder: Desired = {
  v: 1,
  lineId: 'l1',
  generation: 1,
  sequence: 1,
  service: 'enabled',
  reason: 'subscribed',
  by: 'customer',
  issuedAt: 0,
}
const digest = 'A'.repeat(43)
const baseHead: Head = {
  list: 'securenet',
  sequence: 1,
  issuedAt: seconds(),
  expires: seconds() + 86_400,
  spreadSeconds: 0,
  stable: {
    version: 1,
    key: '0123456789abcdef',
    names: 1,
    result: digest,
    snapshot: { bytes: 10, chunks: [digest] },
    deltas: [],
  },
  allow: [],
}

/** A modem's control part over real files and a real broker; what it does otherwise is written down. */
export async function startModem(broker: BrokerAddress, operator: Operator, folder: string) {
  const log = createLog(() => undefined)
  const file = lineBookFile(folder)
  const stateFile = <T>(name: string, parse: (data: unknown) => T) => new StateFile({ folder, name, parse })
  const trust = new Trust({ roots: operator.roots, file: stateFile('trust.state', parseStoredTrust), log })
  await trust.load()
  const { book } = await loadBook({ file, trust, log })
  const boot = `boot-${Math.random().toString(36).slice(2)}`
  const trustedTime = new TrustedTime({
    clock: systemClock,
    file: stateFile('clock.state', parseStoredFloor),
    buildTime: seconds() - 86_400,
    log,
    boot,
  })
  const replay = new ReplayGuard({ file: stateFile('replay.state', parseStoredReplay), log })
  await replay.load(trustedTime.now())
  const presence = new Presence({ modemId: 'm1', bootId: boot, lines: ['l1', 'l2'], clock: systemClock })
  const session = new Session({
    broker,
    clientId: 'm1',
    keepaliveSeconds: 5,
    clock: systemClock,
    log,
    random: Math.random,
    clockSane: () => true,
    presence: presence.document,
    backoff: { firstMs: 50, longestMs: 200 },
  })
  const acts: { book: LineBook; wipe: boolean }[] = []
  const heads: Head[] = []
  const executed: Request[] = []
  const gate: { write: (book: LineBook) => Promise<void>; writes: number } = {
    write: (next) => file.write(storedBook(next)),
    writes: 0,
  }
  let protecting = false
  const measure = (lineId: string): LineMeasurement => ({
    access: 'fixed',
    active: lineId === 'l1',
    protecting: protecting && lineId === 'l1',
    why: protecting ? 'protecting' : 'disabled',
    interfaces: { armed: [], refused: [] },
    list: { name: 'securenet', state: 'none' },
    selfTest: { udp4: 'pass', tcp4: 'pass', udp6: 'pass', tcp6: 'pass', page: 'pass', forward: 'pass' },
  })
  const twin = new Twin({
    identity: { modemId: 'm1', bootId: boot, version: '0.1.0' },
    lineIds: ['l1', 'l2'],
    list: 'securenet',
    session,
    trust,
    book,
    writeBook: (next) => {
      gate.writes++
      return gate.write(next)
    },
    trustedTime,
    clock: systemClock,
    log,
    onHead: (head) => heads.push(head),
    act: async (current, wipe) => {
      acts.push({ book: current, wipe })
      protecting = lineOf(current, 'l1').service === 'enabled'
    },
    measure,
  })
  const run = (request: Request) => {
    executed.push(request)
    return { ran: request.action }
  }
  const requests = new Requests({
    modemId: 'm1',
    session,
    clock: systemClock,
    log,
    accept: requestGate({ modemId: 'm1', trust, replay, trustedTime }),
    handlers: {
      status: run,
      'self-test': run,
      'check-name': run,
      'support-bundle': run,
      sync: () => twin.sync(),
    },
    onRefused: (code) => twin.refused('request', code),
  })
  presence.attach(session)
  twin.start()
  requests.start()
  session.start()
  const stop = async () => {
    twin.stop()
    await session.stop()
  }
  return { twin, session, trust, acts, heads, executed, gate, stop }
}

/** A backend's connection: publishes, and hears what the modem reports. */
export async function startBackend(broker: BrokerAddress) {
  const client = await mqtt.connectAsync(broker.url, { reconnectPeriod: 50 })
  const reports: Reported[] = []
  const responses: any[] = []
  client.on('message', (topic, payload) => {
    const data = JSON.parse(payload.toString())
    if (topic === topics.reported('l1')) reports.push(data)
    if (topic === topics.response('m1')) responses.push(data)
  })
  await client.subscribeAsync([topics.reported('l1'), topics.response('m1')], { qos: 1 })
  const publish = (topic: string, payload: string, retain = true) =>
    client.publishAsync(topic, payload, { qos: 1, retain })
  return {
    client,
    reports,
    responses,
    publish,
    last: () => reports.at(-1),
    stop: () => client.endAsync(true),
  }
}

export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-control-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
