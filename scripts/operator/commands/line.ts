import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Desired, type OrderedService, reasonsOf } from '../../../module/line/types.ts'
import { type AddCommands, type ManyLines, manyLines, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { usage } from '../exit.ts'
import { countsOf, doneText, mustAllBeApplied, orderAll } from '../many-orders.ts'
import { type Numbers, numbersOf, numbersText } from '../numbers.ts'
import { giveOrder, type Order, type Ordered } from '../orders.ts'
import { protectionText } from '../reported.ts'
import { type Selection, selectedLines } from '../selection.ts'
import { addSelection, parseNumbers, parseUntil } from './line-arguments.ts'
import { addLineForget } from './line-forget.ts'
import { addLineShow } from './line-show.ts'

interface OrderOptions extends ManyLines, Selection {
  reason: Desired['reason']
  by: Desired['by']
  until?: string
  then?: 'enabled' | 'disabled'
  notices?: boolean
  wait: boolean
  timeout: number
  numbers?: Numbers
  rate?: number
  key?: string
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
  const numbers = numbersText(ordered)
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

function parseRate(text: string): number {
  const rate = Number(text)
  if (!(rate > 0) || rate > 100_000) throw new InvalidArgumentError('Orders a second, above 0.')
  return rate
}

function parseKey(text: string): string {
  if (!/^[\w.:-]{1,128}$/.test(text))
    throw new InvalidArgumentError('1 to 128 letters, digits, "_", ".", ":" or "-".')
  return text
}

function addVerb(line: Command, world: Parameters<AddCommands>[1], entry: (typeof verbs)[number]): void {
  const command = addSelection(line.command(entry.verb).description(entry.says))
    .addOption(new Option('--reason <reason>', 'why').choices(reasonsOf[entry.service]).default(entry.reason))
    .addOption(
      new Option('--by <who>', 'who asked for it')
        .choices(['customer', 'support', 'operator', 'system'])
        .default('operator'),
    )
    .option('--no-wait', 'publish only; do not wait for what the modem measures')
    .addOption(timeoutOption('the modem'))
    .option('--rate <n>', 'orders a second; as fast as the broker takes them where left out', parseRate)
    .option(
      '--key <key>',
      'of idempotency: the same command under the same key goes on where it ended, and gives no line a second order',
      parseKey,
    )
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
      const selected = await selectedLines(() => context.register(), lineIds, options)
      const orderOf = (lineId: string) => toOrder(lineId, entry.service, options, world.now())
      const isOne = lineIds.length > 0 && selected.length === 1 && options.key === undefined
      await (isOne ? orderLine : orderLines)(context, selected.map(orderOf), entry.service, options)
    })
  })
}

async function orderLine(
  context: Context,
  [order]: readonly Order[],
  service: OrderedService,
  options: OrderOptions,
): Promise<void> {
  if (!order) return
  if (options.dryRun)
    return void (await context.agreed(`line ${order.lineId} will be ${service}`, options, {
      orders: [order],
    }))
  const tools = await context.tools()
  const act = await context.act()
  const { wait, timeout, numbers } = options
  const ordered = await giveOrder(tools, order, { wait, timeoutMs: timeout, numbers })
  const state = ordered.applied ? 'applied' : 'ordered'
  await tools.register.settle(act, { lineId: order.lineId, numbers: numbersOf(ordered), state })
  context.output.result(ordered, [orderedText(ordered)])
}

async function orderLines(
  context: Context,
  orders: readonly Order[],
  service: OrderedService,
  options: OrderOptions,
): Promise<void> {
  if (options.numbers) throw usage('--numbers goes with one line')
  const what = `${orders.length} lines will be ${service}`
  if (!(await context.agreed(what, options, { orders }))) return
  const { wait, timeout, rate, key } = options
  const done = await orderAll(context, orders, {
    wait,
    timeout,
    ...(rate !== undefined && { rate }),
    ...(key !== undefined && { key }),
    onDone: (each) => context.output.item(each, `${each.lineId}  ${doneText(each)}`),
  })
  const counts = countsOf(done)
  const { lines, applied, notWaitedFor, failed } = counts
  if (context.output.json) context.output.item({ service, ...counts }, '')
  else
    context.output.note(
      `${applied} of ${lines} lines report it, ${notWaitedFor} not waited for, ${failed} failed`,
    )
  const remedy = `The orders are retained. Repeat the command for the lines named above once the reasons are gone${key === undefined ? '' : '; the same --key goes on where it ended'}.`
  mustAllBeApplied(done, 'OPERATOR_LINES_PARTLY', 'lines', remedy)
}

export const addLineCommands: AddCommands = (program, world) => {
  const line = program.command('line').description('switch lines on or off, and see what is')
  for (const entry of verbs) addVerb(line, world, entry)
  addLineShow(line, world)
  addLineForget(line, world)
}
