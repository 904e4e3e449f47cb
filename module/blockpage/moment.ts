import { type Html, html } from './html.ts'
import type { Texts } from './locales/texts.ts'

/** Before this the clock of the modem was not set; a date then would be nonsense. */
const CLOCK_SET_AFTER = Date.UTC(2024, 0, 1)

/** @param ms since 1970, or null */
export function isClockTime(ms: number | null): ms is number {
  return ms !== null && ms > CLOCK_SET_AFTER
}

function clockOf(texts: Texts, at: Date): string {
  return texts.clock(at.getHours(), String(at.getMinutes()).padStart(2, '0'))
}

const timed = (at: Date, words: string) => html`<time datetime="${at.toISOString()}">${words}</time>`

/** Own tables instead of Intl: Node on a modem may come without ICU data, and then Intl speaks English only. */
export function moment(texts: Texts, ms: number): Html {
  const at = new Date(ms)
  const month = texts.months[at.getMonth()] ?? ''
  return timed(at, texts.moment(at.getDate(), month, at.getFullYear(), clockOf(texts, at)))
}

/** @param ms of the last 24 hours before `now` */
export function lately(texts: Texts, ms: number, now: number): Html {
  const at = new Date(ms)
  const isToday = at.getDate() === new Date(now).getDate()
  return timed(at, (isToday ? texts.today : texts.yesterday)(clockOf(texts, at)))
}

export function grouped(texts: Texts, count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, texts.thousands)
}

export function ageText(texts: Texts, seconds: number): string {
  const { moments, minute, hour, day } = texts.age
  if (seconds < 60) return moments(0)
  if (seconds < 3600) return minute(Math.floor(seconds / 60))
  if (seconds < 86_400) return hour(Math.floor(seconds / 3600))
  return day(Math.floor(seconds / 86_400))
}
