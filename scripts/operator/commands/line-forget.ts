import type { Command } from 'commander'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { manyLines, within } from '../commands.ts'
import type { Context, World } from '../context.ts'
import { refused } from '../exit.ts'
import { viewLine } from '../orders.ts'
import { parseLineId } from './line-arguments.ts'

interface ForgetFlags {
  dryRun?: boolean
  yes?: boolean
}

/** The topic is cleared and read back. A line that a modem serves would go on as last ordered, and nobody would know it. */
async function forget(context: Context, lineId: string, flags: ForgetFlags): Promise<void> {
  const tools = await context.tools()
  const { record, reported, onBroker } = await viewLine(tools, lineId)
  const isKnown = record.order !== undefined && record.order.forgotten !== true
  if (reported && reported.service !== 'terminated')
    throw refused(
      'OPERATOR_LINE_SERVED',
      `line ${lineId} is served by modem ${reported.modemId} (${reported.service})`,
      'End it first: `line terminate` it. Then it can be forgotten.',
    )
  if (!isKnown && onBroker === 'nothing')
    throw refused('OPERATOR_LINE_UNKNOWN', `line ${lineId} is known neither here nor on the broker`)
  const what = `line ${lineId}: its order is taken from the broker, and the line from the register`
  if (!(await context.agreed(what, flags, { lineId }))) return
  const act = await context.act()
  await tools.broker.put(topics.desired(lineId), '', true)
  if (reported) await tools.broker.put(topics.reported(lineId), '', true)
  if (!(await tools.register.forget(record, act)))
    throw refused(
      'OPERATOR_CONFLICT',
      `line ${lineId} was ordered meanwhile, and its topic cleared`,
      'Repeat that order; or forget it again.',
    )
  context.output.result({ lineId, forgotten: true }, [
    `line ${lineId} is forgotten: nothing stands at its topics`,
  ])
}

export function addLineForget(line: Command, world: World): void {
  const command = line
    .command('forget')
    .description('take away an order for a line that no modem serves: a mistyped one, or a terminated one')
    .argument('<line>', 'line id', parseLineId)
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
    .action(async (lineId: string, flags: ForgetFlags) => {
      await within(world, command, (context) => forget(context, lineId, flags))
    })
}
