import { domainToASCII, domainToUnicode } from 'node:url'

export interface DisplayName {
  /** The name as DNS carries it: the one form that cannot deceive. */
  readonly ascii: string
  /** Labels of the Unicode form; null where it is the same, or not safe to show. */
  readonly unicode: readonly string[] | null
  /** A label mixes alphabets, as imitations of well-known names do. */
  readonly mixed: boolean
}

/** Alphabets that look like one another (UTS 39 §5.1). Chinese and Japanese mix theirs by nature and look like none of these. */
const alikes = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
]

function mixesAlphabets(label: string): boolean {
  return alikes.filter((script) => script.test(label)).length > 1
}

/** Controls, direction marks and other invisible or spacing characters, unassigned ones, and what markup is made of. */
const UNSAFE = /[\p{C}\p{Z}<>&"'`/\\?#%@:]/u

/** @param name lower case A-labels, as `parseHost` gives it */
export function displayName(name: string): DisplayName {
  const plain = { ascii: name, unicode: null, mixed: false }
  if (!name.includes('xn--')) return plain
  const unicode = domainToUnicode(name)
  // A form that does not lead back to the same name shows another site than the one that was asked for.
  if (unicode === '' || unicode === name || UNSAFE.test(unicode) || domainToASCII(unicode) !== name)
    return plain
  const labels = unicode.split('.')
  if (labels.some((label) => /^\p{M}/u.test(label))) return plain
  return { ascii: name, unicode: labels, mixed: labels.some(mixesAlphabets) }
}
