import type { Head } from '../../module/blocklist/format/head.ts'
import type { Role, RoleKeys } from '../../module/control/documents/kinds.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired, FleetOrder } from '../../module/line/types.ts'
import type { Broker } from './broker.ts'
import type { Context } from './context.ts'
import { exitCodes, failure, OperatorError } from './exit.ts'
import { verifyWith } from './keys.ts'
import { isNewer, isSpent } from './numbers.ts'
import { claimsOf, putOrder, type Sign } from './orders.ts'
import { counted } from './output.ts'
import type { DocumentRecord, LineRecord } from './register/records.ts'
import type { Register } from './register/register.ts'
import type { KeyFolder } from './signing/key-folder.ts'
import { Slots } from './slots.ts'

/** Keys before and keys in force, of one role. */
interface Keys {
  before: RoleKeys
  now: RoleKeys
}

/**
 * `signed`; `replaced`: signed, where something stood that nobody of ours has signed; `current`: under the keys in force
 * already; `foreign`: such a thing is left alone, because the register has nothing to put there; `nothing`.
 */
type Result = 'signed' | 'replaced' | 'current' | 'foreign' | 'nothing'

const atOnce = 32
/** Orders that are given meanwhile. */
const tries = 5

const kidOf = (jws: string): unknown => {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()).kid
  } catch {
    return undefined
  }
}

const isOf = ({ keys }: RoleKeys, jws: string) => keys.some(({ kid }) => kid === kidOf(jws))

/** What stands on the broker, if these keys have signed it and its numbers are not a thief's. */
async function ours<K extends 'desired' | 'head' | 'fleet'>(
  kind: K,
  keys: RoleKeys,
  jws: Buffer | undefined,
) {
  const payload = jws && (await verifyWith(kind, keys, jws).catch(() => undefined))
  return payload && !isSpent(payload) ? payload : undefined
}

/**
 * Documents that keys to be replaced have signed, or a rotation that was broken off has left. What is signed is what the
 * register has: topic by topic, each read before it is written.
 */
export class ToSignAgain {
  readonly #broker: Broker
  readonly #register: Register
  readonly #before: ReadonlyMap<Role, RoleKeys>

  /** @param before keys of each role, as they were */
  constructor(tools: { broker: Broker; register: Register }, before: ReadonlyMap<Role, RoleKeys>) {
    this.#broker = tools.broker
    this.#register = tools.register
    this.#before = before
  }

