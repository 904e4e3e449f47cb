import type { Category } from '../../category.ts'
import type { Language } from '../language.ts'
import { de } from './de.ts'
import { en } from './en.ts'
import { fr } from './fr.ts'
import { nl } from './nl.ts'
import type { CategoryText, KnownCategory, KnownWhy, Texts } from './texts.ts'

const all: Readonly<Record<Language, Texts>> = { nl, fr, de, en }

export function textsOf(language: Language): Texts {
  return all[language]
}

export function categoryText(texts: Texts, category: Category): CategoryText {
  return Object.hasOwn(texts.category, category)
    ? texts.category[category as KnownCategory]
    : texts.category.other
}

export function whyText(texts: Texts, why: string): string {
  return Object.hasOwn(texts.status.why, why) ? texts.status.why[why as KnownWhy] : texts.status.why.other
}
