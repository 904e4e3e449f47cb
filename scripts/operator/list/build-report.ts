import { SecureNetError } from '../../../module/base/error.ts'
import { type Change, type ChangedPart, percentOf } from './change.ts'
import type { Drop, InputReport } from './gather.ts'
import { type Finding, neverEntries } from './guards.ts'

export interface BuildReport {
  inputs: readonly InputReport[]
  /** The first thousand; all of them go to `onDrop`. */
  drops: readonly Drop[]
  findings: readonly Finding[]
  /** Entries of the set, test names included. */
  names: number
  byCategory: ReadonlyMap<number, number>
  /** Names without an entry: a listed tree of their category is above them. */
  covered: number
  /** Exceptions that the list cannot express: for the head's `allow`. */
  unexpressed: readonly string[]
  /** Popular names that no entry may block. */
  popular: number
  /** Hosts that very many share, which no entry may block. */
  shared: number
  change?: Change
}

/** A guard stopped the build; `report` says what all the guards found. */
export class BuildStopped extends SecureNetError {
  readonly report: BuildReport

  constructor(code: string, message: string, remedy: string, report: BuildReport) {
    super(code, message, remedy)
    this.report = report
  }
}

const neverExempt: ReadonlySet<Finding['guard']> = new Set([...neverEntries, 'core', 'gate'])

/** One for each kind of guard that stopped the build: what helps against one does nothing against another. */
function waysOut(stopping: readonly Finding[]): string {
  const guards = new Set(stopping.map(({ guard }) => guard))
  const ways: string[] = []
  if (guards.delete('collision')) ways.push('Build again with another key: --new-key.')
  if (guards.size > 0) ways.push('Correct the source, or leave such entries out: --drop-findings.')
  if (guards.has('core') || guards.has('gate'))
    ways.push('No name is exempt from the core or the gate: modems refuse such a list as a whole.')
  const exemptible = [...guards].filter((guard) => !neverExempt.has(guard))
  if (exemptible.length > 0)
    ways.push(`What is to be blocked all the same: --exempt NAME (${exemptible.join(', ')}).`)
  return ways.join(' ')
}

function stopOnFindings(report: BuildReport): void {
  const stopping = report.findings.filter(({ action }) => action === 'stop')
  const first = stopping[0]
  if (!first) return
  const input = report.inputs[first.input]?.name ?? '?'
  const hits = first.hits === undefined ? '' : `, which hits ${first.hits}`
  const more = stopping.length > 1 ? ` and ${stopping.length - 1} more` : ''
  throw new BuildStopped(
    'LIST_GUARD',
    `guard ${first.guard}: "${first.name || '.'}" of ${input}${hits}${more}`,
    waysOut(stopping),
    report,
  )
}

/** A list is as right as its worst source: one that has nothing would withdraw what it gave. */
function stopOnEmpty(report: BuildReport): void {
  const empty = report.inputs.find(({ names }) => names === 0)
  if (report.inputs.length > 0 && !empty) return
  const dropped = [...(empty?.dropped.values() ?? [])].reduce((sum, count) => sum + count, 0)
  throw new BuildStopped(
    'LIST_EMPTY',
    empty
      ? `no name was found in ${empty.name} as ${empty.format}: ${dropped} lines dropped`
      : 'there is no input',
    'Is the file whole, and the format the right one (--input FILE:CATEGORY:FORMAT)? --drops FILE lists the lines. A source that has ended is left out.',
    report,
  )
}

export interface ChangeLimit {
  /** More change than this against the version before needs `force`; 10 unless told. */
  maxChangePercent?: number
  force?: boolean
}

/** So few entries of a category or an input come and go in an hour, however small it is. */
const few = 10
/** A category of the list before that has but its test name. */
const onlyTestName = 1

function isTooMuch({ before, added, removed }: ChangedPart, most: number): boolean {
  const came = before > onlyTestName && added > few && (100 * added) / before > most
  const share = (100 * removed) / Math.max(1, before)
  return came || (share > most && (removed > few || share >= 50))
}

/** `12 of 300 names would go (4 %), 1200 would come (5 times as many as before)` */
export function changeText({ before, added, removed }: Omit<ChangedPart, 'kind' | 'name'>): string {
  const went = `${removed} of ${before} names would go`
  const share = (part: number) => `${Number(((100 * part) / Math.max(1, before)).toFixed(1))} %`
  const after = before + added - removed
  const growth =
    after >= 2 * before && before > 0 ? `: ${Math.round(after / before)} times as many` : ` (${share(added)})`
  return `${went} (${share(removed)}), ${added} would come${growth}`
}

function stopOnChange(report: BuildReport, { maxChangePercent = 10, force = false }: ChangeLimit): void {
  const { change } = report
  if (!change || force) return
  const [worst] = change.parts
    .filter((part) => isTooMuch(part, maxChangePercent))
    .sort((a, b) => a.kind.localeCompare(b.kind) || percentOf(b) - percentOf(a))
  if (change.percent <= maxChangePercent && !worst) return
  const of =
    change.percent > maxChangePercent || !worst
      ? (['the list', change] as const)
      : ([`${worst.kind} ${worst.name}`, worst] as const)
  throw new BuildStopped(
    'LIST_CHANGE',
    `${of[0]}: ${changeText(of[1])}, more than ${maxChangePercent} %`,
    'Is every source there, and whole? If they are right, build again with --force.',
    report,
  )
}

/** @throws BuildStopped LIST_GUARD, LIST_EMPTY, LIST_CHANGE */
export function stopIfWrong(report: BuildReport, limit: ChangeLimit): void {
  stopOnFindings(report)
  stopOnEmpty(report)
  stopOnChange(report, limit)
}
