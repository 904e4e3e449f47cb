import type { Payloads } from '../../module/control/documents/kinds.ts'
import type { RoleKind } from '../../module/control/documents/verify.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Desired } from '../../module/line/types.ts'
import type { Broker } from './broker.ts'
import { refused, timedOut } from './exit.ts'
import { parseReported, type Reported } from './reported.ts'

/** Signs with the key of the kind's role (scripts/operator/signing). */
export type Sign = <K extends RoleKind>(kind: K, payload: Payloads[K]) => Promise<string>

/** What somebody wants of a line; the numbers are found here. */
export type Order = Pick<Desired, 'lineId' | 'service' | 'reason' | 'by' | 'until' | 'then' | 'notices'>

export interface Numbers {
  generation: number
  sequence: number
}

export interface OrderTools {
  broker: Broker
  sign: Sign
  /** ms since 1970 */
  now: () => number
}

/** A line as the broker knows it: the last order and what the modem last said. */
export interface LineView {
  lineId: string
  desired?: Desired
  reported?: Reported
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
/** So long a report may still say that protection is on its way before it is taken as it is. */
const settleMs = 5000

/** The claims of a JWS, compact or JSON (RFC 7515 §7), unverified: for numbers and for showing, never for obeying. */
export function claimsOf(jws: Buffer | string): unknown {
  const text = jws.toString()
  try {
    const payload: unknown = text.startsWith('{') ? JSON.parse(text).payload : text.split('.')[1]
    return JSON.parse(Buffer.from(String(payload), 'base64url').toString())
  } catch {
    return undefined
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function parseDesired(jws: Buffer | undefined): Desired | undefined {
  const claims = jws && (claimsOf(jws) as Desired | undefined)
  return claims && isCount(claims.generation) && isCount(claims.sequence) ? claims : undefined
}

export async function viewLine(broker: Broker, lineId: string): Promise<LineView> {
  const [desired, reported] = await Promise.all([
    broker.retained(topics.desired(lineId)),
    broker.retained(topics.reported(lineId)),
  ])
  const view: LineView = { lineId }
  const order = parseDesired(desired.get(topics.desired(lineId)))
  const report = parseReported(reported.get(topics.reported(lineId)))
  if (order) view.desired = order
  if (report) view.reported = report
  return view
}

/** Above this, numbers are a thief's: he has spent them so that none would be left for us. */
export const spentAbove = 2 ** 52

const newer = (a: Numbers, b: Numbers) =>
  a.generation !== b.generation ? a.generation > b.generation : a.sequence > b.sequence

/**
 * The numbers of the next order: above the last order and above what the modem reports, which may know one that the
 * broker has lost. `terminated` is final for its generation: enabling again begins the next one.
 */
export function nextNumbers({ lineId, desired, reported }: LineView, service: Desired['service']): Numbers {
  const known: (Numbers & { service: string | undefined })[] = []
  if (desired) known.push(desired)
  if (reported) known.push({ ...reported, service: reported.service })
  const last = known.reduce<(typeof known)[number] | undefined>(
    (a, b) => (a && !newer(b, a) ? a : b),
    undefined,
  )
  if (!last) return { generation: 1, sequence: 1 }
  if (last.generation > spentAbove || last.sequence > spentAbove)
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `line ${lineId} stands at generation ${last.generation}, sequence ${last.sequence}: somebody has spent the numbers`,
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

const refusalsOf = (reported: Reported | undefined) =>
  reported?.refusals?.find((refusal) => refusal.kind === 'desired')?.count ?? 0

/** A refusal leaves the numbers of the order in force: only against the report before can it be seen as new. */
function refusedSince(before: Reported | undefined, reported: Reported): boolean {
  if (reported.outcome !== 'rejected') return false
  if (before?.outcome !== 'rejected' || before.bootId !== reported.bootId) return true
  return before.code !== reported.code || refusalsOf(reported) > refusalsOf(before)
}

/** The report as far as this order goes; throws where the modem has refused it or obeys a newer one. */
function judge(order: Desired, before: Reported | undefined, reported: Reported): 'applied' | 'not-yet' {
  // What it reported before is no answer; under a replaced key it may well have had higher numbers.
  const isAsBefore = before && !newer(reported, before) && !newer(before, reported)
  if (isAsBefore && newer(reported, order)) return 'not-yet'
  if (newer(reported, order))
    throw refused(
      'OPERATOR_SUPERSEDED',
      `line ${order.lineId} obeys a newer order (${reported.generation}, ${reported.sequence}) than this one (${order.generation}, ${order.sequence})`,
      'Somebody else has given an order meanwhile: `line show` it, then repeat yours if it is still wanted.',
    )
  if (!newer(order, reported)) return 'applied'
  if (refusedSince(before, reported))
    throw refused(
      reported.code ?? 'OPERATOR_REJECTED',
      `the modem of line ${order.lineId} has refused the order: ${reported.code ?? 'no code given'}`,
      'docs/errors.md explains the code.',
    )
  return 'not-yet'
}

async function awaitApplied(
  tools: OrderTools,
  order: Desired,
  options: { before: Reported | undefined; timeoutMs: number; publish: () => Promise<void> },
): Promise<{ reported: Reported; ms: number }> {
  const { lineId } = order
  const wanted = order.service === 'enabled'
  let published = Number.POSITIVE_INFINITY
  let applied: { reported: Reported; ms: number } | undefined
  let end = async () => {}
  const timers: NodeJS.Timeout[] = []
  try {
    return await new Promise((resolve, reject) => {
      const hear = (payload: Buffer) => {
        const reported = parseReported(payload)
        // What was retained before the order was published tells nothing about it.
        if (!reported || !Number.isFinite(published)) return
        if (judge(order, options.before, reported) === 'not-yet') return
        const first = applied === undefined
        applied = { reported, ms: Math.round(performance.now() - published) }
        if (reported.protecting === wanted) resolve(applied)
        else if (first) timers.push(setTimeout(() => applied && resolve(applied), settleMs))
      }
      const begin = async () => {
        end = await tools.broker.follow(topics.reported(lineId), (_topic, payload) => {
          try {
            hear(payload)
          } catch (error) {
            reject(error)
          }
        })
        published = performance.now()
        await options.publish()
        timers.push(
          setTimeout(() => {
            if (applied) resolve(applied)
            else
              reject(
                timedOut(
                  `line ${lineId}: the order is published, but no modem has reported it within ${options.timeoutMs} ms`,
                  'It is retained: a modem that comes back obeys it. `line show` and `watch` tell when.',
                ),
              )
          }, options.timeoutMs),
        )
      }
      begin().catch(reject)
    })
  } finally {
    for (const timer of timers) clearTimeout(timer)
    await end().catch(() => {})
  }
}

/**
 * Publishes an order with the next numbers and waits for what the modem measures.
 * @throws OperatorError OPERATOR_TIMED_OUT, OPERATOR_SUPERSEDED, OPERATOR_LINE_TERMINATED,
 *   OPERATOR_NUMBERS_SPENT, or the modem's own code
 */
export async function giveOrder(
  tools: OrderTools,
  order: Order,
  options: { wait: boolean; timeoutMs?: number; view?: LineView; numbers?: Numbers | undefined },
): Promise<Ordered> {
  const view = options.view ?? (await viewLine(tools.broker, order.lineId))
  const numbers = options.numbers ?? nextNumbers(view, order.service)
  const desired: Desired = { v: 1, ...order, ...numbers, issuedAt: Math.floor(tools.now() / 1000) }
  const jws = await tools.sign('desired', desired)
  const publish = () => tools.broker.publish(topics.desired(order.lineId), jws, true)
  const result = { lineId: order.lineId, service: order.service, ...numbers }
  if (!options.wait) {
    await publish()
    return { ...result, applied: false }
  }
  const seen = await awaitApplied(tools, desired, {
    before: view.reported,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    publish,
  })
  return { ...result, applied: true, ...seen }
}
