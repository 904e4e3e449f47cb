import type { AddCommands } from '../commands.ts'
import { manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { exitCodes, failure, OperatorError, usage } from '../exit.ts'
import { giveOrder, type LineView, type Ordered, type OrderTools, viewLine } from '../orders.ts'
import { table } from '../output.ts'
import { expandPack, linesOut, type Pack, readPack, type Step, writePack } from '../pack.ts'
import { protectionText } from '../reported.ts'
import { parseLineId, parseMs } from './line.ts'

interface SendOptions {
  dryRun?: boolean
  yes?: boolean
  wait: boolean
  timeout: number
}

const atOnce = 16

async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += atOnce)
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(act))))
  return results
}

async function viewsOf(context: Context, pack: Pack): Promise<LineView[]> {
  const broker = await context.broker()
  return inTurns(pack.lines, (lineId) => viewLine(broker, lineId))
}

type Done =
  | { lineId: string; act: 'ordered'; ordered: Ordered }
  | { lineId: string; act: 'failed'; code: string; message: string }

async function orderOne(
  tools: OrderTools,
  view: LineView,
  service: 'enabled' | 'disabled',
  options: SendOptions,
): Promise<Done> {
  const { lineId } = view
  const reason = service === 'enabled' ? 'subscribed' : 'customer'
  try {
    const order = { lineId, service, reason, by: 'system' } as const
    const ordered = await giveOrder(tools, order, { wait: options.wait, timeoutMs: options.timeout, view })
    return { lineId, act: 'ordered', ordered }
  } catch (error) {
    const { code, message } = failure(error)
    return { lineId, act: 'failed', code, message }
  }
}

/** A published order counts as the pack's own, also where its modem sleeps: so the numbers are read back. */
async function remember(
  context: Context,
  file: string,
  pack: Pack,
  lineIds: readonly string[],
): Promise<void> {
  const broker = await context.broker()
  const ordered = new Map(Object.entries(pack.ordered))
  for (const { lineId, desired } of await inTurns(lineIds, (id) => viewLine(broker, id)))
    if (desired) ordered.set(lineId, { generation: desired.generation, sequence: desired.sequence })
  writePack(file, { ...pack, ordered: Object.fromEntries(ordered) })
}

const stepText = (step: Step) => (step.act === 'order' ? 'would be ordered' : `left alone: ${step.why}`)

function doneText(done: Done | Step): string {
  if (done.act === 'ordered')
    return done.ordered.applied ? protectionText(done.ordered.reported) : 'ordered; not waited for'
  if (done.act === 'failed') return `FAILED ${done.code}: ${done.message}`
  return stepText(done)
}

async function sendPack(
  context: Context,
  file: string,
  service: 'enabled' | 'disabled',
  options: SendOptions,
) {
  const read = readPack(file)
  const views = await viewsOf(context, read)
  const pack = { ...read, out: linesOut(read, views) }
  const steps = expandPack(read, views, service)
  const toOrder = new Set(steps.filter((step) => step.act === 'order').map((step) => step.lineId))
  if (options.dryRun) {
    const rows = steps.map((step) => [step.lineId, stepText(step)])
    context.output.result({ pack: pack.pack, dryRun: true, service, steps }, table(rows))
    return
  }
  if (toOrder.size > 1)
    await context.confirm(`Pack ${pack.pack}: ${toOrder.size} lines will be ${service}.`, options.yes)
  const tools = await context.tools()
  const progress = context.output.progress('orders', toOrder.size)
  let count = 0
  const done = await inTurns(
    views.filter((view) => toOrder.has(view.lineId)),
    async (view) => {
      const result = await orderOne(tools, view, service, options)
      progress(++count)
      return result
    },
  )
  await remember(context, file, pack, [...toOrder])
  const results = [...done, ...steps.filter((step) => step.act === 'leave')]
  const rows = results.map((result) => [result.lineId, doneText(result)])
  context.output.result({ pack: pack.pack, service, lines: results }, table(rows))
  const failed = done.filter((result) => result.act === 'failed')
  if (failed.length > 0) {
    const late = failed.every((result) => result.code === 'OPERATOR_TIMED_OUT')
    throw new OperatorError(
      late ? exitCodes.timedOut : exitCodes.failed,
      'OPERATOR_PACK_PARTLY',
      `${failed.length} of ${toOrder.size} lines of pack ${pack.pack} have not reported the order as applied`,
      'The orders are retained. Send the pack again once the reasons above are gone.',
    )
  }
}

