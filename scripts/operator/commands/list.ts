import type { Release } from '../../../module/blocklist/format/head.ts'
import type { HeadDocument } from '../../../module/control/documents/kinds.ts'
import { type AddCommands, type ManyLines, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { Archive } from '../list/archive.ts'
import { normaliseName } from '../list/name.ts'
import {
  headToGoOnFrom,
  heldHead,
  type ListReports,
  listReports,
  mustBe,
  nextHead,
  obsoleteChunks,
  promoted,
  publishHead,
  withoutCandidate,
} from '../list-head.ts'
import { buildAgain, publishVersion } from '../list-publish.ts'
import { releaseText, reportJson, reportRows } from '../list-report.ts'
import { spentAbove } from '../orders.ts'
import { bytesText, counted, linesText, table, timeText } from '../output.ts'
import { addBuildFlags, type BuildFlags, build, whole } from './list-build.ts'

interface PublishFlags extends BuildFlags, ManyLines {
  version?: number
  again?: number
  sequence?: number
  percent?: number
  spread?: number
}

const archiveOf = ({ profile, list }: Context) => new Archive(profile.archiveDir, list)

/** What is to be published: built now, or of the archive. */
async function toPublish(context: Context, archive: Archive, flags: PublishFlags) {
  if ([flags.input?.length, flags.version, flags.again].filter(Boolean).length > 1)
    throw usage('one of --input, --version and --again')
  if (flags.input?.length) {
    const { release, chunks, report } = await build(context, flags, flags.dryRun !== true)
    for (const row of reportRows(report)) context.output.note(row)
    return { release, chunks }
  }
  if (flags.again !== undefined && !flags.dryRun) {
    const { release, chunks } = await buildAgain(archive, context.list, flags.again)
    return { release, chunks: chunks.size }
  }
  const version = flags.version ?? flags.again ?? (await archive.latest())?.version
  if (version === undefined) throw usage('the archive is empty', 'Build a version, or name its --input here.')
  const { release, chunks } = await archive.load(version)
  return { release, chunks: chunks.size }
}

/** Whether it is what is stable already: chunks that somebody took away are put back, and the head lives on. */
function isStable({ version, result }: Release, { stable }: HeadDocument): boolean {
  return version === stable.version && result === stable.result
}

function refuseOlder(release: Release, before: HeadDocument, flags: PublishFlags): void {
  if (release.version > before.stable.version) return
  const named = flags.version !== undefined && flags.percent === undefined
  // A dry run of --again shows the version that would be repeated.
  if (flags.again !== undefined || (named && isStable(release, before))) return
  throw refused(
    'OPERATOR_LIST_OLDER',
    `version ${release.version} is not above the stable one (${before.stable.version}); modems take higher ones only`,
    `To take content back: \`list publish --again ${release.version}\` gives it a higher number. The stable version itself is published again by --version ${before.stable.version}.`,
  )
}

async function publish(context: Context, flags: PublishFlags): Promise<void> {
  const archive = archiveOf(context)
  const tools = await context.tools()
  const before = await headToGoOnFrom(tools, archive, context.list, flags.sequence !== undefined)
  const { release, chunks } = await toPublish(context, archive, flags)
  const { version } = release
  if (before) refuseOlder(release, before, flags)
  const lines = (await context.knownLines()).length
  const share = flags.percent === undefined ? '' : `${flags.percent} % of `
  const what = `list ${context.list}: ${releaseText(release)}, for the modems of ${share}${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, release, chunks }))) return
  const head = await publishVersion(tools, archive, {
    list: context.list,
    version,
    ...(flags.percent === undefined ? {} : { percent: flags.percent }),
    // A head that only lives on does not bring those who still wait all at once.
    spreadSeconds: flags.spread ?? (before?.stable.version === version ? before.spreadSeconds : 0),
    ...(flags.sequence === undefined ? {} : { sequence: flags.sequence }),
    progress: context.output.progress('chunks', chunks),
  })
  context.output.result({ version, head }, [
    `published ${releaseText(release)}; head sequence ${head.sequence}`,
  ])
}

function reportedRows({ versions, troubles }: ListReports): string[][] {
  const text = (lines: readonly string[]) =>
    `${counted(lines.length, 'line')} (${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''})`
  return [
    ...[...versions].map(([version, lines]) => ['reported', `version ${version}: ${text(lines)}`]),
    ...[...troubles].map(([trouble, lines]) => ['trouble', `${trouble}: ${text(lines)}`]),
  ]
}

/** An older head of ours is a replayed one; a newer one is another operator's, or a thief's who has our key. */
function besideLast({ sequence }: HeadDocument, last: HeadDocument | undefined): string {
  if (!last || last.sequence === sequence) return ''
  return last.sequence > sequence
    ? `  OLDER than ${last.sequence}, published last from here`
    : `  not published from here, where the last was ${last.sequence}`
}

/** What modems obey, which is what our keys have signed: another head is no news of the list. */
async function status(context: Context): Promise<void> {
  const tools = await context.tools()
  const { broker } = tools
  const reports = await listReports(broker)
  const { ours, foreign } = await heldHead(tools, context.list)
  if (foreign) {
    for (const row of table(reportedRows(reports))) context.output.note(row)
    await headToGoOnFrom(tools, archiveOf(context), context.list)
  }
  const head = mustBe(ours, context.list)
  const last = await archiveOf(context).head()
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
    ['sequence', `${head.sequence}${besideLast(head, last)}`],
    ['issued', timeText(head.issuedAt)],
    ['expires', `${timeText(head.expires)}${stale}`],
    ['allowed', head.allow.join(', ') || 'none'],
    ...reportedRows(reports),
  ]
  context.output.result(
    {
      list: context.list,
      head,
      reported: Object.fromEntries(reports.versions),
      troubles: Object.fromEntries(reports.troubles),
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
): Promise<HeadDocument | undefined> {
  const tools = await context.tools()
  const archive = archiveOf(context)
  const before = mustBe(await headToGoOnFrom(tools, archive, context.list), context.list)
  const head = change(before, context.world.now())
  const lines = (await context.knownLines()).length
  const what = `list ${context.list}: ${says}, for the modems of ${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, head }))) return undefined
  await publishHead(tools, archive, head)
  context.output.result({ head }, [`${says}; head sequence ${head.sequence}`])
  return before
}

