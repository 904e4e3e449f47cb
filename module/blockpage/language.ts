export const languages = ['nl', 'fr', 'de', 'en'] as const
export type Language = (typeof languages)[number]

/** For everybody whose languages the page does not speak, and for clients that name none. */
const FALLBACK: Language = 'en'

/** Ranges that are looked at; a browser sends fewer than ten. */
const MAX_RANGES = 32

function supported(range: string): Language | undefined {
  const primary = range.split('-', 1)[0]
  return languages.find((language) => language === primary)
}

/** @returns the weight 0 to 1; 1 where none is given, 0 where it is not a qvalue (RFC 9110 §12.4.2) */
export function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [, value] = /^\s*q\s*=\s*(.*?)\s*$/i.exec(parameter) ?? []
    if (value !== undefined) return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(value) ? Number(value) : 0
  }
  return 1
}

/**
 * Lookup by primary subtag (RFC 4647 §3.4): the range of the highest weight that we speak, the first of equals. A `*`
 * names no language and so gives way to any that is named.
 * @param header value of Accept-Language (RFC 9110 §12.5.4), anything at all
 */
export function negotiate(header: string | undefined): Language {
  let best: Language | undefined
  let bestWeight = 0
  const refused = new Set<Language>()
  for (const item of (header ?? '').split(',', MAX_RANGES)) {
    const [range = '', ...parameters] = item.trim().toLowerCase().split(';')
    const weight = weightOf(parameters)
    const language = supported(range.trim())
    if (!language) continue
    if (weight === 0 && language === range.trim()) refused.add(language)
    if (weight > bestWeight) [best, bestWeight] = [language, weight]
  }
  return best ?? [FALLBACK, ...languages].find((language) => !refused.has(language)) ?? FALLBACK
}

/**
 * The reader's own choice by a link of the page. The query must be exactly that, so that a `lang=` among the
 * parameters of a blocked address does not override the reader's browser.
 * @param query with its question mark, or empty
 */
export function chosen(query: string): Language | undefined {
  const [, value] = /^\?lang=([a-z]{2})$/.exec(query) ?? []
  return languages.find((language) => language === value)
}
