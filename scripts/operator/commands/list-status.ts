import type { HeadDocument } from '../../../module/control/documents/kinds.ts'
import type { Context } from '../context.ts'
import { refused } from '../exit.ts'
import { headToGoOnFrom, heldHead, type ListReports, lastHead, listReports, mustBe } from '../list-head.ts'
import { releaseText } from '../list-report.ts'
import { bytesText, counted, table, timeText } from '../output.ts'
import { someOf, sweepAll } from '../reports.ts'

function reportedRows({ lines, reported, versions, troubles }: ListReports): string[][] {
  const text = (lines: readonly string[]) =>
    `${counted(lines.length, 'line')} (${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ', …' : ''})`
  return [
    ['reports', `of ${reported} of ${counted(lines, 'line')}`],
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
export async function listStatus(context: Context): Promise<void> {
  const tools = await context.tools()
  const { failed } = await sweepAll(context)
  const reports = listReports(await context.lines())
  const { ours, foreign } = await heldHead(tools, context.list)
  if (foreign) {
    for (const row of table(reportedRows(reports))) context.output.note(row)
    await headToGoOnFrom(tools, context.list)
  }
  const head = mustBe(ours, context.list)
  const { head: last } = await lastHead(tools, context.list)
  context.output.result(
    {
      list: context.list,
      head,
      lines: { known: reports.lines, reported: reports.reported, unreadable: failed },
      reported: Object.fromEntries(reports.versions),
      troubles: Object.fromEntries(reports.troubles),
    },
    table([...headRows(context, head, last), ...reportedRows(reports)]),
  )
  const [first] = failed
  if (first)
    throw refused(
      first.code,
      `the reports of ${counted(failed.length, 'line')} could not be read: ${someOf(failed.map(({ lineId }) => lineId))}`,
      'What is shown of them is what the register has. See the broker’s access list.',
    )
}

function headRows(context: Context, head: HeadDocument, last: HeadDocument | undefined): string[][] {
  const stale = head.expires * 1000 < context.world.now() ? '  EXPIRED' : ''
  return [
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
  ]
}
