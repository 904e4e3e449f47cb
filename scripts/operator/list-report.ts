import type { Release } from '../../module/blocklist/format/head.ts'
import { categories } from '../../module/category.ts'
import { type BuildReport, changeText } from './list/build-report.ts'
import type { InputReport } from './list/gather.ts'
import type { Finding } from './list/guards.ts'
import { bytesText, counted } from './output.ts'

/** A release in a line. */
export const releaseText = (release: Release) =>
  `version ${release.version}, ${counted(release.names, 'name')}, ${counted(release.snapshot.chunks.length, 'chunk')}, ${bytesText(release.snapshot.bytes)}`

/** A wrong guess reads trees as single names, or nothing: said before anything else. */
function guessRows({ name, format, others }: InputReport): string[] {
  return [...others].map(
    ([other, lines]) =>
      `WARNING ${name} is read as ${format}, which most of its first lines look like; ${counted(lines, 'line')} of them ${lines === 1 ? 'looks' : 'look'} like ${other}. Name the format: FILE:CATEGORY:FORMAT`,
  )
}

function inputRow({ name, format, lines, taken, duplicates, excepted, dropped }: InputReport): string {
  const parts = [format, counted(lines, 'line'), counted(taken, 'name'), counted(duplicates, 'duplicate')]
  if (excepted > 0) parts.push(`${excepted} taken back by exceptions`)
  const drops = [...dropped].map(([reason, count]) => `${count} ${reason}`)
  if (drops.length > 0) parts.push(`dropped ${drops.join(', ')}`)
  if (taken + duplicates === 0) parts.push(`nothing was taken: is it ${format} (FILE:CATEGORY:FORMAT)?`)
  return `${name}: ${parts.join(', ')}`
}

const rowsOfAGuard = 20
const rank = { stop: 0, demote: 1, drop: 2 } as const

/** What stops the build first; a list may have thousands of slips of one kind. */
function findingRows(findings: readonly Finding[]): string[] {
  const kinds = new Map<string, Finding[]>()
  for (const finding of [...findings].sort((a, b) => rank[a.action] - rank[b.action])) {
    const kind = `${finding.guard} ${finding.action}`
    const alike = kinds.get(kind)
    if (alike) alike.push(finding)
    else kinds.set(kind, [finding])
  }
  return [...kinds.values()].flatMap((alike) => {
    const rows = alike
      .slice(0, rowsOfAGuard)
      .map(
        ({ guard, name, action, hits }) =>
          `guard ${guard}: ${name || '.'}${hits ? ` (hits ${hits})` : ''}: ${action}`,
      )
    const more = alike.length - rows.length
    const [first] = alike
    if (first && more > 0) rows.push(`guard ${first.guard}: ${more} more: ${first.action} (--json has all)`)
    return rows
  })
}

/** What the builder found, for a person. */
export function reportRows(report: BuildReport): string[] {
  const rows = [
    ...report.inputs.flatMap(guessRows),
    ...report.inputs.map(inputRow),
    ...findingRows(report.findings),
  ]
  if (report.covered > 0)
    rows.push(
      `${counted(report.covered, 'name')} below a listed name of the same category: blocked with it, without an entry`,
    )
  const hosts = `${counted(report.shared, 'host')} that many share`
  rows.push(
    report.popular > 0
      ? `no entry may block one of ${counted(report.popular, 'popular name')} or of ${hosts}`
      : `WARNING no --popular FILE: no entry may block one of ${hosts}, but nothing guards the other sites that people need`,
  )
  const { unexpressed } = report
  if (unexpressed.length > 0)
    rows.push(
      `${counted(unexpressed.length, 'exception')} under a name that stays blocked, for \`list allow NAME\`: ${unexpressed.slice(0, rowsOfAGuard).join(', ')}${unexpressed.length > rowsOfAGuard ? ', … (--json has all)' : ''}`,
    )
  const { change } = report
  if (change)
    rows.push(
      `against the version before: ${changeText(change)}`,
      ...change.parts.map((part) => `${part.kind} ${part.name}: ${changeText(part)}`),
    )
  return rows
}

/** Maps as JSON has them. */
export const reportJson = (report: BuildReport) => ({
  ...report,
  inputs: report.inputs.map((input) => ({
    ...input,
    others: Object.fromEntries(input.others),
    dropped: Object.fromEntries(input.dropped),
  })),
  byCategory: Object.fromEntries(
    [...report.byCategory].map(([number, count]) => [categories[number] ?? number, count]),
  ),
})
