import { randomBytes } from 'node:crypto'
import { InvalidArgumentError, Option } from 'commander'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { FleetMode, FleetOrder } from '../../../module/line/types.ts'
import { mustNotBeBehind } from '../clock.ts'
import { type AddCommands, type ManyLines, manyLines, timeoutOption, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { exitCodes, OperatorError } from '../exit.ts'
import { counterOf, countFleet, type FleetCount, fleetNow, nextFleetSequence } from '../fleet-order.ts'
import { spentAbove } from '../numbers.ts'
import { counted, linesText, timeText } from '../output.ts'
import { someOf, sweepAll } from '../reports.ts'

interface FleetOptions extends ManyLines {
  sequence?: number
  percent?: number
  reason: string
  wait: boolean
  timeout: number
}

const verbs = [
  {
    verb: 'pause',
    mode: 'pause',
    says: 'fail-open on every line (or a share of them), until resumed',
    reason: 'maintenance',
  },
  { verb: 'resume', mode: 'run', says: 'end a pause: every line is again as ordered', reason: 'resumed' },
  {
    verb: 'retire',
    mode: 'retire',
    says: 'end the service: modems go dormant and clean up',
    reason: 'service-retired',
  },
] as const satisfies { verb: string; mode: FleetMode; says: string; reason: string }[]

function parsePercent(text: string): number {
  const percent = Number(text)
  if (!Number.isInteger(percent) || percent < 1 || percent > 100)
    throw new InvalidArgumentError('A whole number, 1 to 100.')
  return percent
}

function parseSequence(text: string): number {
  const sequence = Number(text)
  if (!Number.isInteger(sequence) || sequence < 1 || sequence > spentAbove)
    throw new InvalidArgumentError('A whole number, for example 1.')
  return sequence
}

/** N of M, and who not. */
export function countRows(count: FleetCount): string[] {
  const { lines, served, obeys, other, unknown, silent } = count
  const rows = [`${obeys} of ${served} lines that a modem serves report it as in force`]
  if (silent.length > 0) rows.push(`not yet: ${linesText(silent.length)} (${someOf(silent)})`)
  if (other.length > 0)
    rows.push(
      `obey ANOTHER fleet order of the same or a higher number: ${linesText(other.length)} (${someOf(other)})`,
    )
  if (unknown.length > 0)
    rows.push(
      `cannot be counted: ${counted(unknown.length, 'line')} with an older module (${someOf(unknown)})`,
    )
  if (lines > served) rows.push(`no modem has ever reported: ${linesText(lines - served)}`)
  return rows
}

/** @throws OperatorError where not every line that a modem serves reports the order */
function mustAllObey({ served, obeys, other }: FleetCount, timeoutMs: number): void {
  if (served > 0 && obeys === served) return
  const isOther = other.length > 0
  throw new OperatorError(
    isOther ? exitCodes.failed : exitCodes.timedOut,
    isOther ? 'OPERATOR_SUPERSEDED' : 'OPERATOR_FLEET_PARTLY',
    served === 0
      ? 'the fleet order is published, but the register knows no modem that could report it'
      : `${served - obeys} of ${served} lines have not reported the fleet order within ${timeoutMs / 1000} s`,
    isOther
      ? 'Another operator has ordered, or the register has lost its number: `fleet show`, then order again with a higher --sequence.'
      : 'It is retained: modems that come back obey it. `fleet show` counts again; `register import` makes existing lines known.',
  )
}

async function orderFleet(context: Context, mode: FleetMode, options: FleetOptions): Promise<void> {
  const tools = await context.tools()
  const { order: last, record } = await fleetNow(tools)
  const lines = await context.lineCount()
  const { percent = 100 } = options
  const issuedAt = Math.floor(context.world.now() / 1000)
  mustNotBeBehind(issuedAt, last?.issuedAt, 'the fleet order before')
  const order: FleetOrder = {
    v: 1,
    sequence: options.sequence ?? nextFleetSequence(last),
    mode,
    // A fresh salt each time: else the same households would be first in every roll-out.
    ...(mode === 'run' ? {} : { percent, salt: randomBytes(8).toString('hex') }),
    reason: options.reason,
    issuedAt,
  }
  const share = percent === 100 ? '' : `${percent} % of `
  const told = `fleet ${mode} for ${share}${linesText(lines)}`
  const warning = mode === 'retire' ? '. The modems wipe their lists; this is for the end of the service' : ''
  if (!(await context.agreed(`${told}${warning}`, options, { lines, order }))) return
  const jws = await tools.sign('fleet', order)
  const claim = { sequence: order.sequence, issuedAt, jws, act: await context.act() }
  await tools.register.claimDocument(topics.fleet(), record, claim)
  const publish = () => tools.broker.put(topics.fleet(), jws, true)
  const said = `ordered: ${told} (sequence ${order.sequence})`
  if (!options.wait) {
    await publish()
    return context.output.result({ lines, order }, [`${said}; not waited for`])
  }
  const progress = context.output.progress('obey', lines)
  const count = await countFleet(tools, order, { timeoutMs: options.timeout, publish, progress })
  context.output.result({ lines, order, count }, [said, ...countRows(count)])
  mustAllObey(count, options.timeout)
}

const brokerSays = {
  'the same': [],
  nothing: ['the broker has NOTHING there: a modem that comes hears of no fleet order'],
  older: ['the broker has an OLDER fleet order'],
  newer: ['the broker has a newer one than the register: another register has ordered it'],
  foreign: ['the broker has what our keys have NOT signed: modems refuse it'],
} as const

async function showFleet(context: Context): Promise<void> {
  const { verify } = await context.signer()
  const [broker, register] = [await context.broker(), await context.register()]
  const { order, onBroker } = await fleetNow({ broker, register, verify })
  const said = order || onBroker !== 'nothing' ? brokerSays[onBroker] : []
  if (!order)
    return context.output.result({ order: null, onBroker }, ['run (nothing was ever ordered)', ...said])
  await sweepAll(context)
  const count = counterOf(order, await context.lines()).count()
  const share = (order.percent ?? 100) === 100 ? '' : ` (${order.percent} %)`
  context.output.result({ order, onBroker, count }, [
    `${order.mode}${share}: ${order.reason}, sequence ${order.sequence}, ${timeText(order.issuedAt)}`,
    ...said,
    ...countRows(count),
  ])
}

export const addFleetCommands: AddCommands = (program, world) => {
  const fleet = program.command('fleet').description('all lines at once: pause, resume, retire')
  for (const { verb, mode, says, reason } of verbs) {
    const command = fleet
      .command(verb)
      .description(says)
      .addOption(new Option('--reason <text>', 'why, for the modems’ reports').default(reason))
      .option(
        '--sequence <n>',
        'of the order, instead of the next one: after the fleet key was replaced because somebody had spent them',
        parseSequence,
      )
      .option('--no-wait', 'publish only; do not count who obeys')
      .addOption(timeoutOption('the modems', 60))
      .option(...manyLines.dryRun)
      .option(...manyLines.yes)
    if (mode !== 'run')
      command.option(
        '--percent <n>',
        'a share of the lines, chosen by hash with a fresh salt; all, if left out',
        parsePercent,
      )
    command.action(async (options: FleetOptions) => {
      await within(world, command, (context) => orderFleet(context, mode, options))
    })
  }
  const show = fleet
    .command('show')
    .description('the fleet order in force, and how many lines obey it')
    .action(async () => {
      await within(world, show, showFleet)
    })
}
