import type { Release } from '../../module/blocklist/head.ts'
import { categories } from '../../module/category.ts'
import type { BuildReport } from './list/build.ts'
import { bytesText, counted } from './output.ts'

/** A release in a line. */
export const releaseText = (release: Release) =>
  `version ${release.version}, ${counted(release.names, 'name')}, ${counted(release.snapshot.chunks.length, 'chunk')}, ${bytesText(release.snapshot.bytes)}`

/** What the builder found, for a person. */
export function reportRows(report: BuildReport): string[] {
  const rows = report.inputs.map((input) => {
    const drops = [...input.dropped].map(([reason, count]) => `${count} ${reason}`).join(', ')
    return `${input.name}: ${input.format}, ${input.lines} lines, ${input.taken} names, ${input.duplicates} duplicates${drops ? `, dropped ${drops}` : ''}`
  })
  for (const { guard, name, action, hits } of report.findings)
    rows.push(`guard ${guard}: ${name}${hits ? ` (hits ${hits})` : ''}: ${action}`)
  const { change } = report
  if (change)
    rows.push(
      `against the version before: ${change.added} added, ${change.removed} removed, ${change.percent.toFixed(1)} %`,
    )
  return rows
}

/** Maps as JSON has them. */
export const reportJson = (report: BuildReport) => ({
  ...report,
  inputs: report.inputs.map((input) => ({ ...input, dropped: Object.fromEntries(input.dropped) })),
  byCategory: Object.fromEntries(
    [...report.byCategory].map(([number, count]) => [categories[number] ?? number, count]),
  ),
})
