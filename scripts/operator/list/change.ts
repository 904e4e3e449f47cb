import { categoryOf, type EntrySet } from '../../../module/blocklist/format/entries.ts'
import { categories } from '../../../module/category.ts'
import { difference } from './encode.ts'
import { findHash } from './find-hash.ts'
import type { Origins } from './origins.ts'

/** What changes of one category, or of what one input gave. */
export interface ChangedPart {
  kind: 'category' | 'input'
  name: string
  /** Entries of the version before. */
  before: number
  added: number
  removed: number
}

export interface Change {
  /** Entries of the version before. */
  before: number
  added: number
  removed: number
  /** The larger of both, of the set before. */
  percent: number
  /** Those of which anything changes. */
  parts: readonly ChangedPart[]
}

/** The version before, under the key of the set that it is held against. */
export interface Before {
  set: EntrySet
  /** Which input gave each entry; of versions that were archived without it, nothing is said of inputs. */
  origins?: Origins
}

export function percentOf({ before, added, removed }: Omit<ChangedPart, 'kind' | 'name'>): number {
  return (100 * Math.max(added, removed)) / Math.max(1, before)
}

function createParts() {
  const parts = new Map<string, ChangedPart>()
  return {
    of(kind: ChangedPart['kind'], name: string): ChangedPart {
      const key = `${kind} ${name}`
      const part = parts.get(key) ?? { kind, name, before: 0, added: 0, removed: 0 }
      parts.set(key, part)
      return part
    },
    changed: () => [...parts.values()].filter(({ added, removed }) => added + removed > 0),
  }
}

/** @param still what the new version blocks without an entry for it: it counts as not removed */
export function changeBetween({ set: before, origins }: Before, after: EntrySet, still?: EntrySet): Change {
  const parts = createParts()
  const ofCategory = (tag: number) =>
    parts.of('category', categories[categoryOf(tag)] ?? String(categoryOf(tag)))
  const partsOf = (i: number): ChangedPart[] => {
    const input = origins?.inputs[origins.of[i] as number]
    const category = ofCategory(before.tag[i] as number)
    return input === undefined ? [category] : [category, parts.of('input', input)]
  }
  const { added, removed } = difference(before, after)
  for (let i = 0; i < before.count; i += 1) for (const part of partsOf(i)) part.before += 1
  for (let i = 0; i < added.count; i += 1) ofCategory(added.tag[i] as number).added += 1
  const gone = still ? removed.filter((place) => !isStill(still, before, place)) : removed
  for (const place of gone) for (const part of partsOf(place)) part.removed += 1
  const whole = { before: before.count, added: added.count, removed: gone.length }
  return { ...whole, percent: percentOf(whole), parts: parts.changed() }
}

function isStill(still: EntrySet, { hi, lo, tag }: EntrySet, place: number): boolean {
  const at = findHash(still, hi[place] as number, lo[place] as number)
  return at >= 0 && categoryOf(still.tag[at] as number) === categoryOf(tag[place] as number)
}
