import { core as ownCore } from '../../../module/blocklist/core.ts'
import { createEntrySetBuilder, type EntrySet, tagOf } from '../../../module/blocklist/entries.ts'
import { categories } from '../../../module/category.ts'
import { SecureNetError } from '../../../module/error.ts'
import { type Change, changeBetween } from './change.ts'
import { checkEntry } from './entry-rules.ts'
import { type Drop, gather, type InputReport, type ListInput, type Names } from './gather.ts'
import {
  collisions,
  type Finding,
  type GuardPolicy,
  guardCore,
  guardPopular,
  guardSuffixes,
  neverEntries,
  strict,
} from './guards.ts'
import { createHasher } from './hasher.ts'
import { lineBatches, type Source } from './lines.ts'
import { normaliseName } from './name.ts'

export interface BuildOptions {
  inputs: readonly ListInput[]
  /** Key of the name hash, 16 hexadecimal digits. */
  key: string
  /** Names never blocked, with everything below them; the module's own core unless told. */
  core?: readonly string[]
  /** Popular names, one a line (or `rank,name`); no entry may block one. */
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

  constructor(code: string, message: string, wayOut: string, report: BuildReport) {
    super(code, message, wayOut)
    this.report = report
  }
}

const keptDrops = 1000
export const defaultTestZone = 'test.securenet.example'

/** @returns the names of a popular-names file: one a line, or `rank,name` as such rankings are published */
async function readNames(source: Source): Promise<string[]> {
  const names: string[] = []
  for await (const batch of lineBatches(source)) {
    for (const line of batch) {
      const text = line.slice(line.lastIndexOf(',') + 1).trim()
      const found = text.startsWith('#') ? undefined : normaliseName(text)
      if (found?.ok && found.name !== '') names.push(found.name)
    }
  }
  return names
}

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

function wayOut(guard: Finding['guard']): string {
  if (guard === 'collision') return 'Build again with another key: --new-key.'
  const leaveOut = 'Correct the source, or leave such entries out (--drop-findings)'
  return neverEntries.has(guard)
    ? `${leaveOut}.`
    : `${leaveOut}, or block this one all the same (--exempt NAME).`
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
    wayOut(first.guard),
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
 * @throws SecureNetError LIST_KEY, LIST_ENTRY
 */
export async function buildList(options: BuildOptions): Promise<BuiltList> {
  const names: Names = new Map()
  const { drops, inputs } = await gatherAll(names, options)
  const taken = names.size
  const core = options.core ?? ownCore
  const policy: GuardPolicy = { ...strict, ...options.guards }
  const popular = options.popular === undefined ? [] : await readNames(options.popular)
  options.onProgress?.('guard', 0)
  const findings = [
    ...guardSuffixes(names, policy),
    ...guardCore(names, core, policy),
    ...guardPopular(names, popular, policy),
  ]
  for (const { name, category } of testNames(options.testZone ?? defaultTestZone))
    if (!names.has(name)) names.set(name, { category, scope: 'exact', input: -1 })
  options.onProgress?.('guard', names.size)

  const set = setOf(names, options.key, (done) => options.onProgress?.('hash', done))
  findings.push(...collisions(set, names, [...core, ...popular], createHasher(options.key)))
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
    ...(previous && comparable ? { change: changeBetween(previous.set, comparable) } : {}),
  }
  stopOnFindings(report)
  if (taken === 0)
    throw new BuildStopped(
      'LIST_EMPTY',
      'no name was found in the inputs',
      'Look at the dropped lines: is the format the right one?',
      report,
    )
  stopOnChange(report, options)
  return { set, key: options.key, report }
}
