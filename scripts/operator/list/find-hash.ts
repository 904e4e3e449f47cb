import type { EntrySet } from '../../../module/blocklist/format/entries.ts'

/** @returns the place of the first entry with this hash, or -1 */
export function findHash({ count, hi, lo }: EntrySet, high: number, low: number): number {
  let from = 0
  let to = count
  while (from < to) {
    const middle = (from + to) >>> 1
    const h = hi[middle] as number
    if (h < high || (h === high && (lo[middle] as number) < low)) from = middle + 1
    else to = middle
  }
  return from < count && hi[from] === high && lo[from] === low ? from : -1
}