async function moveLine(
  context: Context,
  file: string,
  lineId: string,
  act: 'take-out' | 'put-back',
  options: SendOptions,
) {
  const pack = readPack(file)
  if (!pack.lines.includes(lineId)) throw usage(`pack ${pack.pack} has no line ${lineId}`)
  const view = await viewLine(await context.broker(), lineId)
  const service = act === 'take-out' ? 'disabled' : 'enabled'
  const out = pack.out.filter((id) => id !== lineId)
  if (act === 'take-out') out.push(lineId)
  const done = await orderOne(await context.tools(), view, service, options)
  if (act === 'take-out') writePack(file, { ...pack, out })
  else await remember(context, file, { ...pack, out }, [lineId])
  context.output.result({ pack: pack.pack, out, line: done }, table([[lineId, doneText(done)]]))
  if (done.act === 'failed') throw new OperatorError(exitCodes.failed, done.code, done.message)
}

const packHelp = `
A pack file names its lines; the tool keeps in it what it has ordered:
  {"pack": "family-1234", "lines": ["fixed-1", "mobile-1", "mobile-2"]}
A line taken out (here or by "line disable") stays out when the pack is sent again,
until it is put back (here or by "line enable").`

export const addPackCommands: AddCommands = (program, world) => {
  const pack = program
    .command('pack')
    .description('lines sold together: one order per line')
    .addHelpText('after', packHelp)
  for (const [verb, service] of [
    ['enable', 'enabled'],
    ['disable', 'disabled'],
  ] as const) {
    const command = pack
      .command(verb)
      .description(`${verb} every line of the pack that is not out`)
      .argument('<file>', 'pack file')
      .option(...manyLines.dryRun)
      .option(...manyLines.yes)
      .option('--no-wait', 'publish only')
      .option('--timeout <seconds>', 'wait so long for each modem', parseMs, 10_000)
      .action(async (file: string, options: SendOptions) => {
        await within(world, command, (context) => sendPack(context, file, service, options))
      })
  }
  for (const [verb, says] of [
    ['take-out', 'disable one line; it stays out when the pack is sent again'],
    ['put-back', 'enable one line again; it goes with the pack from now on'],
  ] as const) {
    const command = pack
      .command(verb)
      .description(says)
      .argument('<file>', 'pack file')
      .argument('<line>', 'line id', parseLineId)
      .option('--no-wait', 'publish only')
      .option('--timeout <seconds>', 'wait so long for the modem', parseMs, 10_000)
      .action(async (file: string, lineId: string, options: SendOptions) => {
        await within(world, command, (context) => moveLine(context, file, lineId, verb, options))
      })
  }
  const show = pack
    .command('show')
    .description('every line of the pack: in or out, ordered, measured')
    .argument('<file>', 'pack file')
    .action(async (file: string) => {
      await within(world, show, async (context) => {
        const read = readPack(file)
        const views = await viewsOf(context, read)
        const out = linesOut(read, views)
        const rows = views.map((view) => [
          view.lineId,
          out.includes(view.lineId) ? 'out' : 'in',
          view.desired?.service ?? 'nothing ordered',
          protectionText(view.reported),
        ])
        context.output.result(
          { pack: read.pack, out, lines: views },
          table([['LINE', 'PACK', 'ORDERED', 'MEASURED'], ...rows]),
        )
      })
    })
}
