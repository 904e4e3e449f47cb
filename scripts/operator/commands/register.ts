import { type Command, InvalidArgumentError } from 'commander'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { type AddCommands, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { exitCodes, failure, OperatorError, usage } from '../exit.ts'
import { viewLine } from '../orders.ts'
import { counted, table } from '../output.ts'
import { protectionText } from '../reported.ts'
import { someOf } from '../reports.ts'
import { isSelected, lineIdPattern, readLineIds, type Selection, selectedLines } from '../selection.ts'
import { addSelection } from './line-arguments.ts'

interface ImportFlags {
  lines?: string
  discover?: boolean
}

const discoverQuietMs = 3000

/** Lines of which a broker says something under a wildcard: it may be a part of them, and does not say so. */
async function discovered(context: Context): Promise<string[]> {
  const broker = await context.broker()
  const found = new Set<string>()
  let heard = performance.now()
  const hear = (topic: string) => {
    found.add(topic.split('/').at(-2) ?? '')
    heard = performance.now()
  }
  const ends = [
    await broker.follow(topics.desired('+'), hear),
    await broker.follow(topics.reported('+'), hear),
  ]
  while (performance.now() - heard < discoverQuietMs)
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 100)), broker.lost])
  for (const end of ends) await end()
  return [...found].filter((id) => lineIdPattern.test(id)).sort()
}

/** Topic by topic; what our keys have not signed is counted, and not taken. */
async function importLines(context: Context, flags: ImportFlags): Promise<void> {
  if ((flags.lines !== undefined) === (flags.discover === true))
    throw usage('one of --lines FILE and --discover')
  const tools = await context.tools()
  const ids = flags.lines === undefined ? await discovered(context) : await readLineIds(flags.lines)
  const lineIds = [...new Set(ids)]
  await context.act()
  const progress = context.output.progress('lines', lineIds.length)
  const found = {
    orders: 0,
    reports: 0,
    nothing: [] as string[],
    foreign: [] as string[],
    failed: [] as string[],
  }
  let done = 0
  let code = ''
  await Promise.all(
    lineIds.map(async (lineId) => {
      try {
        const { desired, reported, onBroker } = await viewLine(tools, lineId)
        if (desired) found.orders++
        if (reported) found.reports++
        if (onBroker === 'foreign') found.foreign.push(lineId)
        else if (!desired && !reported) found.nothing.push(lineId)
      } catch (error) {
        code = failure(error).code
        if (code.startsWith('OPERATOR_BROKER_')) throw error
        found.failed.push(lineId)
      }
      progress(++done)
    }),
  )
  for (const lines of [found.nothing, found.foreign, found.failed]) lines.sort()
  const imported = lineIds.length - found.nothing.length - found.foreign.length - found.failed.length
  const rest = (what: string, lines: string[]) =>
    lines.length > 0 ? [`${what}: ${counted(lines.length, 'line')} (${someOf(lines)})`] : []
  context.output.result({ named: lineIds.length, imported, complete: flags.lines !== undefined, ...found }, [
    `${imported} of ${counted(lineIds.length, 'line')} imported: ${found.orders} orders, ${found.reports} reports`,
    ...rest('neither order nor report', found.nothing),
    ...rest('an order that our keys have not signed, left out', found.foreign),
    ...rest('NOT readable', found.failed),
    ...(flags.discover
      ? [
          'found under a wildcard, of which a broker may hand out a part: whether there are more is not known; --lines FILE is sure',
        ]
      : []),
  ])
  if (found.failed.length > 0)
    throw new OperatorError(
      exitCodes.failed,
      code,
      `${counted(found.failed.length, 'line')} could not be read`,
      'Grant it in the broker’s access list, then import again: what is known stays.',
    )
}

/** The journal, an entry a line. */
async function exportJournal(context: Context, { after }: { after: number }): Promise<void> {
  const register = await context.register()
  const { terminal } = context.world
  for await (const { number, value } of register.journal(after))
    terminal.out(`${JSON.stringify({ number, ...(value as object) })}\n`)
}

async function listLines(context: Context, named: string[], selection: Selection): Promise<void> {
  const register = await context.register()
  const isAll = named.length === 0 && selection.lines === undefined
  const wanted = isAll ? undefined : await selectedLines(() => context.register(), named, selection)
  const lines = wanted ? await register.linesOf(wanted) : await context.lines()
  for (const line of lines.filter((each) => !isAll || isSelected(each, selection))) {
    const { lineId, order, report } = line
    const cells = [
      lineId,
      order?.desired.service ?? '-',
      protectionText(report?.reported),
      report?.reported.modemId ?? '-',
      line.groups.join(',') || '-',
    ]
    context.output.item(line, cells.join('  '))
  }
}

export const addRegisterCommands: AddCommands = (program, world) => {
  const register = program.command('register').description('what was ordered, by whom, and who reports it')
  const importing = register
    .command('import')
    .description('read the lines of an existing broker into the register, topic by topic')
    .option('--lines <file>', 'their ids, one a line; - is stdin')
    .option('--discover', 'those that the broker tells under a wildcard, which may be a part')
  importing.action((flags: ImportFlags) => within(world, importing, (context) => importLines(context, flags)))
  const exporting = register
    .command('export')
    .description('the journal: who did what, why, and what became of it; JSON, an entry a line')
    .option('--after <number>', 'entries after this one', (text) => Number(text) || 0, 0)
  exporting.action((flags: { after: number }) =>
    within(world, exporting, (context) => exportJournal(context, flags)),
  )
  const listing = addSelection(
    register.command('lines').description('lines with last order and last report, as the register has them'),
  )
  listing.action((named: string[], selection: Selection) =>
    within(world, listing, (context) => listLines(context, named, selection)),
  )
}

function parseGroup(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text))
    throw new InvalidArgumentError('A group is 1 to 64 letters, digits, "_", "." or "-".')
  return text
}

async function regroup(
  context: Context,
  group: string,
  lineIds: readonly string[],
  join: boolean,
): Promise<void> {
  const register = await context.register()
  const act = await context.act()
  const changed = await register.regroup(lineIds, { group, join, act })
  context.output.result({ group, lines: lineIds.length, changed }, [
    `${changed} of ${counted(lineIds.length, 'line')} ${join ? 'joined' : 'left'} group ${group}`,
  ])
}

async function showGroups(context: Context): Promise<void> {
  const groups = new Map<string, number>()
  for (const line of await context.lines())
    for (const group of line.groups) groups.set(group, (groups.get(group) ?? 0) + 1)
  const rows = [...groups].sort().map(([group, count]) => [group, counted(count, 'line')])
  context.output.result(Object.fromEntries(groups), table(rows))
}

export const addGroupCommands: AddCommands = (program, world) => {
  const group = program.command('group').description('name lines together, for --group')
  for (const [verb, says, join] of [
    ['add', 'lines join the group', true],
    ['remove', 'lines leave the group', false],
  ] as const) {
    const command: Command = group.command(verb).description(says).argument('<group>', 'its name', parseGroup)
    addSelection(command).action((name: string, named: string[], selection: Selection) =>
      within(world, command, async (context) => {
        await regroup(context, name, await selectedLines(() => context.register(), named, selection), join)
      }),
    )
  }
  const show = group.command('show').description('groups, and how many lines each has')
  show.action(() => within(world, show, showGroups))
}
