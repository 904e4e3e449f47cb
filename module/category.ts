/** Categories of the list by their number on the wire and in the store; 16 at most (docs/list-format.md). */
export const categories = [
  'malware',
  'phishing',
  'botnet',
  'cryptojacking',
  'scam',
  'resolver-bypass',
] as const

export type Category = (typeof categories)[number] | `reserved-${number}`

/** @param number 0 to 15; a number that this version does not know is still a block, named `reserved-N` */
export function categoryName(number: number): Category {
  return categories[number] ?? `reserved-${number}`
}

/** Public encrypted resolvers: closed as a way round, but no threat: no page, not counted as one (3-dns.md). */
export const RESOLVER_BYPASS = categories.indexOf('resolver-bypass')
