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

/** Under a blocked name. */
export interface BlockedTexts {
  readonly title: string
  readonly heading: string
  readonly inOwnScript: string
  readonly imitation: string
  readonly listedAs: string
  readonly testName: string
  /** What to do, before all else. */
  readonly goBack: string
  readonly haveChecked: string
  readonly nothingLoaded: string
  readonly enteredHeading: string
  readonly password: string
  readonly bank: (number: Html) => Html
  readonly police: string
  readonly infectedHeading: string
  /** Steps, in order. */
  readonly infected: readonly string[]
  readonly advice: (link: Html) => Html
  readonly messageHeading: string
  readonly forward: (address: Html) => Html
  readonly mistakeHeading: string
  readonly mistake: string
  readonly mistakeLink: string
  /** To be read over the phone. */
  readonly helpdesk: string
  readonly helpdeskModem: (end: string) => string
  readonly helpdeskList: (version: string) => string
}

/** What a line that is not protected, or not well, needs of the household. */
export interface TodoTexts {
  readonly switchOn: (operator: string) => string
  readonly subscribe: (operator: string) => string
  readonly wait: string
  readonly restart: (operator: string) => string
}

export interface StatusTexts {
  readonly title: (service: string) => string
  /** Headings; a soft hyphen where a word is longer than a phone is wide. */
  readonly protected: string
  readonly unprotected: string
  readonly outdated: string
  readonly protectedText: (service: string) => string
  /** @param age of the list, as in `age` */
  readonly outdatedText: (age: string) => string
  readonly why: Readonly<Record<KnownWhy, string>>
  readonly todo: TodoTexts
  readonly since: (moment: Html) => Html
  readonly notBlockedHeading: string
  readonly notBlocked: (name: Html) => Html
  /** The page loads itself again once the browser has forgotten the old address. */
  readonly notBlockedSoon: (name: Html) => Html
  readonly weekHeading: string
  readonly weekNone: string
  readonly weekTotal: (count: number) => string
  /** What the picture shows, before its figures. */
  readonly weekPicture: string
  readonly weekCategory: string
  readonly weekCount: string
  readonly unseenHeading: string
  /** Links that begin with https never show the block page. */
  readonly unseenWhy: string
  /** @param when `today` or `yesterday` */
  readonly unseen: (count: number, when: Html) => Html
  readonly listHeading: string
  readonly list: (version: string, age: string) => string
  readonly listChecked: (age: string) => string
  readonly listNone: string
  readonly tryHeading: string
  readonly try: string
  readonly mistakeHeading: string
  readonly mistake: string
}

/** Everything the pages say, in one language. A missing key is a type error. */
export interface Texts {
  readonly language: Language
  /** The language's name in itself. */
  readonly self: string
  readonly chooseLanguage: string
  readonly category: Readonly<Record<KnownCategory, CategoryText>>
  readonly blocked: BlockedTexts
  readonly about: {
    readonly heading: (service: string) => string
    readonly protects: (service: string) => string
    /** While it does not. */
    readonly wouldProtect: (service: string) => string
    readonly limits: (service: string) => string
    readonly help: (operator: string) => string
  }
  readonly status: StatusTexts
  readonly months: readonly string[]
  /** From Sunday. */
  readonly weekdays: readonly string[]
  /** So many of its letters stand for a weekday. */
  readonly weekdayLetters: number
  /** @param minutes two digits */
  readonly clock: (hours: number, minutes: string) => string
  /** @param time as `clock` writes it */
  readonly moment: (day: number, month: string, year: number, time: string) => string
  readonly today: (time: string) => string
  readonly yesterday: (time: string) => string
  readonly thousands: string
  readonly age: Readonly<Record<'moments' | 'minute' | 'hour' | 'day', (count: number) => string>>
  readonly safeonweb: string
  /** Safeonweb’s address for suspicious messages, in this language. */
  readonly suspicious: string
}
