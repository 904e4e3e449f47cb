import { randomBytes } from 'node:crypto'
import { InvalidArgumentError, Option } from 'commander'
import { topics } from '../../../module/control/mqtt/topics.ts'
import type { FleetMode, FleetOrder } from '../../../module/line/types.ts'
import { type AddCommands, type ManyLines, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused } from '../exit.ts'
import { claimsOf, spentAbove } from '../orders.ts'
import { linesText, timeText } from '../output.ts'

interface FleetOptions extends ManyLines {
  sequence?: number
  percent?: number
  reason: string
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

async function lastOrder(context: Context): Promise<FleetOrder | undefined> {
  const broker = await context.broker()
  const jws = (await broker.retained(topics.fleet())).get(topics.fleet())
  const claims = jws && (claimsOf(jws) as FleetOrder | undefined)
  return claims && Number.isSafeInteger(claims.sequence) ? claims : undefined
}

function nextSequence(last: FleetOrder | undefined): number {
  const { sequence } = last ?? { sequence: 0 }
  if (sequence > spentAbove)
    throw refused(
      'OPERATOR_NUMBERS_SPENT',
      `the fleet stands at sequence ${sequence}: somebody has spent the numbers`,
      'Replace the key (`keys rotate fleet`): numbers count anew under it. Then order with --sequence 1.',
    )
  return sequence + 1
}

async function orderFleet(context: Context, mode: FleetMode, options: FleetOptions): Promise<void> {
  const last = await lastOrder(context)
  const lines = await context.knownLines()
  const { percent = 100 } = options
  const order: FleetOrder = {
    v: 1,
    sequence: options.sequence ?? nextSequence(last),
    mode,
    // A fresh salt each time: else the same households would be first in every roll-out.
    ...(mode === 'run' ? {} : { percent, salt: randomBytes(8).toString('hex') }),
    reason: options.reason,
    issuedAt: Math.floor(context.world.now() / 1000),
  }
  const share = percent === 100 ? '' : `${percent} % of `
  const told = `fleet ${mode} for ${share}${linesText(lines.length)}`
  const warning = mode === 'retire' ? '. The modems wipe their lists; this is for the end of the service' : ''
  if (!(await context.agreed(`${told}${warning}`, options, { lines: lines.length, order }))) return
  const { broker, sign } = await context.tools()
  await broker.publish(topics.fleet(), await sign('fleet', order), true)
  context.output.result({ lines: lines.length, order }, [`ordered: ${told} (sequence ${order.sequence})`])
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
    .description('the fleet order in force')
    .action(async () => {
      await within(world, show, async (context) => {
        const order = await lastOrder(context)
        const text = order
          ? `${order.mode}${(order.percent ?? 100) === 100 ? '' : ` (${order.percent} %)`}: ${order.reason}, sequence ${order.sequence}, ${timeText(order.issuedAt)}`
          : 'run (nothing was ever ordered)'
        context.output.result({ order: order ?? null }, [text])
      })
    })
}
