import type { Release } from '../../../module/blocklist/format/head.ts'
import { isWide } from '../../../module/blocklist/wide-names.ts'
import type { HeadDocument } from '../../../module/control/documents/kinds.ts'
import { type AddCommands, type ManyLines, manyLines, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { refused, usage } from '../exit.ts'
import { Archive } from '../list/archive.ts'
import { normaliseName } from '../list/name.ts'
import {
  headToGoOnFrom,
  listReports,
  mustBe,
  nextHead,
  obsoleteChunks,
  promoted,
  publishHead,
  withoutCandidate,
} from '../list-head.ts'
import { buildAgain, mustHaveStable, publishVersion } from '../list-publish.ts'
import { releaseText, reportJson, reportRows } from '../list-report.ts'
import { spentAbove } from '../numbers.ts'
import { counted, linesText } from '../output.ts'
import { sweepAll } from '../reports.ts'
import { Slots } from '../slots.ts'
import { addBuildFlags, type BuildFlags, build, whole } from './list-build.ts'
import { listStatus } from './list-status.ts'

interface PublishFlags extends BuildFlags, ManyLines {
  version?: number
  again?: number
  sequence?: number
  percent?: number
  spread?: number
  largeChange?: boolean
}

const archiveOf = ({ profile, list }: Context) => new Archive(profile.archiveDir, list)

/** @throws OperatorError before a long build, and not after it */
function mustHaveArchive(context: Context): void {
  archiveOf(context)
}

/** What is to be published: built now, or of the archive. `save` puts it there, once it is agreed to. */
async function toPublish(context: Context, archive: Archive, flags: PublishFlags) {
  if ([flags.input?.length, flags.version, flags.again].filter(Boolean).length > 1)
    throw usage('one of --input, --version and --again')
  if (flags.input?.length) {
    const built = await build(context, flags)
    for (const row of reportRows(built.report)) context.output.note(row)
    return built
  }
  if (flags.again !== undefined) return buildAgain(archive, context.list, flags.again)
  const version = flags.version ?? (await archive.latest())?.version
  if (version === undefined) throw usage('the archive is empty', 'Build a version, or name its --input here.')
  const { release, chunks } = await archive.load(version)
  return { release, chunks: chunks.size, save: async () => undefined }
}

/** Whether it is what is stable already: chunks that somebody took away are put back, and the head lives on. */
function isStable({ version, result }: Release, { stable }: HeadDocument): boolean {
  return version === stable.version && result === stable.result
}

function refuseOlder(release: Release, before: HeadDocument, flags: PublishFlags): void {
  if (release.version > before.stable.version) return
  const named = flags.version !== undefined && flags.percent === undefined
  if (named && isStable(release, before)) return
  throw refused(
    'OPERATOR_LIST_OLDER',
    `version ${release.version} is not above the stable one (${before.stable.version}); modems take higher ones only`,
    `To take content back: \`list publish --again ${release.version}\` gives it a higher number. The stable version itself is published again by --version ${before.stable.version}.`,
  )
}

async function publish(context: Context, flags: PublishFlags): Promise<void> {
  const archive = archiveOf(context)
  const tools = await context.tools()
  const { head: before } = await headToGoOnFrom(tools, context.list, flags.sequence !== undefined)
  mustHaveStable(before, flags.percent)
  const { release, chunks, save } = await toPublish(context, archive, flags)
  const { version } = release
  if (before) refuseOlder(release, before, flags)
  const lines = await context.lineCount()
  const share = flags.percent === undefined ? '' : `${flags.percent} % of `
  const what = `list ${context.list}: ${releaseText(release)}, for the modems of ${share}${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, release, chunks }))) return
  await context.act()
  await save()
  const head = await publishVersion(tools, archive, {
    list: context.list,
    version,
    ...(flags.percent === undefined ? {} : { percent: flags.percent }),
    // A head that only lives on does not bring those who still wait all at once.
    spreadSeconds: flags.spread ?? (before?.stable.version === version ? before.spreadSeconds : 0),
    ...(flags.sequence === undefined ? {} : { sequence: flags.sequence }),
    largeChange: flags.largeChange ?? false,
    progress: context.output.progress('chunks', chunks),
  })
  context.output.result({ version, head }, [
    `published ${releaseText(release)}; head sequence ${head.sequence}`,
  ])
}

/** Signs a changed head; for what changes every modem at once. */
async function changeHead(
  context: Context,
  flags: ManyLines,
  says: string,
  change: (head: HeadDocument, nowMs: number) => HeadDocument,
): Promise<HeadDocument | undefined> {
  const tools = await context.tools()
  const from = await headToGoOnFrom(tools, context.list)
  const before = mustBe(from.head, context.list)
  const head = change(before, context.world.now())
  const lines = await context.lineCount()
  const what = `list ${context.list}: ${says}, for the modems of ${linesText(lines)}`
  if (!(await context.agreed(what, flags, { lines, head }))) return undefined
  await publishHead(tools, from, head)
  context.output.result({ head }, [`${says}; head sequence ${head.sequence}`])
  return before
}

/** Modems that have taken a candidate keep it: they take higher versions only. */
async function stop(context: Context, flags: ManyLines): Promise<void> {
  const before = await changeHead(context, flags, 'the candidate is withdrawn', withoutCandidate)
  const version = before?.candidate?.release.version
  if (!before || version === undefined) return
  await sweepAll(context)
  const keeping = listReports(await context.lines()).versions.get(String(version)) ?? []
  if (keeping.length > 0)
    context.output.note(
      `version ${version} stays on ${counted(keeping.length, 'line')} until a higher one comes; \`list publish --again ${before.stable.version}\` gives every modem the content of version ${before.stable.version}`,
    )
}

