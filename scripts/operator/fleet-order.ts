import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '../../module/control/mqtt/topics.ts'
import { contentDigest } from '../../module/line/digest.ts'
import { fleetModeOf } from '../../module/line/fleet.ts'
import type { FleetOrder } from '../../module/line/types.ts'
import { refused } from './exit.ts'
import { isSpent } from './numbers.ts'
import { claimsOf, type OrderTools } from './orders.ts'
import type { DocumentRecord, LineRecord } from './register/records.ts'
import { parseReported, type Reported } from './reported.ts'
import { sweepReports } from './reports.ts'

/** What is in force by the register and by the broker. */
export interface FleetNow {
  /** The newer of both, verified. */
  order: FleetOrder | undefined
  record: DocumentRecord | undefined
  onBroker: 'the same' | 'nothing' | 'older' | 'newer' | 'foreign'
}

/** @throws OperatorError OPERATOR_TOPIC_UNREADABLE, OPERATOR_NOT_AUTHORISED */
export async function fleetNow({
  broker,
  register,
  verify,
}: Pick<OrderTools, 'broker' | 'register' | 'verify'>): Promise<FleetNow> {
  const jws = await broker.read(topics.fleet())
  const record = await register.document(topics.fleet())
  const last = record && (claimsOf(record.jws) as FleetOrder)
  if (!jws) return { order: last, record, onBroker: 'nothing' }
  if (String(jws) === record?.jws) return { order: last, record, onBroker: 'the same' }
  const held = await verify('fleet', jws).catch(() => undefined)
  if (!held) return { order: last, record, onBroker: 'foreign' }
  if (last && held.sequence <= last.sequence) return { order: last, record, onBroker: 'older' }
  return { order: held, record, onBroker: 'newer' }
}

export function nextFleetSequence(last: FleetOrder | undefined): number {
  const { sequence } = last ?? { sequence: 0 }
  if (isSpent({ sequence }))
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `the fleet stands at sequence ${sequence}: somebody has spent the numbers`,
      'Replace the key (`keys rotate fleet`): numbers count anew under it. Then order with --sequence 1.',
    )
  return sequence + 1
}

/**
 * `obeys`: this very order is in force on the modem; `other`: another one of the same or a higher number; `unknown`: an older
 * module does not say which order it has.
 */
export type Obedience = 'obeys' | 'not-yet' | 'other' | 'unknown'

export function obedienceOf(reported: Reported, order: FleetOrder, digest: string): Obedience {
  const { fleetOrder } = reported
  if (fleetOrder) {
    if (fleetOrder.digest === digest) return 'obeys'
    return fleetOrder.sequence >= order.sequence ? 'other' : 'not-yet'
  }
  // A module that reports the digest of its order would report a fleet order too: it has none.
  if (reported.digest !== undefined) return 'not-yet'
  const mode = fleetModeOf({ epoch: 0, order, digest }, reported.lineId)
  return mode !== 'run' && reported.fleet === mode ? 'obeys' : 'unknown'
}

/** Lines, by what their modems have reported of a fleet order. */
export interface FleetCount {
  lines: number
  /** A modem has reported for them at some time. */
  served: number
  obeys: number
  /** Of these, lines that the order's share reaches. */
  reached: number
  other: string[]
  unknown: string[]
  silent: string[]
}

/** Counts from the newest report of each line, whenever that came. */
class FleetCounter {
  readonly #order: FleetOrder
  readonly #digest: string
  readonly #lines: ReadonlySet<string>
  readonly #seen = new Map<string, Reported>()

  constructor(order: FleetOrder, lineIds: readonly string[]) {
    this.#order = order
    this.#digest = contentDigest(order)
    this.#lines = new Set(lineIds)
  }

  hear(lineId: string, reported: Reported): void {
    if (this.#lines.has(lineId)) this.#seen.set(lineId, reported)
  }

  /** Lines that do not obey yet. */
  missing(): string[] {
    return [...this.#lines].filter((lineId) => this.#stateOf(lineId) !== 'obeys')
  }

  count(): FleetCount {
    const of = (state: Obedience) => [...this.#lines].filter((lineId) => this.#stateOf(lineId) === state)
    const obeying = of('obeys')
    return {
      lines: this.#lines.size,
      served: this.#seen.size,
      obeys: obeying.length,
      reached: obeying.filter((lineId) => this.#seen.get(lineId)?.fleet === this.#order.mode).length,
      other: of('other'),
      unknown: of('unknown'),
      silent: of('not-yet'),
    }
  }

  #stateOf(lineId: string): Obedience | undefined {
    const reported = this.#seen.get(lineId)
    return reported && obedienceOf(reported, this.#order, this.#digest)
  }
}

const roundMs = 2000

/**
 * Publishes and counts until every line that a modem serves obeys, or the time is over: by what is heard, and then by what is
 * retained, topic by topic, since a broker drops what it cannot queue. What is missing in the end was read after that time.
 */
export async function countFleet(
  tools: OrderTools,
  order: FleetOrder,
  options: { timeoutMs: number; publish: () => Promise<void>; progress: (done: number) => void },
): Promise<FleetCount> {
  const { broker, register } = tools
  const lines: LineRecord[] = []
  for await (const line of register.lines()) lines.push(line)
  const counter = counterOf(order, lines)
  const hear = (topic: string, payload: Buffer) => {
    const lineId = topic.split('/').at(-2) ?? ''
    const reported = parseReported(payload, lineId)
    if (reported) counter.hear(lineId, reported)
  }
  const end = await broker.follow(topics.reported('+'), hear, { liveOnly: true })
  try {
    await options.publish()
    const until = performance.now() + options.timeoutMs
    for (;;) {
      const left = until - performance.now()
      await Promise.race([heardEnough(counter, Math.min(roundMs, left)), broker.lost])
      const isLast = performance.now() >= until
      const swept = await sweepReports(tools, counter.missing())
      for (const [lineId, reported] of swept.reported) counter.hear(lineId, reported)
      const count = counter.count()
      options.progress(count.obeys)
      if (count.obeys === count.served || isLast) return count
    }
  } finally {
    await end().catch(() => undefined)
  }
}

/** All, or as long as the next reports come within `ms`: reading topic by topic meanwhile would only compete with them. */
async function heardEnough(counter: FleetCounter, ms: number): Promise<void> {
  let heardAt = performance.now()
  for (let missing = counter.missing().length; missing > 0 && performance.now() - heardAt < ms; ) {
    await sleep(Math.max(10, Math.min(100, ms)))
    const now = counter.missing().length
    if (now < missing) heardAt = performance.now()
    missing = now
  }
}

/** With what the register knows to begin with: whom a modem serves. */
export function counterOf(order: FleetOrder, lines: readonly LineRecord[]): FleetCounter {
  const counter = new FleetCounter(
    order,
    lines.map(({ lineId }) => lineId),
  )
  for (const { lineId, report } of lines) if (report) counter.hear(lineId, report.reported)
  return counter
}
