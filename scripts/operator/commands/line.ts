import { type Command, Option } from 'commander'
import { type Desired, type OrderedService, reasonsOf } from '../../../module/line/types.ts'
import { type AddCommands, type ManyLines, manyLines, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { usage } from '../exit.ts'
import { doneText, mustAllBeApplied, orderAll, viewsOf } from '../many-orders.ts'
import { giveOrder, type LineView, type Numbers, type Order, type Ordered, viewLine } from '../orders.ts'
import { table, timeText } from '../output.ts'
import { protectionText, type Reported } from '../reported.ts'
import { parseLineId, parseNumbers, parseUntil } from './line-arguments.ts'

interface OrderOptions extends ManyLines {
  reason: Desired['reason']
  by: Desired['by']
  until?: string
  then?: 'enabled' | 'disabled'
  notices?: boolean
  wait: boolean
  timeout: number
  numbers?: Numbers
}

const verbs = [
  { verb: 'enable', service: 'enabled', says: 'protect the line', reason: 'subscribed' },
  {
    verb: 'disable',
    service: 'disabled',
    says: 'stop protecting the line; nothing is wiped',
    reason: 'support',
  },
  {
    verb: 'suspend',
    service: 'suspended',
    says: 'interrupt protection, for a time or until told',
    reason: 'maintenance',
  },
  {
    verb: 'terminate',
    service: 'terminated',
    says: 'end the service: the modem wipes the line’s data',
    reason: 'contract-ended',
  },
] as const satisfies { verb: string; service: OrderedService; says: string; reason: Desired['reason'] }[]

export function orderedText(ordered: Ordered): string {
  const numbers = `generation ${ordered.generation}, sequence ${ordered.sequence}`
  if (!ordered.applied) return `${ordered.lineId}  ${ordered.service} ordered (${numbers}); not waited for`
  return `${ordered.lineId}  ${ordered.service}, ${protectionText(ordered.reported)}; measured after ${ordered.ms} ms (${numbers})`
}

function toOrder(lineId: string, service: OrderedService, options: OrderOptions, nowMs: number): Order {
  const order: Order = { lineId, service, reason: options.reason, by: options.by }
  if (options.then && !options.until)
    throw usage('--then says what comes back after --until, which is missing')
  const until = options.until === undefined ? {} : { until: parseUntil(options.until, nowMs) }
  return {
    ...order,
    ...until,
    // biome-ignore lint/suspicious/noThenProperty: the contract's own word; nothing awaits an order
    ...(options.then ? { then: options.then } : {}),
    ...(options.notices ? { notices: true } : {}),
  }
}

function addVerb(line: Command, world: Parameters<AddCommands>[1], entry: (typeof verbs)[number]): void {
  const command = line
    .command(entry.verb)
    .description(entry.says)
    .argument('<line...>', 'line ids', (text: string, before: string[] = []) => [
      ...before,
      parseLineId(text),
    ])
    .addOption(new Option('--reason <reason>', 'why').choices(reasonsOf[entry.service]).default(entry.reason))
    .addOption(
      new Option('--by <who>', 'who asked for it')
        .choices(['customer', 'support', 'operator', 'system'])
        .default('operator'),
    )
    .option('--no-wait', 'publish only; do not wait for what the modem measures')
    .addOption(timeoutOption('the modem'))
    .option(
      '--numbers <generation.sequence>',
      'of the order, instead of the next ones: after the line key was replaced because somebody had spent them',
      parseNumbers,
    )
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  if (entry.verb === 'suspend')
    command
      .option('--until <time>', 'ends by itself: +2h, +30m, +1d, or 2026-12-01T06:00:00+01:00')
      .addOption(new Option('--then <service>', 'what comes back then').choices(['enabled', 'disabled']))
  if (entry.verb === 'enable')
    command.option('--notices', 'the customer wants to be told the names that were blocked')
  command.action(async (lineIds: string[], options: OrderOptions) => {
    await within(world, command, async (context) => {
      const orderOf = (lineId: string) => toOrder(lineId, entry.service, options, world.now())
      await orderLines(context, [...new Set(lineIds)], orderOf, options)
    })
  })
}

async function orderLines(
  context: Context,
  lineIds: readonly string[],
  orderOf: (lineId: string) => Order,
  options: OrderOptions,
): Promise<void> {
  const [first] = lineIds
  if (!first) return
  if (options.numbers && lineIds.length > 1) throw usage('--numbers goes with one line')
  const { service } = orderOf(first)
  const what = lineIds.length === 1 ? `line ${first}` : `${lineIds.length} lines`
  if (lineIds.length > 1 || options.dryRun)
    if (!(await context.agreed(`${what} will be ${service}`, options, { orders: lineIds.map(orderOf) })))
      return
  if (lineIds.length === 1) {
    const wait = { wait: options.wait, timeoutMs: options.timeout, numbers: options.numbers }
    const ordered = await giveOrder(await context.tools(), orderOf(first), wait)
    context.output.result(ordered, [orderedText(ordered)])
    return
  }
  const done = await orderAll(context, await viewsOf(context, lineIds), orderOf, options)
  context.output.result({ service, lines: done }, table(done.map((each) => [each.lineId, doneText(each)])))
  const remedy =
    'The orders are retained. Repeat the command for the lines named above once the reasons are gone.'
  mustAllBeApplied(done, 'OPERATOR_LINES_PARTLY', 'lines', remedy)
}

function listText({ list }: Reported): string {
  const parts = [`version ${list?.version ?? 'none'}`, `${list?.names ?? 0} names`]
  if (list?.state === 'stale' || list?.state === 'damaged') parts.push(list.state.toUpperCase())
  if (list?.phase !== undefined && list.phase !== 'idle') parts.push(list.phase)
  if (list?.code !== undefined) parts.push(list.code)
  return parts.join(', ')
}

/** Only what is out of the ordinary. */
function clockText({ clock }: Reported): string[] {
  const said: string[] = []
  if (clock?.steppedBy !== undefined)
    said.push(`stepped by ${clock.steppedBy} s${clock.believed ? '' : ', not believed'}`)
  if (clock?.unbelieved !== undefined)
    said.push(`a document dated ${timeText(clock.unbelieved)} is not believed about the time`)
  return said.length > 0 ? [`clock      ${said.join('; ')}`] : []
}

function shown({ lineId, desired, reported }: LineView): string[] {
  const lines = [`line       ${lineId}`]
  if (desired) {
    const until =
      desired.until === undefined
        ? ''
        : `, until ${timeText(desired.until)}, then ${desired.then ?? 'enabled'}`
    lines.push(
      `ordered    ${desired.service} (${desired.reason}, by ${desired.by}${until})`,
      `           generation ${desired.generation}, sequence ${desired.sequence}, ${timeText(desired.issuedAt)}`,
    )
  } else lines.push('ordered    nothing yet')
  lines.push(`measured   ${protectionText(reported)}`)
  if (!reported) return lines
  lines.push(
    `           ${reported.service ?? 'service unknown'}, generation ${reported.generation}, sequence ${reported.sequence}, ${reported.outcome ?? ''}${reported.code ? ` (${reported.code})` : ''}`,
    `modem      ${reported.modemId ?? 'unknown'}, module ${reported.version ?? 'unknown'}`,
    `list       ${listText(reported)}`,
  )
  const tests = Object.entries(reported.selfTest ?? {})
  if (tests.length > 0)
    lines.push(`self-test  ${tests.map(([path, result]) => `${path} ${result}`).join(', ')}`)
  for (const { name, why } of reported.interfaces?.refused ?? []) lines.push(`not armed  ${name}: ${why}`)
  lines.push(...clockText(reported))
  for (const { kind, code, count } of reported.refusals ?? [])
    lines.push(`refused    ${kind}: ${code}, ${count} since its start`)
  return lines
}

export const addLineCommands: AddCommands = (program, world) => {
  const line = program.command('line').description('switch a line on or off, and see what is')
  for (const entry of verbs) addVerb(line, world, entry)
  const show = line
    .command('show')
    .description('the last order and what the modem measures')
    .argument('<line>', 'line id', parseLineId)
    .action(async (lineId: string) => {
      await within(world, show, async (context) => {
        const view = await viewLine(await context.broker(), lineId)
        context.output.result(view, shown(view))
      })
    })
}
