import { SecureNetError } from '../../../module/base/error.ts'
import { createEntrySetBuilder, type EntrySet, tagOf } from '../../../module/blocklist/format/entries.ts'
import { neverBlockCore } from '../../../module/blocklist/never-block.ts'
import { popularNames } from '../../../module/blocklist/update/popular-names.ts'
import { categories } from '../../../module/category.ts'
import { type Change, changeBetween } from './change.ts'
import { checkEntry } from './entry-rules.ts'
import { type Drop, gather, type InputReport, type ListInput, type Names } from './gather.ts'
import {
  collisions,
  type Finding,
  type GuardPolicy,
  guardCore,
  guardGate,
  guardPopular,
  guardSuffixes,
  neverEntries,
  strict,
} from './guards.ts'
import { createHasher } from './hasher.ts'
import type { Source } from './lines.ts'
import { readPopular } from './popular.ts'

export interface BuildOptions {
  inputs: readonly ListInput[]
  /** Key of the name hash, 16 hexadecimal digits. */
  key: string
  /** Names never blocked, with everything below them; the module's own core unless told. */
  core?: readonly string[]
  /** Popular names, one a line or a ranking as CSV; no entry may block one. */
  popular?: Source
  /** Under it `<category>.<testZone>` is listed for every category. */
  testZone?: string
  guards?: Partial<GuardPolicy>
  /** The version before, under its own key. */
  previous?: { set: EntrySet; key: string }
  /** More change than this against `previous` needs `force`; 10 unless told. */
  maxChangePercent?: number
  force?: boolean
  /** Every line that was not taken, as it is met; the report keeps the first thousand. */
  onDrop?: (drop: Drop) => void
  /** @param done lines or names so far in this step */
  onProgress?: (step: BuildStep, done: number) => void
}

export type BuildStep = 'read' | 'guard' | 'hash'

export interface BuildReport {
  inputs: readonly InputReport[]
  /** The first thousand; all of them go to `onDrop`. */
  drops: readonly Drop[]
  findings: readonly Finding[]
  /** Entries of the set, test names included. */
  names: number
  byCategory: ReadonlyMap<number, number>
  /** Exceptions that the list cannot express: for the head's `allow`. */
  unexpressed: readonly string[]
  /** Popular names that no entry may block. */
  popular: number
  change?: Change
}

export interface BuiltList {
  set: EntrySet
  key: string
  report: BuildReport
}

/** A guard stopped the build; `report` says what all the guards found. */
export class BuildStopped extends SecureNetError {
  readonly report: BuildReport

  constructor(code: string, message: string, remedy: string, report: BuildReport) {
    super(code, message, remedy)
    this.report = report
  }
}

const keptDrops = 1000
const neverExempt: ReadonlySet<Finding['guard']> = new Set([...neverEntries, 'core', 'gate'])
export const defaultTestZone = 'test.securenet.example'

/** Always exact: they say that a list is at work, and must block nothing else. */
export function testNames(testZone: string): { name: string; category: number }[] {
  return categories.map((category, number) => ({ name: `${category}.${testZone}`, category: number }))
}

/**
 * @returns the set of these names under a key
 * @throws SecureNetError LIST_KEY; LIST_ENTRY where a name can be no entry
 */
export function setOf(names: Names, key: string, onProgress: (done: number) => void = () => {}): EntrySet {
  const hasher = createHasher(key)
  const builder = createEntrySetBuilder(names.size)
  let done = 0
  for (const [name, gathered] of names) {
    checkEntry(name, gathered)
    const { category, scope } = gathered
    hasher.hash(name)
    builder.add(hasher.hi, hasher.lo, tagOf(category, scope))
    done += 1
    if (done % 65_536 === 0) onProgress(done)
  }
  onProgress(done)
  return builder.build()
}

async function gatherAll(names: Names, options: BuildOptions) {
  const drops: Drop[] = []
  const inputs: InputReport[] = []
  let before = 0
  for (const [index, input] of options.inputs.entries()) {
    const report = await gather(names, input, index, {
      onDrop(drop) {
        if (drops.length < keptDrops) drops.push(drop)
        options.onDrop?.(drop)
      },
      onLines: (lines) => options.onProgress?.('read', before + lines),
    })
    inputs.push(report)
    before += report.lines
  }
  return { drops, inputs }
}

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

function emptyMessage(inputs: readonly InputReport[]): string {
  const dropped = inputs
    .flatMap((input) => [...input.dropped.values()])
    .reduce((sum, count) => sum + count, 0)
  const read = inputs.map(({ name, format }) => `${name} as ${format}`).join(', ')
  return `no name was found in ${read}: ${dropped} lines dropped`
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

function stopOnChange(report: BuildReport, { maxChangePercent = 10, force = false }: BuildOptions): void {
  const { change } = report
  if (!change || force || change.percent <= maxChangePercent) return
  throw new BuildStopped(
    'LIST_CHANGE',
    `${change.percent.toFixed(1)} % of the list would change (${change.added} added, ${change.removed} removed), more than ${maxChangePercent} %`,
    'If the sources are right, build again with --force.',
    report,
  )
}

function categoryCounts(names: Names): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { category } of names.values()) counts.set(category, (counts.get(category) ?? 0) + 1)
  return counts
}

/**
 * Reads the inputs, applies the guards, hashes.
 * @throws BuildStopped LIST_GUARD, LIST_CHANGE, LIST_EMPTY with the whole report
 * @throws SecureNetError LIST_KEY, LIST_ENTRY, LIST_INPUT, LIST_POPULAR
 */
export async function buildList(options: BuildOptions): Promise<BuiltList> {
  const names: Names = new Map()
  const { drops, inputs } = await gatherAll(names, options)
  const taken = names.size
  const core = options.core ?? neverBlockCore
  const policy: GuardPolicy = { ...strict, ...options.guards }
  const popular = options.popular === undefined ? [] : await readPopular(options.popular)
  // A guard that knows no name would pass everything, and nobody would notice.
  if (options.popular !== undefined && popular.length === 0)
    throw new SecureNetError(
      'LIST_POPULAR',
      'no name was found in the file of popular names',
      'One name a line, or a ranking as CSV (rank,name).',
    )
  options.onProgress?.('guard', 0)
  const findings = [
    ...guardSuffixes(names, policy),
    ...guardCore(names, core, policy),
    ...guardGate(names, popularNames, policy),
    ...guardPopular(names, popular, policy),
  ]
  for (const { name, category } of testNames(options.testZone ?? defaultTestZone))
    if (!names.has(name)) names.set(name, { category, scope: 'exact', input: -1 })
  options.onProgress?.('guard', names.size)

  const set = setOf(names, options.key, (done) => options.onProgress?.('hash', done))
  findings.push(...collisions(set, names, [...core, ...popularNames, ...popular], createHasher(options.key)))
  const { previous } = options
  // Under the key of the version before, or nothing could be compared.
  const comparable = previous && (previous.key === options.key ? set : setOf(names, previous.key))
  const report: BuildReport = {
    inputs,
    drops,
    findings,
    names: set.count,
    byCategory: categoryCounts(names),
    unexpressed: inputs.flatMap(({ unexpressed }) => unexpressed),
    popular: popular.length,
    ...(previous && comparable ? { change: changeBetween(previous.set, comparable) } : {}),
  }
  stopOnFindings(report)
  if (taken === 0)
    throw new BuildStopped(
      'LIST_EMPTY',
      emptyMessage(inputs),
      'Is the format the right one (--input FILE:CATEGORY:FORMAT)? --drops FILE lists the lines.',
      report,
    )
  stopOnChange(report, options)
  return { set, key: options.key, report }
}
