import type { Payloads } from '../../module/control/documents/kinds.ts'
import type { RoleKind } from '../../module/control/documents/verify.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired } from '../../module/line/types.ts'
import { type Applied, awaitApplied } from './applied.ts'
import type { Broker } from './broker.ts'
import { mustNotBeBehind } from './clock.ts'
import { refused } from './exit.ts'
import { isNewer, isSame, isSpent, type Numbers, numbersOf, numbersText } from './numbers.ts'
import type { LineRecord, Outcome } from './register/records.ts'
import type { Register } from './register/register.ts'
import { parseReported, type Reported } from './reported.ts'

/** Signs with the key of the kind's role (scripts/operator/signing). */
export type Sign = <K extends RoleKind>(kind: K, payload: Payloads[K]) => Promise<string>
/** @throws OperatorError OPERATOR_FOREIGN_DOCUMENT for what the keys in force have not signed */
export type Verify = <K extends RoleKind>(kind: K, jws: Buffer) => Promise<Payloads[K]>

/** What somebody wants of a line; the numbers are found here. */
export type Order = Pick<Desired, 'lineId' | 'service' | 'reason' | 'by' | 'until' | 'then' | 'notices'>

export interface OrderTools {
  broker: Broker
  register: Register
  sign: Sign
  verify: Verify
  /** ms since 1970 */
  now: () => number
  /** The act of the journal that this belongs to; begun where it is not yet. */
  act: () => Promise<string>
}

/** What stands on the broker beside what the register has. */
export type OnBroker = 'the same' | 'nothing' | 'older' | 'foreign' | 'not readable'

/** A line: the last order and what the modem last said. */
export interface LineView {
  lineId: string
  /** Of the register; the broker's where that is newer and ours. */
  desired?: Desired
  reported?: Reported
  onBroker: OnBroker
  record: LineRecord
}

/** What is, after an order. */
export interface Ordered extends Numbers {
  lineId: string
  service: Desired['service']
  /** False: published only (`--no-wait`). */
  applied: boolean
  reported?: Reported
  /** From publication to the report that shows it applied and settled. */
  ms?: number
}

const defaultTimeoutMs = 10_000

/** The claims of a JWS, compact or JSON (RFC 7515 §7), unverified: for showing, never for obeying or numbering. */
export function claimsOf(jws: Buffer | string): unknown {
  const text = jws.toString()
  try {
    const payload: unknown = text.startsWith('{') ? JSON.parse(text).payload : text.split('.')[1]
    return JSON.parse(Buffer.from(String(payload), 'base64url').toString())
  } catch {
    return undefined
  }
}

/** @returns undefined for what the keys in force have not signed for this line: modems refuse it as well */
async function verifiedOrder(
  verify: Verify,
  lineId: string,
  jws: Buffer | undefined,
): Promise<Desired | undefined> {
  const order = jws && (await verify('desired', jws).catch(() => undefined))
  return order?.lineId === lineId ? order : undefined
}

function onBrokerOf(record: LineRecord, jws: Buffer | undefined, order: Desired | undefined): OnBroker {
  if (!jws) return 'nothing'
  if (String(jws) === record.order?.jws) return 'the same'
  if (!order) return 'foreign'
  return record.order && isNewer(record.order.desired, order) ? 'older' : 'the same'
}

/**
 * Register and broker side by side; what the register has not known yet, it learns: a report, and an order of ours that
 * another register has given.
 * @throws OperatorError OPERATOR_TOPIC_UNREADABLE, OPERATOR_NOT_AUTHORISED
 */
export async function viewLine(
  { broker, register, verify }: Pick<OrderTools, 'broker' | 'register' | 'verify'>,
  lineId: string,
): Promise<LineView> {
  const [desiredTopic, reportedTopic] = [topics.desired(lineId), topics.reported(lineId)]
  const found = await broker.readAll([desiredTopic, reportedTopic], desiredTopic)
  const jws = found.get(desiredTopic)
  const order = await verifiedOrder(verify, lineId, jws)
  const reported = parseReported(found.get(reportedTopic), lineId)
  if (reported) await register.heard(lineId, reported)
  let record = await register.line(lineId)
  const isNews = order && (!record.order || isNewer(order, record.order.desired))
  // Spent numbers are a thief's: they are shown, and not kept.
  if (jws && isNews && !isSpent(order)) {
    await register.learn(record, order, String(jws))
    record = await register.line(lineId)
  }
  const desired = isNews ? order : record.order?.desired
  const report = reported ?? record.report?.reported
  return {
    lineId,
    onBroker: onBrokerOf(record, jws, order),
    record,
    ...(desired && { desired }),
    ...(report && { reported: report }),
  }
}

