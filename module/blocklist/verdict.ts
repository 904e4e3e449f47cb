import { categoryOf, type Scope, scopeOf, type Tag } from './format/entries.ts'

/**
 * What the list says of a name, in one small integer, so that the hot path allocates nothing:
 * 0 = not listed; else bit 0 set, category in bits 1-4, scope in bit 5 (set: exact), labels matched from bit 8.
 */
export type ListVerdict = number

export const NOT_LISTED: ListVerdict = 0

/** @param labels how many of the name's rightmost labels the entry has */
export function packVerdict(tag: Tag, labels: number): ListVerdict {
  return 1 | (tag << 1) | (labels << 8)
}
/** 0 to 15 (module/category.ts); only of a verdict that is not 0. */
export function verdictCategory(verdict: ListVerdict): number {
  return categoryOf(verdict >>> 1)
}
export function verdictScope(verdict: ListVerdict): Scope {
  return scopeOf(verdict >>> 1)
}
export function verdictLabels(verdict: ListVerdict): number {
  return verdict >>> 8
}
