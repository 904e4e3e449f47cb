import type { Category } from '../category.ts'
import { type Html, html } from './html.ts'
import type { KnownCategory, Texts } from './locales/texts.ts'
import { knownCategory } from './locales/texts-of.ts'
import { grouped } from './moment.ts'
import { type DayStopped, weekOf } from './page-data.ts'

/** One day of the picture, CSS pixels. */
const DAY_WIDTH = 40
const BAR_WIDTH = 28
const HIGHEST = 76
/** However few, they are to be seen. */
const LOWEST = 4
/** Where the bars stand. */
const GROUND = 106
const TILE = 8

/** A texture for each category, so that none is told by its colour (WCAG 2.2 §1.4.1): SVG within a tile of 8 by 8. */
const textures: Readonly<Record<KnownCategory, Html>> = {
  phishing: html`<path d="M0 0h8v8H0z" fill="currentColor"/>`,
  malware: html`<path d="M-2 2l4-4M0 8l8-8M6 10l4-4" stroke="currentColor" stroke-width="2"/>`,
  scam: html`<path d="M0 2h8M0 6h8" stroke="currentColor" stroke-width="1.5"/>`,
  botnet: html`<circle cx="4" cy="4" r="2.25" fill="currentColor"/>`,
  cryptojacking: html`<path d="M0 0l8 8M8 0L0 8" stroke="currentColor" stroke-width="1.25"/>`,
  blocked: html`<path d="M2 0v8M6 0v8" stroke="currentColor" stroke-width="1.5"/>`,
  other: html``,
  'resolver-bypass': html``,
}

function bar(x: number, y: number, height: number, category: KnownCategory): Html {
  return html`<rect x="${x}" y="${y}" width="${BAR_WIDTH}" height="${height}" fill="url(#${category})" stroke="currentColor"/>`
}

/** How a category is drawn: for a table beside the picture, in the same document. */
export function swatch(category: Category): Html {
  return html`<svg class="swatch" viewBox="0 0 18 18" width="18" height="18" aria-hidden="true"><rect x="1" y="1" width="16" height="16" fill="url(#${knownCategory(category)})" stroke="currentColor"/></svg>`
}

/** Without closed ways round: they are no threat (docs/dns.md, Blocked). */
export function threatsOf(days: readonly DayStopped[]): [Category, number][] {
  return [...weekOf(days)]
    .filter(([category, count]) => count > 0 && category !== 'resolver-bypass')
    .sort(([, a], [, b]) => b - a)
}

const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0)

/** Categories without words of their own are one. */
function merged(rows: readonly (readonly [Category, number])[]): Map<KnownCategory, number> {
  const known = new Map<KnownCategory, number>()
  for (const [category, count] of rows)
    known.set(knownCategory(category), (known.get(knownCategory(category)) ?? 0) + count)
  return known
}

function weekday(texts: Texts, { day }: DayStopped): string {
  // 1970-01-01 was a Thursday.
  return texts.weekdays[(day + 4) % 7] ?? ''
}

/** Seven bars, one a day, each a pile of its categories, the week's most frequent at the bottom. */
export function weekPicture(texts: Texts, days: readonly DayStopped[]): Html {
  const piles = days.map((day) => merged(threatsOf([day])))
  const totals = piles.map((pile) => sum([...pile.values()]))
  const order = [...merged(threatsOf(days)).keys()]
  const most = Math.max(1, ...totals)
  const columns = days.map((day, i) => {
    const middle = i * DAY_WIDTH + DAY_WIDTH / 2
    let top = GROUND
    const bars = order.flatMap((category) => {
      const count = piles[i]?.get(category) ?? 0
      if (count === 0) return []
      const height = Math.max(LOWEST, Math.round((count / most) * HIGHEST))
      top -= height
      return [bar(middle - BAR_WIDTH / 2, top, height, category)]
    })
    const label = weekday(texts, day).slice(0, texts.weekdayLetters)
    return html`${bars}<text x="${middle}" y="${top - 5}">${grouped(texts, totals[i] ?? 0)}</text><text x="${middle}" y="${GROUND + 16}">${label}</text>`
  })
  const patterns = order.map(
    (category) =>
      html`<pattern id="${category}" width="${TILE}" height="${TILE}" patternUnits="userSpaceOnUse">${textures[category]}</pattern>`,
  )
  const said = days.map((day, i) => `${weekday(texts, day)} ${grouped(texts, totals[i] ?? 0)}`).join(', ')
  const width = days.length * DAY_WIDTH
  return html`<svg class="week" viewBox="0 0 ${width} ${GROUND + 22}" role="img" aria-label="${texts.status.weekPicture}: ${said}"><defs>${patterns}</defs>${columns}<path d="M0 ${GROUND}h${width}" stroke="currentColor"/></svg>`
}
