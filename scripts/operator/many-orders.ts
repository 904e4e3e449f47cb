import type { Context } from './context.ts'
import { exitCodes, failure, OperatorError } from './exit.ts'
import { giveOrder, type LineView, type Order, type Ordered, type OrderTools, viewLine } from './orders.ts'
import { protectionText } from './reported.ts'

/** What became of one line's order. */
export type Done =
  | { lineId: string; act: 'ordered'; ordered: Ordered }
  | { lineId: string; act: 'failed'; code: string; message: string }

export interface WaitOptions {
  wait: boolean
  /** ms */
  timeout: number
}

const atOnce = 16

/** So many at once, in order. */
export async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += atOnce)
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(act))))
  return results
}

export async function viewsOf(context: Context, lineIds: readonly string[]): Promise<LineView[]> {
  const broker = await context.broker()
  const progress = lineIds.length > atOnce ? context.output.progress('lines', lineIds.length) : () => {}
  let count = 0
  return inTurns(lineIds, async (lineId) => {
    const view = await viewLine(broker, lineId)
    progress(++count)
    return view
  })
}

/** Never throws for what one line's modem or numbers refuse: the others go on. */
export async function orderOne(
  tools: OrderTools,
  view: LineView,
  order: Order,
  options: WaitOptions,
): Promise<Done> {
  const { lineId } = view
  try {
    const ordered = await giveOrder(tools, order, { wait: options.wait, timeoutMs: options.timeout, view })
    return { lineId, act: 'ordered', ordered }
  } catch (error) {
    const { code, message } = failure(error)
    return { lineId, act: 'failed', code, message }
  }
}

/** One order per line, with a progress bar. */
export async function orderAll(
  context: Context,
  views: readonly LineView[],
  orderOf: (lineId: string) => Order,
  options: WaitOptions,
): Promise<Done[]> {
  const tools = await context.tools()
  const progress = context.output.progress('orders', views.length)
  let count = 0
  return inTurns(views, async (view) => {
    const result = await orderOne(tools, view, orderOf(view.lineId), options)
    progress(++count)
    return result
  })
}

export function doneText(done: Done): string {
  if (done.act === 'failed') return `FAILED ${done.code}: ${done.message}`
  return done.ordered.applied ? protectionText(done.ordered.reported) : 'ordered; not waited for'
}

/** @throws OperatorError with `code`, where not every line has reported its order as applied */
export function mustAllBeApplied(done: readonly Done[], code: string, whose: string, remedy: string): void {
  const failed = done.filter((result) => result.act === 'failed')
  if (failed.length === 0) return
  const late = failed.every((result) => result.code === 'OPERATOR_TIMED_OUT')
  throw new OperatorError(
    late ? exitCodes.timedOut : exitCodes.failed,
    code,
    `${failed.length} of ${done.length} ${whose} have not reported the order as applied`,
    remedy,
  )
}