/**
 * The numbers of the next order: above the last order and above what the modem reports, which may know one that the
 * register has not. `terminated` is final for its generation: enabling again begins the next one.
 */
export function nextNumbers(
  { lineId, desired, reported }: Pick<LineView, 'lineId' | 'desired' | 'reported'>,
  service: Desired['service'],
): Numbers {
  const known = [desired, reported].filter((each) => each !== undefined)
  const last = known.reduce<(typeof known)[number] | undefined>(
    (a, b) => (a && !isNewer(b, a) ? a : b),
    undefined,
  )
  if (!last) return { generation: 1, sequence: 1 }
  if (isSpent(last))
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `line ${lineId} stands at ${numbersText(last)}: somebody has spent the numbers`,
      'Replace the key (`keys rotate line`): numbers count anew under it. Then order with --numbers 1.1.',
    )
  if (last.service !== 'terminated' || service === 'terminated')
    return { generation: Math.max(1, last.generation), sequence: last.sequence + 1 }
  if (service === 'enabled') return { generation: last.generation + 1, sequence: 1 }
  throw refused(
    'OPERATOR_LINE_TERMINATED',
    `line ${lineId} is terminated (generation ${last.generation}): it cannot be ${service}`,
    'Only `line enable` does something for it: that begins a new generation.',
  )
}

export interface GiveOptions {
  wait: boolean
  timeoutMs?: number
  view?: LineView
  numbers?: Numbers | undefined
  /** What an interrupted act has left of this line: its number counts, and no second one is taken. */
  before?: Outcome | undefined
}

/** An order that is on the broker. */
export interface Placed {
  ordered: Ordered
  /** What the modem makes of it; already settled without waiting. */
  settled: Promise<Ordered>
}

/** The order with its number: claimed in the register, or that of the act that goes on. */
async function claimed(
  tools: OrderTools,
  order: Order,
  view: LineView,
  { numbers, before }: GiveOptions,
): Promise<{ desired: Desired; jws: string }> {
  const { record } = view
  if (before) {
    if (record.order && isSame(record.order.desired, before.numbers)) return record.order
    throw refused(
      'OPERATOR_SUPERSEDED',
      `line ${order.lineId}: a newer order was given since this act was interrupted`,
      '`line show` it; a new command gives a new order.',
    )
  }
  const issuedAt = Math.floor(tools.now() / 1000)
  mustNotBeBehind(issuedAt, view.desired?.issuedAt, `the last order of line ${order.lineId}`)
  const desired: Desired = {
    v: 1,
    ...order,
    ...(numbers ?? nextNumbers(view, order.service)),
    issuedAt,
  }
  const jws = await tools.sign('desired', desired)
  await tools.register.claim({ line: record, desired, jws, act: await tools.act() })
  return { desired, jws }
}

/**
 * What the register has is what stands on the broker in the end: where a newer order was claimed meanwhile, ours may have
 * overwritten it.
 */
export async function putOrder(
  { broker, register }: Pick<OrderTools, 'broker' | 'register'>,
  lineId: string,
  jws: string,
): Promise<void> {
  await broker.put(topics.desired(lineId), jws)
  const { order } = await register.line(lineId)
  if (order && order.jws !== jws && !order.forgotten) await broker.put(topics.desired(lineId), order.jws)
}

/**
 * Claims the next numbers, signs, and publishes.
 * @throws OperatorError OPERATOR_CONFLICT, OPERATOR_LINE_TERMINATED, OPERATOR_NUMBERS_SPENT, OPERATOR_CLOCK, and what Broker.put throws
 */
export async function placeOrder(tools: OrderTools, order: Order, options: GiveOptions): Promise<Placed> {
  const { lineId } = order
  const view = options.view ?? (await viewLine(tools, lineId))
  const { desired, jws } = await claimed(tools, order, view, options)
  const ordered: Ordered = { lineId, service: desired.service, ...numbersOf(desired), applied: false }
  const publish = () => putOrder(tools, lineId, jws)
  if (!options.wait) {
    await publish()
    return { ordered, settled: Promise.resolve(ordered) }
  }
  const { published, applied } = awaitApplied(tools, desired, {
    before: view.reported,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    publish,
  })
  const settled = applied.then((seen: Applied) => ({ ...ordered, applied: true, ...seen }))
  settled.catch(() => undefined)
  await published
  return { ordered, settled }
}

/** placeOrder, and what the modem makes of it, which the register then has. @throws as placeOrder and awaitApplied */
export async function giveOrder(tools: OrderTools, order: Order, options: GiveOptions): Promise<Ordered> {
  const { settled } = await placeOrder(tools, order, options)
  return settled
}
