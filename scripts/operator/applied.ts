import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '../../module/control/mqtt/topics.ts'
import { contentDigest } from '../../module/line/digest.ts'
import type { Desired } from '../../module/line/types.ts'
import type { Broker } from './broker.ts'
import { refused, timedOut } from './exit.ts'
import { isNewer, isSame, numbersText } from './numbers.ts'
import type { Register } from './register/register.ts'
import { parseReported, type Reported } from './reported.ts'

/** So long a report may still say that protection is on its way before it is taken as it is. */
const settleMs = 5000

export interface Applied {
  reported: Reported
  /** From publication. */
  ms: number
}

const refusalsOf = (reported: Reported | undefined) =>
  reported?.refusals?.find((refusal) => refusal.kind === 'desired')?.count ?? 0

/** A refusal leaves the numbers of the order in force: only against the report before can it be seen as new. */
function refusedSince(before: Reported | undefined, reported: Reported): boolean {
  if (reported.outcome !== 'rejected') return false
  if (before?.outcome !== 'rejected' || before.bootId !== reported.bootId) return true
  return before.code !== reported.code || refusalsOf(reported) > refusalsOf(before)
}

/** Whether the order in force is this very one: two operators may have given equal numbers. */
function isInForce(order: Desired, reported: Reported): boolean {
  if (reported.digest !== undefined) return reported.digest === contentDigest(order)
  // An older module says no digest. A suspension that has ended by itself has another service than was ordered.
  if (reported.reason === 'suspension-ended') return true
  return (
    reported.service === order.service &&
    (reported.reason ?? order.reason) === order.reason &&
    (reported.by ?? order.by) === order.by &&
    reported.until === order.until
  )
}

const conflict = (order: Desired, reported: Reported) =>
  refused(
    'OPERATOR_CONFLICT',
    `line ${order.lineId} obeys another order of the same numbers (${numbersText(order)}): ${reported.service}`,
    'Another operator has ordered at the same moment, from another register. `line show` it, then repeat yours if it is still wanted.',
  )

/** The report as far as this order goes; throws where the modem has refused it or obeys another. */
export function judge(
  order: Desired,
  before: Reported | undefined,
  reported: Reported,
): 'applied' | 'not-yet' {
  // What it reported before is no answer; under a replaced key it may well have had higher numbers.
  if (before && isSame(reported, before) && isNewer(reported, order)) return 'not-yet'
  if (isNewer(reported, order))
    throw refused(
      'OPERATOR_SUPERSEDED',
      `line ${order.lineId} obeys a newer order (${reported.generation}, ${reported.sequence}) than this one (${order.generation}, ${order.sequence})`,
      'Somebody else has given an order meanwhile: `line show` it, then repeat yours if it is still wanted.',
    )
  if (isSame(reported, order)) {
    if (isInForce(order, reported)) return 'applied'
    throw conflict(order, reported)
  }
  if (refusedSince(before, reported))
    throw refused(
      reported.code ?? 'OPERATOR_REJECTED',
      `the modem of line ${order.lineId} has refused the order: ${reported.code ?? 'no code given'}`,
      'docs/errors.md explains the code.',
    )
  return 'not-yet'
}

const late = ({ lineId }: Desired, timeoutMs: number) =>
  timedOut(
    `line ${lineId}: the order is published, but no modem has reported it within ${timeoutMs} ms`,
    'It is retained: a modem that comes back obeys it. `line show` and `watch` tell when.',
  )

interface AwaitOptions {
  /** What was reported before the order. */
  before: Reported | undefined
  timeoutMs: number
  publish: () => Promise<void>
}

/**
 * Hears the line's reports, publishes, and waits until one shows the order applied: and what was ordered measured, or
 * `settleMs` more.
 * @returns `published` and `applied` reject alike where it cannot be published
 */
export function awaitApplied(
  tools: { broker: Broker; register: Register },
  order: Desired,
  options: AwaitOptions,
): { published: Promise<void>; applied: Promise<Applied> } {
  const waiting = new Waiting(tools, order, options)
  const published = waiting.begin()
  const applied = published.then(() => waiting.end())
  applied.catch(() => undefined)
  return { published, applied }
}

class Waiting {
  readonly #tools: { broker: Broker; register: Register }
  readonly #order: Desired
  readonly #options: AwaitOptions
  #publishedAt = Number.POSITIVE_INFINITY
  #applied: Applied | undefined
  #failure: unknown
  #endFollow: () => Promise<void> = async () => undefined
  #wake = () => {}

  constructor(tools: { broker: Broker; register: Register }, order: Desired, options: AwaitOptions) {
    this.#tools = tools
    this.#order = order
    this.#options = options
  }

  async begin(): Promise<void> {
    const { lineId } = this.#order
    this.#endFollow = await this.#tools.broker.follow(topics.reported(lineId), (_topic, payload) =>
      this.#hear(payload),
    )
    try {
      this.#publishedAt = performance.now()
      await this.#options.publish()
    } catch (error) {
      await this.#endFollow().catch(() => undefined)
      throw error
    }
  }

  async end(): Promise<Applied> {
    const { broker, register } = this.#tools
    const { timeoutMs } = this.#options
    try {
      if (!this.#settled) await this.#atMost(timeoutMs, () => this.#settled || this.#applied !== undefined)
      // A broker drops what it cannot queue: what is retained tells.
      if (!this.#settled && !this.#applied) await this.#readOnce()
      if (!this.#settled && this.#applied) await this.#atMost(settleMs, () => this.#settled)
      if (this.#failure) throw this.#failure
      if (!this.#applied) throw late(this.#order, timeoutMs)
      await register.heard(this.#order.lineId, this.#applied.reported)
      return this.#applied
    } finally {
      await this.#endFollow().catch(() => undefined)
      broker.lost.catch(() => undefined)
    }
  }

  get #settled(): boolean {
    if (this.#failure) return true
    return this.#applied?.reported.protecting === (this.#order.service === 'enabled')
  }

  async #readOnce(): Promise<void> {
    const { lineId } = this.#order
    const [topic, echo] = [topics.reported(lineId), topics.desired(lineId)]
    // Without a right to ask there is nothing to add: it is late.
    const found = await this.#tools.broker.readAll([topic], echo).catch(() => undefined)
    const payload = found?.get(topic)
    if (payload) this.#hear(payload)
  }

  #hear(payload: Buffer): void {
    const reported = parseReported(payload, this.#order.lineId)
    // What was retained before the order was published tells nothing about it.
    if (!reported || !Number.isFinite(this.#publishedAt) || this.#settled) return
    try {
      if (judge(this.#order, this.#options.before, reported) === 'not-yet') return
      this.#applied = { reported, ms: Math.round(performance.now() - this.#publishedAt) }
    } catch (error) {
      this.#failure = error
    }
    this.#wake()
  }

  async #atMost(ms: number, isDone: () => boolean): Promise<void> {
    const timeout = new AbortController()
    const until = sleep(ms, 'late', { signal: timeout.signal }).catch(() => 'late')
    try {
      while (!isDone()) {
        const heard = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        if ((await Promise.race([until, heard, this.#tools.broker.lost])) === 'late') return
      }
    } finally {
      timeout.abort()
    }
  }
}
