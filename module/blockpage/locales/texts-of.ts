import type { Category } from '../../category.ts'
import type { ProtectionReason } from '../../line/protection.ts'
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

/** What the household needs to know of a reason: several are one and the same to it. */
const whyOf: ReadonlyMap<string, KnownWhy> = new Map(
  Object.entries({
    protecting: 'other',
    'no-active-line': 'other',
    'fleet-retired': 'other',
    dormant: 'terminated',
    terminated: 'terminated',
    disabled: 'disabled',
    suspended: 'suspended',
    'fleet-paused': 'paused',
    'list-missing': 'no-list',
    'list-damaged': 'self-test',
    'self-test-failing': 'self-test',
  } satisfies Record<ProtectionReason, KnownWhy>),
)

/** @param why a `ProtectionReason`, or one of a later version */
export function reasonText(texts: Texts, why: string): string {
  return texts.status.why[whyOf.get(why) ?? 'other']
}
