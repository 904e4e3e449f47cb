/** Categories of the list by their number on the wire and in the store; 16 at most (docs/list-format.md). */
export const categories = [
  'malware',
  'phishing',
  'botnet',
  'cryptojacking',
  'scam',
  'resolver-bypass',
] as const

export type Category = (typeof categories)[number] | 'blocked' | `reserved-${number}`

/** Numbers that a list's entry may have. */
const LIST_CATEGORIES = 16

/** What the resolver behind us has blocked without a word why (docs/dns.md, Blocked); no list can hold it. */
export const BLOCKED = LIST_CATEGORIES

/** One more than the highest number. */
export const CATEGORY_NUMBERS = LIST_CATEGORIES + 1

/** @param number 0 to 16; a number that this version does not know is still a block, named `reserved-N` */
export function categoryName(number: number): Category {
  return number === BLOCKED ? 'blocked' : (categories[number] ?? `reserved-${number}`)
}

/** Public encrypted resolvers: closed as a way round, but no threat: no page, not counted as one (docs/dns.md, Blocked). */
export const RESOLVER_BYPASS = categories.indexOf('resolver-bypass')
