import { type AddCommands, type ManyLines, manyLines, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { usage } from '../exit.ts'
import { doneText, mustAllBeApplied, orderAll, viewsOf, type WaitOptions } from '../many-orders.ts'
import { numbersOf } from '../numbers.ts'
import { type Order, placeOrder } from '../orders.ts'
import { table } from '../output.ts'
import { expandPack, linesOut, openPack, type Step } from '../pack.ts'
import type { Pack } from '../register/records.ts'
import type { Register } from '../register/register.ts'
import { protectionText } from '../reported.ts'
import { parseLineId } from './line-arguments.ts'

type SendOptions = ManyLines & WaitOptions

function packOrder(lineId: string, service: 'enabled' | 'disabled'): Order {
  return { lineId, service, reason: service === 'enabled' ? 'subscribed' : 'customer', by: 'system' }
}

/** A claimed order counts as the pack's own, also where its modem sleeps. */
async function remember(register: Register, pack: Pack, lineIds: readonly string[]): Promise<void> {
  const ordered = new Map(Object.entries(pack.ordered))
  for (const { lineId, order } of await register.linesOf(lineIds))
    if (order) ordered.set(lineId, numbersOf(order.desired))
  await register.putPack({ ...pack, ordered: Object.fromEntries(ordered) })
}

const stepText = (step: Step) => (step.act === 'order' ? 'would be ordered' : `left alone: ${step.why}`)

async function sendPack(
  context: Context,
  file: string,
  service: 'enabled' | 'disabled',
  options: SendOptions,
) {
  const tools = await context.tools()
  const { register } = tools
  const read = await openPack(register, file)
  const views = await viewsOf(tools, read.lines)
  const pack = { ...read, out: linesOut(read, views) }
  const steps = expandPack(read, views, service)
  const toOrder = steps.filter((step) => step.act === 'order').map((step) => step.lineId)
  if (options.dryRun) {
    const rows = steps.map((step) => [step.lineId, stepText(step)])
    context.output.result({ pack: pack.pack, dryRun: true, service, steps }, table(rows))
    return
  }
  if (toOrder.length > 1)
    await context.confirm(`Pack ${pack.pack}: ${toOrder.length} lines will be ${service}.`, options.yes)
  const orders = toOrder.map((lineId) => packOrder(lineId, service))
  const done = await orderAll(context, orders, options)
  await remember(register, pack, toOrder)
  const left = steps.filter((step) => step.act === 'leave')
  const rows = [
    ...done.map((result) => [result.lineId, doneText(result)]),
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
  verb: 'take-out' | 'put-back',
  options: SendOptions,
) {
  const tools = await context.tools()
  const { register } = tools
  const pack = await openPack(register, file)
  if (!pack.lines.includes(lineId)) throw usage(`pack ${pack.pack} has no line ${lineId}`)
  const out = pack.out.filter((id) => id !== lineId)
  if (verb === 'take-out') out.push(lineId)
  const { wait, timeout } = options
  const order = packOrder(lineId, verb === 'take-out' ? 'disabled' : 'enabled')
  const { settled } = await placeOrder(tools, order, { wait, timeoutMs: timeout })
  // Also where its modem sleeps: it is out from now on.
  await remember(register, { ...pack, out }, [lineId])
  const ordered = await settled
  const done = { lineId, act: 'ordered', ordered } as const
  context.output.result({ pack: pack.pack, out, line: done }, table([[lineId, doneText(done)]]))
}

const packHelp = `
A pack file names its lines; what was taken out and ordered is kept in the register:
  {"pack": "family-1234", "lines": ["fixed-1", "mobile-1", "mobile-2"]}
A line taken out (here or by "line disable") stays out when the pack is sent again,
until it is put back (here or by "line enable").`

export const addPackCommands: AddCommands = (program, world) => {
  const pack = program
    .command('pack')
    .description('the lines of one pack together')
    .addHelpText('after', packHelp)
  for (const [verb, service, says] of [
    ['enable', 'enabled', 'protect every line of the pack that is not taken out'],
    ['disable', 'disabled', 'stop protecting every line of the pack'],
  ] as const) {
    const command = pack
      .command(verb)
      .description(says)
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
      await within(world, show, (context) => showPack(context, file))
    })
}

async function showPack(context: Context, file: string): Promise<void> {
  const register = await context.register()
  const { verify } = await context.signer()
  const read = await openPack(register, file)
  const views = await viewsOf({ broker: await context.broker(), register, verify }, read.lines)
  const out = linesOut(read, views)
  const rows = views.map((view) => [
    view.lineId,
    out.includes(view.lineId) ? 'out' : 'in',
    view.desired?.service ?? 'nothing ordered',
    protectionText(view.reported),
  ])
  const lines = views.map(({ record: _, ...view }) => view)
  context.output.result(
    { pack: read.pack, out, lines },
    table([['LINE', 'PACK', 'ORDERED', 'MEASURED'], ...rows]),
  )
}