function allowed(head: HeadDocument, text: string, remove: boolean, nowMs: number): HeadDocument {
  const name = normaliseName(text)
  if (!name.ok) throw usage(`${text} is no name (${name.fault})`)
  if (!remove && isWide(name.name))
    throw usage(
      `${name.name} is a name under which strangers have theirs: modems refuse a head that excepts it`,
    )
  const rest = head.allow.filter((each) => each !== name.name)
  if (remove && rest.length === head.allow.length)
    throw refused('OPERATOR_NOT_ALLOWED', `${name.name} is not among the exceptions`)
  return nextHead(head, { allow: remove ? rest : [...rest, name.name] }, nowMs)
}

async function prune(context: Context, keep: number, dryRun: boolean | undefined): Promise<void> {
  const tools = await context.tools()
  const archive = archiveOf(context)
  const head = mustBe((await headToGoOnFrom(tools, context.list)).head, context.list)
  const published = (await archive.published()).map(({ release }) => release)
  const obsolete = obsoleteChunks(published, head)
  if (dryRun)
    return context.output.result({ dryRun: true, obsolete }, [
      `dry run, nothing is changed: ${counted(obsolete.length, 'chunk')} of published versions would be cleared where they are`,
    ])
  await context.act()
  const progress = context.output.progress('clear', obsolete.length)
  let done = 0
  const slots = new Slots(16)
  await Promise.all(
    obsolete.map((topic) => slots.run(() => tools.broker.put(topic, '').then(() => progress(++done)))),
  )
  const removed = await archive.prune(keep)
  context.output.result({ cleared: obsolete.length, removed }, [
    `${counted(obsolete.length, 'chunk')} of published versions are not on the broker any more, removed ${counted(removed.length, 'version')} from the archive`,
  ])
}

export const addListCommands: AddCommands = (program, world) => {
  const list = program.command('list').description('build, publish and watch the blocklist')
  addMaking(list, world)
  const showing = list.command('status').description('the head, and who reports which version')
  showing.action(() => within(world, showing, listStatus))
  addChanging(list, world)
  const pruning = list
    .command('prune')
    .description('clear chunks that no head names, and old versions of the archive')
    .option('--keep <n>', 'versions kept in the archive', whole(1, 1000), 10)
    .option(...manyLines.dryRun)
  pruning.action((flags: { keep: number; dryRun?: boolean }) =>
    within(world, pruning, (context) => prune(context, flags.keep, flags.dryRun)),
  )
}

const addMaking: AddCommands = (list, world) => {
  const building = addBuildFlags(
    list.command('build').description('read and check, as publish would; needs no broker and no profile'),
  ).option('--keep', 'put it into the archive as the next version, for `list publish`')
  building.action((flags: BuildFlags & { keep?: boolean }) =>
    within(world, building, async (context) => {
      if (flags.keep) mustHaveArchive(context)
      const { release, report, save } = await build(context, flags)
      if (flags.keep) await save()
      const text = releaseText(release)
      context.output.result({ kept: flags.keep === true, release, report: reportJson(report) }, [
        ...reportRows(report),
        flags.keep ? `built ${text}` : `would be ${text}; nothing is kept (--keep)`,
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
    .option(
      '--large-change',
      'it has many more or fewer names than the one before; the fleet key signs as well',
    )
    .option('--percent <n>', 'as a candidate, for a share of the modems', whole(1, 100))
    .option('--spread <seconds>', 'downloads start within so many seconds (0)', whole(0, 86_400))
    .option(...manyLines.dryRun)
    .option(...manyLines.yes)
  publishing.action((flags: PublishFlags) => within(world, publishing, (context) => publish(context, flags)))
}

const addChanging: AddCommands = (list, world) => {
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
}
