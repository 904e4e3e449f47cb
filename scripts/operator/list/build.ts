import { SecureNetError } from '../../../module/base/error.ts'
import { createEntrySetBuilder, type EntrySet, tagOf } from '../../../module/blocklist/format/entries.ts'
import { neverBlockCore } from '../../../module/blocklist/never-block.ts'
import { popularNames } from '../../../module/blocklist/update/popular-names.ts'
import { categories } from '../../../module/category.ts'
import { type BuildReport, type ChangeLimit, stopIfWrong } from './build-report.ts'
import { type Before, changeBetween } from './change.ts'
import { takeCovered } from './covered.ts'
import { checkEntry } from './entry-rules.ts'
import { type Drop, gather, type InputReport, type ListInput, type Names } from './gather.ts'
import {
  collisions,
  type GuardPolicy,
  guardCore,
  guardGate,
  guardPopular,
  guardShared,
  guardSuffixes,
  strict,
} from './guards.ts'
import { createHasher } from './hasher.ts'
import type { Source } from './lines.ts'
import { type Origins, originsOf } from './origins.ts'
import { readPopular } from './popular.ts'
import { type Country, sharedHosts } from './shared-hosts.ts'

export interface BuildOptions extends ChangeLimit {
  inputs: readonly ListInput[]
  /** Key of the name hash, 16 hexadecimal digits. */
  key: string
  /** Names never blocked, with everything below them; the module's own core unless told. */
  core?: readonly string[]
  /** Popular names, one a line or a ranking as CSV; no entry may block one. */
  popular?: Source
  /** Whose banks and authorities no entry may block, beside the hosts that very many share. */
  country?: Country
  /** Under it `<category>.<testZone>` is listed for every category. */
  testZone?: string
  /** More names than this are refused; 5,000,000 unless told. */
  mostNames?: number
  guards?: Partial<GuardPolicy>
  /** The version before, under its own key. */
  previous?: Before & { key: string }
  /** Every line that was not taken, as it is met; the report keeps the first thousand. */
  onDrop?: (drop: Drop) => void
  /** @param done lines or names so far in this step */
  onProgress?: (step: BuildStep, done: number) => void
}

export type BuildStep = 'read' | 'guard' | 'hash'

export interface BuiltList {
  set: EntrySet
  key: string
  report: BuildReport
  origins: Origins
}

const keptDrops = 1000
/** Measured on modems up to here (docs/list-format.md). */
const mostNames = 5_000_000

const inputTitle = ({ name, category }: ListInput) => `${name} (${categories[category] ?? category})`
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
      mostNames: options.mostNames ?? mostNames,
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
  const shared = sharedHosts(options.country)
  options.onProgress?.('guard', 0)
  const findings = [
    ...guardSuffixes(names, policy),
    ...guardCore(names, core, policy),
    ...guardGate(names, popularNames, policy),
    ...guardShared(names, shared, policy),
    ...guardPopular(names, popular, policy),
  ]
  // After the guards: what they leave out, or make exact, covers nothing.
  const covered = takeCovered(names)
  for (const { name, category } of testNames(options.testZone ?? defaultTestZone))
    if (!names.has(name)) names.set(name, { category, scope: 'exact', input: -1 })
  options.onProgress?.('guard', names.size)

  const set = setOf(names, options.key, (done) => options.onProgress?.('hash', done))
  findings.push(
    ...collisions(set, names, [...core, ...popularNames, ...shared, ...popular], createHasher(options.key)),
  )
  const { previous } = options
  // Under the key of the version before, or nothing could be compared.
  const comparable = previous && (previous.key === options.key ? set : setOf(names, previous.key))
  const report: BuildReport = {
    inputs,
    drops,
    findings,
    names: set.count,
    covered: covered.size,
    byCategory: categoryCounts(names),
    unexpressed: inputs.flatMap(({ unexpressed }) => unexpressed),
    popular: popular.length,
    shared: shared.length,
    ...(previous && comparable
      ? { change: changeBetween(previous, comparable, setOf(covered, previous.key)) }
      : {}),
  }
  stopIfWrong(report, options)
  return {
    set,
    key: options.key,
    report,
    origins: originsOf(set, names, options.key, options.inputs.map(inputTitle)),
  }
}
