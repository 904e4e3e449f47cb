import type { Command } from 'commander'
import { within } from '../commands.ts'
import type { World } from '../context.ts'
import { numbersText } from '../numbers.ts'
import { type LineView, viewLine } from '../orders.ts'
import { timeText } from '../output.ts'
import { protectionText, type Reported } from '../reported.ts'
import { parseLineId } from './line-arguments.ts'

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

const brokerSays = {
  'the same': [],
  nothing: ['broker     has NOTHING at the line’s topic: a modem that comes back hears no order'],
  older: ['broker     has an OLDER order'],
  foreign: ['broker     has a document that our keys have NOT signed: modems refuse it'],
  'not readable': ['broker     not readable for this account: only what the register has is shown'],
} as const

function orderedLines({ desired, onBroker, record }: LineView): string[] {
  if (record.order?.forgotten)
    return [`ordered    nothing since it was forgotten at ${numbersText(record.order.desired)}`]
  if (!desired) return ['ordered    nothing yet', ...(onBroker === 'nothing' ? [] : brokerSays[onBroker])]
  const until =
    desired.until === undefined ? '' : `, until ${timeText(desired.until)}, then ${desired.then ?? 'enabled'}`
  return [
    `ordered    ${desired.service} (${desired.reason}, by ${desired.by}${until})`,
    `           ${numbersText(desired)}, ${timeText(desired.issuedAt)}`,
    ...brokerSays[onBroker],
  ]
}

function reportedLines(reported: Reported): string[] {
  const lines = [
    `           ${reported.service}, ${numbersText(reported)}, ${reported.outcome}${reported.code ? ` (${reported.code})` : ''}, ${timeText(reported.at)}`,
    `modem      ${reported.modemId}, module ${reported.version ?? 'unknown'}`,
    `list       ${listText(reported)}`,
  ]
  const tests = Object.entries(reported.selfTest ?? {})
  if (tests.length > 0)
    lines.push(`self-test  ${tests.map(([path, result]) => `${path} ${result}`).join(', ')}`)
  for (const { name, why } of reported.interfaces?.refused ?? []) lines.push(`not armed  ${name}: ${why}`)
  lines.push(...clockText(reported))
  for (const { kind, code, count } of reported.refusals ?? [])
    lines.push(`refused    ${kind}: ${code}, ${count} since its start`)
  return lines
}

function shown(view: LineView): string[] {
  const { lineId, record, reported } = view
  return [
    `line       ${lineId}`,
    ...(record.groups.length > 0 ? [`groups     ${record.groups.join(', ')}`] : []),
    ...orderedLines(view),
    `measured   ${protectionText(reported)}`,
    ...(reported ? reportedLines(reported) : []),
  ]
}

export function addLineShow(line: Command, world: World): void {
  const show = line
    .command('show')
    .description('the last order and what the modem measures')
    .argument('<line>', 'line id', parseLineId)
    .action(async (lineId: string) => {
      await within(world, show, async (context) => {
        const { verify } = await context.signer()
        const tools = { broker: await context.broker(), register: await context.register(), verify }
        const view = await viewLine(tools, lineId)
        const { record, ...rest } = view
        context.output.result({ ...rest, groups: record.groups }, shown(view))
      })
    })
}
