import type { Category } from '../../category.ts'
import type { ProtectionReason } from '../../line/protection.ts'
import type { Language } from '../language.ts'
import { de } from './de.ts'
import { en } from './en.ts'
import { fr } from './fr.ts'
import { nl } from './nl.ts'
import type { CategoryText, KnownCategory, KnownWhy, Texts, TodoTexts } from './texts.ts'

const all: Readonly<Record<Language, Texts>> = { nl, fr, de, en }

export function textsOf(language: Language): Texts {
  return all[language]
}

/** @returns `other` for a category of a later list */
export function knownCategory(category: Category): KnownCategory {
  return Object.hasOwn(nl.category, category) ? (category as KnownCategory) : 'other'
}

export function categoryText(texts: Texts, category: Category): CategoryText {
  return texts.category[knownCategory(category)]
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
    // Measured: the kernel does not hold what was decided.
    'not-armed': 'self-test',
  } satisfies Record<ProtectionReason | 'not-armed', KnownWhy>),
)

/** What the household can do about it. */
const todoOf = {
  disabled: 'switchOn',
  suspended: 'wait',
  terminated: 'subscribe',
  'no-list': 'wait',
  'self-test': 'restart',
  paused: 'wait',
  other: 'restart',
} as const satisfies Record<KnownWhy, keyof TodoTexts>

/** Why a line is not protected, and what to do about it. */
export interface ReasonTexts {
  readonly why: string
  readonly todo: string
  /** The operator is to be asked. */
  readonly needsHelp: boolean
}

/** @param why a `ProtectionReason`, or one of a later version */
export function reasonTexts(texts: Texts, why: string, operator: string): ReasonTexts {
  const known = whyOf.get(why) ?? 'other'
  const { todo } = texts.status
  const what = todoOf[known]
  return what === 'wait'
    ? { why: texts.status.why[known], todo: todo.wait, needsHelp: false }
    : { why: texts.status.why[known], todo: todo[what](operator), needsHelp: true }
}
