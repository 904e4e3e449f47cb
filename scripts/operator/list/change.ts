import { compareEntries, type EntrySet } from '../../../module/blocklist/format/entries.ts'

export interface Change {
  added: number
  removed: number
  /** The larger of both, of the set before. */
  percent: number
}

/** Both under the same key. */
export function changeBetween(before: EntrySet, after: EntrySet): Change {
  let added = 0
  let removed = 0
  let i = 0
  let j = 0
  while (i < before.count || j < after.count) {
    const order = i === before.count ? 1 : j === after.count ? -1 : compareEntries(before, i, after, j)
    if (order < 0) removed += 1
    if (order > 0) added += 1
    if (order <= 0) i += 1
    if (order >= 0) j += 1
  }
  const whole = Math.max(1, before.count)
  return { added, removed, percent: (100 * Math.max(added, removed)) / whole }
}
