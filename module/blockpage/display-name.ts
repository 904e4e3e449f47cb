import { domainToASCII, domainToUnicode } from 'node:url'

export interface DisplayName {
  /** The name as DNS carries it: the one form that cannot deceive. */
  readonly ascii: string
  /** Labels of the Unicode form; null where it is the same, or not safe to show. */
  readonly unicode: readonly string[] | null
  /** A label mixes alphabets or looks Latin without being so, as imitations of well-known names do. */
  readonly imitating: boolean
}

/** Alphabets that look like one another (UTS 39 §5.1). Chinese and Japanese mix theirs by nature and look like none of these. */
const alikes = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
]

/** Cyrillic and Greek letters drawn as Latin ones: a label of these alone reads as a Latin word (UTS 39 §4, whole-script). */
const LATIN_TWINS =
  /^[-\d\u0430\u0432\u0433\u0435\u0437\u043a\u043c-\u0440\u0441\u0442\u0443\u0445\u044c\u0455\u0456\u0457\u0458\u0475\u04bb\u04cf\u0501\u051b\u051d\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7]+$/u

function imitates(label: string): boolean {
  if (alikes.filter((script) => script.test(label)).length > 1) return true
  return LATIN_TWINS.test(label) && !/^[-\d]+$/.test(label)
}

/** Controls, direction marks and other invisible or spacing characters, unassigned ones, and what markup is made of. */
const UNSAFE = /[\p{C}\p{Z}<>&"'`/\\?#%@:]/u

/** @param name lower case A-labels, as `parseHost` gives it */
export function displayName(name: string): DisplayName {
  const plain = { ascii: name, unicode: null, imitating: false }
  if (!name.includes('xn--')) return plain
  const unicode = domainToUnicode(name)
  // A form that does not lead back to the same name shows another site than the one that was asked for.
  if (unicode === '' || unicode === name || UNSAFE.test(unicode) || domainToASCII(unicode) !== name)
    return plain
  const labels = unicode.split('.')
  if (labels.some((label) => /^\p{M}/u.test(label))) return plain
  return { ascii: name, unicode: labels, imitating: labels.some(imitates) }
}
