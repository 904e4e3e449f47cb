import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from './context.ts'
import { exitCodes, failure, OperatorError } from './exit.ts'
import { numbersOf } from './numbers.ts'
import { type LineView, type Order, type Ordered, type OrderTools, placeOrder, viewLine } from './orders.ts'
import type { Outcome } from './register/records.ts'
import { protectionText } from './reported.ts'
import { Slots } from './slots.ts'

/** What became of one line's order. */
export type Done =
  | { lineId: string; act: 'ordered'; ordered: Ordered }
  | { lineId: string; act: 'failed'; code: string; message: string }
  /** By an earlier run of the same act. */
  | { lineId: string; act: 'done-before'; outcome: Outcome }

export interface WaitOptions {
  wait: boolean
  /** ms */
  timeout: number
}

export interface ManyOptions extends WaitOptions {
  /** Orders a second; as fast as the broker takes them where left out. */
  rate?: number
  /** Of idempotency. */
  key?: string
  /** Each result as soon as it is known, in whatever order. */
  onDone?: (done: Done) => void
}

/** Orders that are being signed and published; those that wait for their modem do not count. */
const atOnce = 64

/** So many a second, evenly. */
function paced(rate: number | undefined): (index: number) => Promise<void> {
  const begin = performance.now()
  return async (index) => {
    const due = rate === undefined ? 0 : begin + (index * 1000) / rate - performance.now()
    if (due > 0) await sleep(due)
  }
}

/** One line of an act: what an earlier run has settled is left alone, what it has begun goes on. */
class OneOfMany {
  readonly #tools: OrderTools
  readonly #act: string
  readonly #options: ManyOptions

  constructor(tools: OrderTools, act: string, options: ManyOptions) {
    this.#tools = tools
    this.#act = act
    this.#options = options
  }

  /**
   * Never throws for what one line's modem or numbers refuse: the others go on.
   * @param placing limits how many are published at once
   */
  async order(order: Order, placing: Slots): Promise<Done> {
    const { lineId } = order
    const { register } = this.#tools
    const [before] = await register.outcomes(this.#act, [lineId])
    if (before?.state === 'applied') return { lineId, act: 'done-before', outcome: before }
    try {
      const { settled } = await placing.run(() => this.#place(order, before))
      const ordered = await settled
      if (ordered.applied) await this.#settle({ lineId, numbers: numbersOf(ordered), state: 'applied' })
      return { lineId, act: 'ordered', ordered }
    } catch (error) {
      const { code, message } = failure(error)
      await this.#fail(lineId, code)
      return { lineId, act: 'failed', code, message }
    }
  }

  async #place(order: Order, before: Outcome | undefined) {
    const { wait, timeout } = this.#options
    const view = await viewLine(this.#tools, order.lineId)
    return placeOrder(this.#tools, order, { wait, timeoutMs: timeout, view, before })
  }

  /** Only of an order that has a number: without one there is nothing to go on from. */
  async #fail(lineId: string, code: string): Promise<void> {
    const [begun] = await this.#tools.register.outcomes(this.#act, [lineId])
    if (begun) await this.#settle({ ...begun, state: 'failed', code })
  }

  #settle(outcome: Outcome): Promise<void> {
    return this.#tools.register.settle(this.#act, outcome)
  }
}

/** As many at once as the broker is read at once. */
export function viewsOf(
  tools: Pick<OrderTools, 'broker' | 'register' | 'verify'>,
  lineIds: readonly string[],
): Promise<LineView[]> {
  return Promise.all(lineIds.map((lineId) => viewLine(tools, lineId)))
}

/** One order for each line; who is offline holds up nobody else. @throws OperatorError where the broker is lost */
export async function orderAll(
  context: Context,
  orders: readonly Order[],
  options: ManyOptions,
): Promise<Done[]> {
  const tools = await context.tools()
  const one = new OneOfMany(tools, await context.act(options.key), options)
  const progress = context.output.progress('orders', orders.length)
  const placing = new Slots(atOnce)
  const due = paced(options.rate)
  let count = 0
  const work = orders.map(async (order, index) => {
    await due(index)
    const done = await one.order(order, placing)
    progress(++count)
    options.onDone?.(done)
    return done
  })
  return Promise.all(work)
}

export function doneText(done: Done): string {
  if (done.act === 'failed') return `FAILED ${done.code}: ${done.message}`
  if (done.act === 'done-before') return 'applied before, by the same key'
  return done.ordered.applied ? protectionText(done.ordered.reported) : 'ordered; not waited for'
}

/** Of many results, counted. */
export function countsOf(done: readonly Done[]) {
  const failed = done.filter(({ act }) => act === 'failed').length
  const applied = done.filter(
    (each) => each.act === 'done-before' || (each.act === 'ordered' && each.ordered.applied),
  ).length
  return { lines: done.length, applied, notWaitedFor: done.length - failed - applied, failed }
}

/** @throws OperatorError with `code`, where not every line has reported its order as applied */
export function mustAllBeApplied(done: readonly Done[], code: string, whose: string, remedy: string): void {
  const failed = done.filter((result) => result.act === 'failed')
  if (failed.length === 0) return
  const isLost = failed.some((result) => result.code.startsWith('OPERATOR_BROKER_'))
  const isLate = failed.every((result) => result.code === 'OPERATOR_TIMED_OUT')
  throw new OperatorError(
    isLost ? exitCodes.unreachable : isLate ? exitCodes.timedOut : exitCodes.failed,
    code,
    `${failed.length} of ${done.length} ${whose} have not reported the order as applied`,
    remedy,
  )
}
