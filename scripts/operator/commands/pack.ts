import { type AddCommands, type ManyLines, manyLines, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { exitCodes, OperatorError, usage } from '../exit.ts'
import {
  type Done,
  doneText,
  mustAllBeApplied,
  orderAll,
  orderOne,
  viewsOf,
  type WaitOptions,
} from '../many-orders.ts'
import { type Order, viewLine } from '../orders.ts'
import { table } from '../output.ts'
import { expandPack, linesOut, type Pack, readPack, type Step, writePack } from '../pack.ts'
import { protectionText } from '../reported.ts'
import { parseLineId } from './line-arguments.ts'

type SendOptions = ManyLines & WaitOptions

function packOrder(lineId: string, service: 'enabled' | 'disabled'): Order {
  return { lineId, service, reason: service === 'enabled' ? 'subscribed' : 'customer', by: 'system' }
}

/** A published order counts as the pack's own, also where its modem sleeps: so the numbers are read back. */
async function remember(
  context: Context,
  file: string,
  pack: Pack,
  lineIds: readonly string[],
): Promise<void> {
  const ordered = new Map(Object.entries(pack.ordered))
  for (const { lineId, desired } of await viewsOf(context, lineIds))
    if (desired) ordered.set(lineId, { generation: desired.generation, sequence: desired.sequence })
  writePack(file, { ...pack, ordered: Object.fromEntries(ordered) })
}

const stepText = (step: Step) => (step.act === 'order' ? 'would be ordered' : `left alone: ${step.why}`)

async function sendPack(
  context: Context,
  file: string,
  service: 'enabled' | 'disabled',
  options: SendOptions,
) {
  const read = readPack(file)
  const views = await viewsOf(context, read.lines)
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
  const chosen = views.filter((view) => toOrder.has(view.lineId))
  const done = await orderAll(context, chosen, (lineId) => packOrder(lineId, service), options)
  await remember(context, file, pack, [...toOrder])
  const left = steps.filter((step) => step.act === 'leave')
  const rows = [
    ...done.map((result: Done) => [result.lineId, doneText(result)]),
    ...left.map((step) => [step.lineId, stepText(step)]),
  ]
  context.output.result({ pack: pack.pack, service, lines: [...done, ...left] }, table(rows))
  const remedy = 'The orders are retained. Send the pack again once the reasons above are gone.'
  mustAllBeApplied(done, 'OPERATOR_PACK_PARTLY', `lines of pack ${pack.pack}`, remedy)
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
  const done = await orderOne(await context.tools(), view, packOrder(lineId, service), options)
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
      .addOption(timeoutOption('each modem'))
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
      .addOption(timeoutOption('the modem'))
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
        const views = await viewsOf(context, read.lines)
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
