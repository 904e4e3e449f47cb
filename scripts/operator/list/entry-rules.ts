import { SecureNetError } from '../../../module/base/error.ts'
import { compareEntries, type EntrySet, MAX_TAG } from '../../../module/blocklist/format/entries.ts'
import type { Gathered } from './gather.ts'
import { normaliseName } from './name.ts'

// What docs/list-format.md §2 lets be an entry, for names and for sets of hashes. The guards say what is unwise; this
// is what would be no list at all, whoever made it.

const mostCategories = 16

function refused(why: string): SecureNetError {
  return new SecureNetError('LIST_ENTRY', why, 'Build the list from sources with `list build`.')
}

/** @throws SecureNetError LIST_ENTRY: no name of two labels or more as A-labels, or no category */
export function checkEntry(name: string, { category }: Pick<Gathered, 'category'>): void {
  const found = normaliseName(name)
  if (!found.ok || found.name !== name || !name.includes('.'))
    throw refused(`${JSON.stringify(name)} can be no entry of a list: ${found.ok ? 'form' : found.fault}`)
  if (!Number.isInteger(category) || category < 0 || category >= mostCategories)
    throw refused(`${JSON.stringify(name)} has the category ${category}`)
}

/** @throws SecureNetError LIST_ENTRY: not in ascending order, an entry twice, or a tag that is none */
export function checkSet(set: EntrySet): void {
  for (let i = 0; i < set.count; i += 1) {
    if ((set.tag[i] as number) > MAX_TAG) throw refused(`entry ${i} of the set has the tag ${set.tag[i]}`)
    if (i > 0 && compareEntries(set, i - 1, set, i) >= 0)
      throw refused(`entry ${i} of the set is out of order`)
  }
}
