import { createWriteStream, existsSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { categories } from '../../../module/category.ts'
import type { HeadDocument } from '../../../module/control/documents-kinds.ts'
import { type AddCommands, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { Archive } from '../list/archive.ts'
import { BuildStopped } from '../list/build.ts'
import { type Format, formats } from '../list/formats.ts'
import type { ListInput } from '../list/gather.ts'
import { readList } from '../list/lines.ts'
import { normaliseName } from '../list/name.ts'
import {
  currentHead,
  mustHaveHead,
  nextHead,
  obsoleteChunks,
  promoted,
  publishHead,
  reportedVersions,
  signedHead,
  withoutCandidate,
} from '../list-head.ts'
import { buildInto, publishVersion } from '../list-publish.ts'
import { releaseText, reportJson, reportRows } from '../list-report.ts'
import { bytesText, table, timeText } from '../output.ts'

interface BuildFlags {
  input?: InputSpec[]
  popular?: string
  exempt?: string[]
  dropFindings?: boolean
  drops?: string
  maxChange?: number
  force?: boolean
  newKey?: boolean
}

interface PublishFlags extends BuildFlags {
  version?: number
  percent?: number
  spread: number
  yes?: boolean
}

export interface InputSpec {
  file: string
  category: number
  format?: Format
}

/** @param text FILE:CATEGORY[:FORMAT]; read from the right, since a file may have a colon in its name */
export function parseInput(text: string): InputSpec {
  const parts = text.split(':')
  const format = formats.find((name) => name === parts.at(-1))
  if (format) parts.pop()
  const category = categories.indexOf(parts.pop() as (typeof categories)[number])
  const file = parts.join(':')
  if (file === '' || category < 0)
    throw new InvalidArgumentError(
      `FILE:CATEGORY[:FORMAT] is expected; categories: ${categories.join(', ')}; formats: ${formats.join(', ')}.`,
    )
  return format ? { file, category, format } : { file, category }
}

function whole(from: number, to: number) {
  return (text: string): number => {
    const number = Number(text)
    if (!Number.isInteger(number) || number < from || number > to)
      throw new InvalidArgumentError(`A whole number, ${from} to ${to}.`)
    return number
  }
}

function mustExist(file: string): string {
  if (!existsSync(file)) throw usage(`there is no file ${file}`)
  return file
}

function inputsOf(specs: readonly InputSpec[]): ListInput[] {
  return specs.map(({ file, category, format }) => ({
    name: basename(file),
    source: readList(mustExist(file)),
    category,
    ...(format ? { format } : {}),
  }))
}

async function build(context: Context, flags: BuildFlags) {
  if (!flags.input?.length)
    throw usage('nothing to build from', 'Name at least one --input FILE:CATEGORY[:FORMAT].')
  const archive = new Archive(context.profile.archiveDir, context.list)
  const drops = flags.drops ? createWriteStream(flags.drops) : undefined
  const guard = flags.dropFindings
    ? ({ suffix: 'drop', hosting: 'demote', core: 'drop', popular: 'drop' } as const)
    : {}
  try {
    return await buildInto(archive, context.list, {
      inputs: inputsOf(flags.input),
      guards: { ...guard, exempt: new Set(flags.exempt ?? []) },
      ...(flags.popular ? { popular: readList(mustExist(flags.popular)) } : {}),
      ...(flags.maxChange === undefined ? {} : { maxChangePercent: flags.maxChange }),
      force: flags.force === true,
      newKey: flags.newKey === true,
      ...(drops
        ? { onDrop: (drop) => void drops.write(`${drop.input}:${drop.line}: ${drop.reason}: ${drop.text}\n`) }
        : {}),
    })
  } catch (error) {
    if (error instanceof BuildStopped) for (const row of reportRows(error.report)) context.output.note(row)
    throw error
  } finally {
    drops?.end()
  }
}

async function publish(context: Context, flags: PublishFlags): Promise<void> {
  if (flags.input?.length && flags.version !== undefined) throw usage('either --input or --version')
  const archive = new Archive(context.profile.archiveDir, context.list)
  let version = flags.version
  if (flags.input?.length) {
    const { release, report } = await build(context, flags)
    for (const row of reportRows(report)) context.output.note(row)
    version = release.version
  }
  version ??= (await archive.latest())?.version
  if (version === undefined) throw usage('the archive is empty', 'Build a version, or name its --input here.')
  const tools = await context.tools()
  const { release, chunks } = await archive.load(version)
  const before = await currentHead(tools.broker, context.list)
  if (before && version <= before.stable.version)
    throw refused(
      'OPERATOR_LIST_OLDER',
      `version ${version} is not above the stable one (${before.stable.version}); modems take higher ones only`,
      'To take content back, build it again: it gets a higher version.',
    )
  const lines = (await context.knownLines()).length
  const share = flags.percent === undefined ? '' : `${flags.percent} % of `
  await context.confirm(
    `List ${context.list}: ${releaseText(release)}, for the modems of ${share}${lines} reported lines.`,
    flags.yes,
  )
  const head = await publishVersion(tools, archive, {
    list: context.list,
    version,
    ...(flags.percent === undefined ? {} : { percent: flags.percent }),
    spreadSeconds: flags.spread,
    progress: context.output.progress('chunks', chunks.size),
  })
  context.output.result({ version, head }, [
    `published ${releaseText(release)}; head sequence ${head.sequence}`,
  ])
}

async function status(context: Context): Promise<void> {
  const broker = await context.broker()
  const head = await mustHaveHead(broker, context.list)
  const versions = await reportedVersions(broker)
  const stale = head.expires * 1000 < context.world.now() ? '  EXPIRED' : ''
  const rows = [
    ['list', context.list],
    ['stable', releaseText(head.stable)],
    [
      'deltas',
      head.stable.deltas
        .map((delta) => `${delta.from}→${delta.to ?? head.stable.version} ${bytesText(delta.bytes)}`)
        .join(', ') || 'none',
    ],
    ...(head.candidate
      ? [['candidate', `${head.candidate.percent} %: ${releaseText(head.candidate.release)}`]]
      : []),
    ['sequence', String(head.sequence)],
    ['issued', timeText(head.issuedAt)],
    ['expires', `${timeText(head.expires)}${stale}`],
    ['allowed', head.allow.join(', ') || 'none'],
    ...[...versions].map(([version, lines]) => [
      'reported',
      `version ${version}: ${lines.length} lines (${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''})`,
    ]),
  ]
  context.output.result({ list: context.list, head, reported: Object.fromEntries(versions) }, table(rows))
}

/** Signs a changed head; for what changes every modem at once. */
async function changeHead(
  context: Context,
  yes: boolean | undefined,
  what: string,
  change: (head: HeadDocument, nowMs: number) => HeadDocument,
): Promise<void> {
  const tools = await context.tools()
  const before = (await signedHead(tools, context.list)) ?? (await mustHaveHead(tools.broker, context.list))
  const head = change(before, context.world.now())
  await context.confirm(
    `List ${context.list}: ${what}, for the modems of ${(await context.knownLines()).length} reported lines.`,
    yes,
  )
  await publishHead(tools, head)
  context.output.result({ head }, [`${what}; head sequence ${head.sequence}`])
}

function allowed(head: HeadDocument, text: string, remove: boolean, nowMs: number): HeadDocument {
  const name = normaliseName(text)
  if (!name.ok) throw usage(`${text} is no name (${name.fault})`)
  const rest = head.allow.filter((each) => each !== name.name)
  if (remove && rest.length === head.allow.length)
    throw refused('OPERATOR_NOT_ALLOWED', `${name.name} is not among the exceptions`)
  return nextHead(head, { allow: remove ? rest : [...rest, name.name] }, nowMs)
}

async function prune(context: Context, keep: number, dryRun: boolean | undefined): Promise<void> {
  const broker = await context.broker()
  const obsolete = await obsoleteChunks(broker, await mustHaveHead(broker, context.list))
  if (dryRun)
    return context.output.result({ dryRun: true, obsolete }, [`would clear ${obsolete.length} chunks`])
  const progress = context.output.progress('clear', obsolete.length)
  for (const [i, topic] of obsolete.entries()) {
    await broker.publish(topic, '', true)
    progress(i + 1)
  }
  const removed = await new Archive(context.profile.archiveDir, context.list).prune(keep)
  context.output.result({ cleared: obsolete.length, removed }, [
    `cleared ${obsolete.length} chunks from the broker, removed ${removed.length} versions from the archive`,
  ])
}

const collect = (text: string, before: string[] = []) => [...before, text]

function addBuildFlags(command: Command): Command {
  return command
    .option(
      '--input <file:category[:format]>',
      'a source; may be given several times',
      (text, before: InputSpec[] = []) => [...before, parseInput(text)],
    )
    .option('--popular <file>', 'popular names, one a line: none may be blocked')
    .option('--exempt <name>', 'block it although a guard warns; may be given several times', collect)
    .option('--drop-findings', 'leave out what a guard finds, instead of stopping')
    .option('--drops <file>', 'write every line that was not taken there')
    .option('--max-change <percent>', 'more change needs --force (10)', whole(0, 100))
    .option('--force', 'whatever the change')
    .option('--new-key', 'a fresh hash key: every modem takes the snapshot')
}

export const addListCommands: AddCommands = (program, world) => {
  const list = program.command('list').description('build, publish and watch the blocklist')
  const building = addBuildFlags(
    list.command('build').description('read, check and put into the archive; nothing is published'),
  )
  building.action((flags: BuildFlags) =>
    within(world, building, async (context) => {
      const { release, report } = await build(context, flags)
      context.output.result({ release, report: reportJson(report) }, [
        ...reportRows(report),
        `built ${releaseText(release)}`,
      ])
    }),
  )
  const publishing = addBuildFlags(
    list.command('publish').description('chunks, then the signed head; builds first where --input is given'),
  )
    .option('--version <n>', 'of the archive; the newest where left out', whole(1, 2 ** 31))
    .option('--percent <n>', 'as a candidate, for a share of the modems', whole(1, 100))
    .option('--spread <seconds>', 'downloads start within so many seconds', whole(0, 86_400), 0)
    .option(...manyLines.yes)
  publishing.action((flags: PublishFlags) => within(world, publishing, (context) => publish(context, flags)))
  const showing = list.command('status').description('the head, and who reports which version')
  showing.action(() => within(world, showing, status))
  for (const [verb, says, change] of [
    ['promote', 'the candidate becomes stable for every modem', promoted],
    ['stop', 'withdraw the candidate', withoutCandidate],
  ] as const) {
    const command = list
      .command(verb)
      .description(says)
      .option(...manyLines.yes)
    command.action((flags: { yes?: boolean }) =>
      within(world, command, (context) => changeHead(context, flags.yes, says, change)),
    )
  }
  const allowing = list
    .command('allow')
    .description('lift a false positive: never block this name nor what is below it, whatever the list says')
    .argument('<name>')
    .option('--remove', 'end the exception')
    .option(...manyLines.yes)
  allowing.action((name: string, flags: { remove?: boolean; yes?: boolean }) =>
    within(world, allowing, (context) =>
      changeHead(context, flags.yes, `${name} is ${flags.remove ? 'no longer ' : ''}allowed`, (head, now) =>
        allowed(head, name, flags.remove === true, now),
      ),
    ),
  )
  const pruning = list
    .command('prune')
    .description('clear chunks that no head names, and old versions of the archive')
    .option('--keep <n>', 'versions kept in the archive', whole(1, 1000), 10)
    .option(...manyLines.dryRun)
  pruning.action((flags: { keep: number; dryRun?: boolean }) =>
    within(world, pruning, (context) => prune(context, flags.keep, flags.dryRun)),
  )
}
