import type { HeadDocument } from '../../../module/control/documents-kinds.ts'
import { type AddCommands, type ManyLines, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { Archive } from '../list/archive.ts'
import { normaliseName } from '../list/name.ts'
import {
  currentHead,
  mustHaveHead,
  nextHead,
  obsoleteChunks,
  promoted,
  publishHead,
  reportedLists,
  signedHead,
  withoutCandidate,
} from '../list-head.ts'
import { publishVersion } from '../list-publish.ts'
import { releaseText, reportJson, reportRows } from '../list-report.ts'
import { bytesText, counted, linesText, table, timeText } from '../output.ts'
import { addBuildFlags, type BuildFlags, build, whole } from './list-build.ts'

interface PublishFlags extends BuildFlags, ManyLines {
  version?: number
  percent?: number
  spread: number
}

/** What is to be published: built now, or of the archive. */
async function toPublish(context: Context, archive: Archive, flags: PublishFlags) {
  if (flags.input?.length && flags.version !== undefined) throw usage('either --input or --version')
  if (flags.input?.length) {
    const { release, chunks, report } = await build(context, flags, flags.dryRun !== true)
    for (const row of reportRows(report)) context.output.note(row)
    return { release, chunks }
  }
  const version = flags.version ?? (await archive.latest())?.version
  if (version === undefined) throw usage('the archive is empty', 'Build a version, or name its --input here.')
  const { release, chunks } = await archive.load(version)
  return { release, chunks: chunks.size }
}

async function publish(context: Context, flags: PublishFlags): Promise<void> {
  const archive = new Archive(context.profile.archiveDir, context.list)
  const { release, chunks } = await toPublish(context, archive, flags)
  const { version } = release
  const before = await currentHead(await context.broker(), context.list)
  if (before && version <= before.stable.version)
    throw refused(
      'OPERATOR_LIST_OLDER',
      `version ${version} is not above the stable one (${before.stable.version}); modems take higher ones only`,
      'To take content back, build it again: it gets a higher version.',
    )
  const lines = (await context.knownLines()).length
  const share = flags.percent === undefined ? '' : `${flags.percent} % of `
  const what = `list ${context.list}: ${releaseText(release)}, for the modems of ${share}${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, release, chunks }))) return
  const head = await publishVersion(await context.tools(), archive, {
    list: context.list,
    version,
    ...(flags.percent === undefined ? {} : { percent: flags.percent }),
    spreadSeconds: flags.spread,
    progress: context.output.progress('chunks', chunks),
  })
  context.output.result({ version, head }, [
    `published ${releaseText(release)}; head sequence ${head.sequence}`,
  ])
}

const someLines = (lines: readonly string[]) =>
  `${counted(lines.length, 'line')} (${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''})`

async function status(context: Context): Promise<void> {
  const broker = await context.broker()
  const head = await mustHaveHead(broker, context.list)
  const { versions, failures } = await reportedLists(broker)
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
    ...[...versions].map(([version, lines]) => ['reported', `version ${version}: ${someLines(lines)}`]),
    ...[...failures].map(([code, lines]) => ['failing', `${code}: ${someLines(lines)}`]),
  ]
  context.output.result(
    {
      list: context.list,
      head,
      reported: Object.fromEntries(versions),
      failing: Object.fromEntries(failures),
    },
    table(rows),
  )
}

/** Signs a changed head; for what changes every modem at once. */
async function changeHead(
  context: Context,
  flags: ManyLines,
  says: string,
  change: (head: HeadDocument, nowMs: number) => HeadDocument,
): Promise<void> {
  const tools = await context.tools()
  const before = (await signedHead(tools, context.list)) ?? (await mustHaveHead(tools.broker, context.list))
  const head = change(before, context.world.now())
  const lines = (await context.knownLines()).length
  const what = `list ${context.list}: ${says}, for the modems of ${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, head }))) return
  await publishHead(tools, head)
  context.output.result({ head }, [`${says}; head sequence ${head.sequence}`])
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
    return context.output.result({ dryRun: true, obsolete }, [
      `dry run, nothing is changed: ${counted(obsolete.length, 'chunk')} would be cleared`,
    ])
  const progress = context.output.progress('clear', obsolete.length)
  for (const [i, topic] of obsolete.entries()) {
    await broker.publish(topic, '', true)
    progress(i + 1)
  }
  const removed = await new Archive(context.profile.archiveDir, context.list).prune(keep)
  context.output.result({ cleared: obsolete.length, removed }, [
    `cleared ${counted(obsolete.length, 'chunk')} from the broker, removed ${counted(removed.length, 'version')} from the archive`,
  ])
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
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  publishing.action((flags: PublishFlags) => within(world, publishing, (context) => publish(context, flags)))
  const showing = list.command('status').description('the head, and who reports which version')
  showing.action(() => within(world, showing, status))
  for (const [verb, says, done, change] of [
    ['promote', 'the candidate becomes stable for every modem', 'the candidate becomes stable', promoted],
    ['stop', 'withdraw the candidate', 'the candidate is withdrawn', withoutCandidate],
  ] as const) {
    const command = list
      .command(verb)
      .description(says)
      .option(...manyLines.dryRun)
      .option(...manyLines.yes)
    command.action((flags: ManyLines) =>
      within(world, command, (context) => changeHead(context, flags, done, change)),
    )
  }
  const allowing = list
    .command('allow')
    .description('lift a false positive: never block this name nor what is below it, whatever the list says')
    .argument('<name>')
    .option('--remove', 'end the exception')
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  allowing.action((name: string, flags: ManyLines & { remove?: boolean }) =>
    within(world, allowing, (context) =>
      changeHead(context, flags, `${name} is ${flags.remove ? 'no longer ' : ''}allowed`, (head, now) =>
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