/** Modems that have taken a candidate keep it: they take higher versions only. */
async function stop(context: Context, flags: ManyLines): Promise<void> {
  const before = await changeHead(context, flags, 'the candidate is withdrawn', withoutCandidate)
  const version = before?.candidate?.release.version
  if (!before || version === undefined) return
  const keeping = (await listReports(await context.broker())).versions.get(String(version)) ?? []
  if (keeping.length > 0)
    context.output.note(
      `version ${version} stays on ${counted(keeping.length, 'line')} until a higher one comes; \`list publish --again ${before.stable.version}\` gives every modem the content of version ${before.stable.version}`,
    )
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
  const archive = archiveOf(context)
  const head = mustBe(await headToGoOnFrom(await context.tools(), archive, context.list), context.list)
  const obsolete = await obsoleteChunks(broker, head)
  if (dryRun)
    return context.output.result({ dryRun: true, obsolete }, [
      `dry run, nothing is changed: ${counted(obsolete.length, 'chunk')} would be cleared`,
    ])
  const progress = context.output.progress('clear', obsolete.length)
  for (const [i, topic] of obsolete.entries()) {
    await broker.publish(topic, '', true)
    progress(i + 1)
  }
  const removed = await archive.prune(keep)
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
    .option(
      '--version <n>',
      'of the archive; the newest where left out. The stable one: its chunks are put back, and the head lives on',
      whole(1, 2 ** 31),
    )
    .option('--again <n>', 'the content of an archived version under the next number', whole(1, 2 ** 31))
    .option(
      '--sequence <n>',
      'of the head, instead of the next one; what the broker holds is replaced by what was published last from here',
      whole(1, spentAbove),
    )
    .option('--percent <n>', 'as a candidate, for a share of the modems', whole(1, 100))
    .option('--spread <seconds>', 'downloads start within so many seconds (0)', whole(0, 86_400))
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  publishing.action((flags: PublishFlags) => within(world, publishing, (context) => publish(context, flags)))
  const showing = list.command('status').description('the head, and who reports which version')
  showing.action(() => within(world, showing, status))
  for (const [verb, says, act] of [
    [
      'promote',
      'the candidate becomes stable for every modem',
      (context, flags) => changeHead(context, flags, 'the candidate becomes stable', promoted),
    ],
    ['stop', 'withdraw the candidate: no further modem takes it', stop],
  ] as const satisfies [string, string, (context: Context, flags: ManyLines) => Promise<unknown>][]) {
    const command = list
      .command(verb)
      .description(says)
      .option(...manyLines.dryRun)
      .option(...manyLines.yes)
    command.action((flags: ManyLines) =>
      within(world, command, async (context) => {
        await act(context, flags)
      }),
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
    within(world, allowing, async (context) => {
      const says = `${name} is ${flags.remove ? 'no longer ' : ''}allowed`
      await changeHead(context, flags, says, (head, now) => allowed(head, name, flags.remove === true, now))
    }),
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
