import type { categories } from '../../category.ts'
import type { Html } from '../html.ts'
import type { Language } from '../language.ts'

/** The categories that have words of their own; `other` stands for the ones of a later list. */
export type KnownCategory = (typeof categories)[number] | 'blocked' | 'other'

/** Why a line is not protected; `other` stands for reasons of a later version. */
export type KnownWhy = 'disabled' | 'suspended' | 'terminated' | 'no-list' | 'self-test' | 'paused' | 'other'

export interface CategoryText {
  /** A word or two, for a table. */
  readonly name: string
  /** A sentence about the blocked site, true of any site in the category. */
  readonly sentence: string
}

/** Everything the pages say, in one language. A missing key is a type error. */
export interface Texts {
  readonly language: Language
  /** The language's name in itself. */
  readonly self: string
  readonly chooseLanguage: string
  readonly category: Readonly<Record<KnownCategory, CategoryText>>
  readonly blocked: {
    readonly title: string
    readonly heading: string
    readonly inOwnScript: string
    readonly imitation: string
    readonly listedAs: string
    readonly nothingLoaded: string
    readonly testName: string
    readonly nowHeading: string
    readonly goBack: string
    readonly forward: (address: Html) => Html
    readonly mistakeHeading: string
    readonly mistake: string
    readonly mistakeLink: string
    readonly passwordHeading: string
    readonly password: string
    readonly bank: (number: Html) => Html
    readonly advice: (link: Html) => Html
  }
  readonly about: {
    readonly heading: string
    readonly protects: (service: string) => string
    readonly limits: (service: string) => string
    readonly help: (operator: string) => string
  }
  readonly status: {
    readonly title: (service: string) => string
    readonly protected: string
    readonly unprotected: string
    readonly protectedText: (service: string) => string
    readonly why: Readonly<Record<KnownWhy, string>>
    readonly since: (moment: Html) => Html
    readonly notBlockedHeading: string
    readonly notBlocked: (name: Html) => Html
    /** The page loads itself again once the browser has forgotten the old address. */
    readonly notBlockedSoon: (name: Html) => Html
    readonly weekHeading: string
    readonly weekNone: string
    readonly weekTotal: (count: number) => string
    readonly weekCategory: string
    readonly weekCount: string
    readonly listHeading: string
    readonly list: (version: string, age: string) => string
    readonly listNone: string
    readonly tryHeading: string
    readonly try: string
  }
  readonly months: readonly string[]
  /** @param time hh:mm */
  readonly moment: (day: number, month: string, year: number, time: string) => string
  readonly thousands: string
  readonly age: Readonly<Record<'moments' | 'minute' | 'hour' | 'day', (count: number) => string>>
  readonly safeonweb: string
  /** Safeonweb’s address for suspicious messages, in this language. */
  readonly suspicious: string
}