  /** Documents of the register that those keys have signed. */
  async count(): Promise<number> {
    let count = 0
    const line = this.#before.get('line')
    if (line)
      for await (const { order } of this.#register.lines()) if (order && isOf(line, order.jws)) count++
    for (const topic of await this.#register.documentTopics()) {
      const keys = this.#before.get(topic === topics.fleet() ? 'fleet' : 'list')
      const record = await this.#register.document(topic)
      if (keys && record && isOf(keys, record.jws)) count++
    }
    return count
  }

  /** With the keys in force now: a modem that reads these documents for the first time would else find nothing that it may obey. */
  async sign(context: Context, { sign, current }: KeyFolder): Promise<Record<string, SignedAgain>> {
    const again: Record<string, SignedAgain> = {}
    for (const [role, before] of this.#before) {
      const keys = { before, now: current.roles[role] }
      const work = await this.#workOf(role, context.list, keys, sign)
      again[role] = await signAll(work, context.output.progress(`sign ${role}`, work.length))
    }
    return again
  }

  async #workOf(role: Role, list: string, keys: Keys, sign: Sign): Promise<Work[]> {
    if (role === 'line') {
      const work: Work[] = []
      for await (const { lineId } of this.#register.lines())
        work.push({ topic: topics.desired(lineId), act: () => this.#signOrder(lineId, keys, sign) })
      return work
    }
    // Requests live two minutes and are not retained.
    if (role === 'request') return []
    const known = (await this.#register.documentTopics()).filter((topic) => topic !== topics.fleet())
    const wanted = role === 'fleet' ? [topics.fleet()] : [...new Set([topics.head(list), ...known])]
    const kind = role === 'fleet' ? 'fleet' : 'head'
    return wanted.map((topic) => ({ topic, act: () => this.#signDocument(kind, topic, keys, sign) }))
  }

  async #signOrder(lineId: string, keys: Keys, sign: Sign): Promise<Result> {
    for (let i = 0; i < tries; i++) {
      const line = await this.#register.line(lineId)
      const jws = await this.#broker.read(topics.desired(lineId))
      const onBroker = await ours('desired', keys.now, jws)
      if (onBroker && !isBehind(line, onBroker)) return 'current'
      const order = newest(line.order?.desired, (await ours('desired', keys.before, jws)) ?? onBroker)
      if (!order) return jws ? 'foreign' : 'nothing'
      const anew = await sign('desired', order)
      if (!(await this.#register.signedAgain(line, order, anew))) continue
      await putOrder({ broker: this.#broker, register: this.#register }, lineId, anew)
      return jws && String(jws) !== line.order?.jws && !(await ours('desired', keys.before, jws))
        ? 'replaced'
        : 'signed'
    }
    throw new OperatorError(
      exitCodes.failed,
      'OPERATOR_CONFLICT',
      `line ${lineId} is ordered again and again`,
    )
  }

  async #signDocument(kind: 'head' | 'fleet', topic: string, keys: Keys, sign: Sign): Promise<Result> {
    const jws = await this.#broker.read(topic)
    if (await ours(kind, keys.now, jws)) return 'current'
    const record = await this.#register.document(topic)
    const held = await ours(kind, keys.before, jws)
    const payload = newerDocument(record, held)
    if (!payload) return jws ? 'foreign' : 'nothing'
    const anew = await (kind === 'head'
      ? sign('head', payload as Head)
      : sign('fleet', payload as FleetOrder))
    const { sequence, issuedAt } = payload
    if (!(await this.#register.replaceDocument(topic, record, { sequence, issuedAt, jws: anew })))
      throw new OperatorError(exitCodes.failed, 'OPERATOR_CONFLICT', `${topic} was published meanwhile`)
    await this.#broker.put(topic, anew, true)
    return jws && !held ? 'replaced' : 'signed'
  }
}

interface Work {
  topic: string
  act: () => Promise<Result>
}

const isBehind = ({ order }: LineRecord, onBroker: Desired) =>
  order !== undefined && isNewer(order.desired, onBroker)

const newest = (a: Desired | undefined, b: Desired | undefined) => (a && !(b && isNewer(b, a)) ? a : b)

/** Our own record was verified when it was made. */
function newerDocument(
  record: DocumentRecord | undefined,
  held: Head | FleetOrder | undefined,
): Head | FleetOrder | undefined {
  if (!record || (held && held.sequence > record.sequence)) return held
  return isSpent(record) ? held : (claimsOf(record.jws) as Head | FleetOrder)
}

async function signAll(work: readonly Work[], progress: (done: number) => void): Promise<SignedAgain> {
  const again: SignedAgain = { documents: 0, signed: 0, current: 0, replaced: [], foreign: [], failed: [] }
  const slots = new Slots(atOnce)
  let done = 0
  await Promise.all(
    work.map(({ topic, act }) =>
      slots.run(async () => {
        const result = await act().catch((error) => {
          again.failed.push({ topic, code: failure(error).code })
        })
        progress(++done)
        if (result !== 'nothing') again.documents++
        if (result === 'signed' || result === 'replaced') again.signed++
        if (result === 'current') again.current++
        if (result === 'replaced' || result === 'foreign') again[result].push(topic)
      }),
    ),
  )
  return again
}

export interface SignedAgain {
  documents: number
  signed: number
  /** Under the keys in force already. */
  current: number
  replaced: string[]
  foreign: string[]
  failed: { topic: string; code: string }[]
}

export function againRows(again: Record<string, SignedAgain>): string[] {
  return Object.entries(again).map(([role, { documents, signed, current, replaced, foreign, failed }]) =>
    [
      `${role}: ${signed} of ${counted(documents, 'document')} signed again`,
      ...(current > 0 ? [`${current} already`] : []),
      ...(replaced.length > 0 ? [`in place of what is not ours: ${replaced.join(', ')}`] : []),
      ...(foreign.length > 0 ? [`left alone: ${foreign.join(', ')}`] : []),
      ...(failed.length > 0
        ? [`FAILED: ${failed.map(({ topic, code }) => `${topic} ${code}`).join(', ')}`]
        : []),
    ].join(', '),
  )
}

/** @throws OperatorError OPERATOR_SIGN_PARTLY where a document is not under the keys in force */
export function mustAllBeSigned(again: Record<string, SignedAgain>): void {
  const failed = Object.values(again).flatMap((each) => each.failed)
  if (failed.length === 0) return
  const isLost = failed.some(({ code }) => code.startsWith('OPERATOR_BROKER_'))
  throw new OperatorError(
    isLost ? exitCodes.unreachable : exitCodes.failed,
    'OPERATOR_SIGN_PARTLY',
    `${counted(failed.length, 'document')} could not be signed again`,
    '`keys sign-again` goes on with them once the reasons are gone.',
  )
}
