import type { Row } from './report.ts'

const LEFT = 330
const WIDTH = 980
const ROW_HEIGHT = 24
const TOP = 56
const decades = [0.1, 1, 10, 100]

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Bars of ratios on a logarithmic axis, from 1 x outwards, with a thin line from the lowest round to the highest. */
export function ratioPlot(rows: readonly Row[], title: string): string {
  const drawn = rows.filter((row) => row.ratio !== null && row.ratio > 0 && Number.isFinite(row.ratio))
  const height = TOP + drawn.length * ROW_HEIGHT + 24
  const x = (ratio: number) => {
    const share = (Math.log10(Math.min(100, Math.max(0.1, ratio))) + 1) / 3
    return Math.round(LEFT + share * (WIDTH - LEFT - 90))
  }
  const axis = decades.map(
    (ratio) =>
      `<line x1="${x(ratio)}" y1="${TOP - 8}" x2="${x(ratio)}" y2="${height - 20}" stroke="${ratio === 1 ? '#333' : '#ddd'}"/>` +
      `<text x="${x(ratio)}" y="${TOP - 14}" text-anchor="middle">${ratio} x</text>`,
  )
  const bars = drawn.map((row, i) => {
    const y = TOP + i * ROW_HEIGHT
    const [from, to] = [Math.min(x(1), x(row.ratio!)), Math.max(x(1), x(row.ratio!))]
    const [low, high] = row.spread!.map(x) as [number, number]
    const fill = row.met === null ? '#8a94a6' : row.met ? '#2e7d4f' : '#b3382c'
    const met = row.goal === null ? '' : ` (goal ${row.goal})`
    return (
      `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${escaped(`${row.figure} / ${row.peerName}`)}</text>` +
      `<rect x="${from}" y="${y + 3}" width="${Math.max(1, to - from)}" height="14" fill="${fill}"/>` +
      `<line x1="${low}" y1="${y + 10}" x2="${high}" y2="${y + 10}" stroke="#000"/>` +
      `<text x="${Math.max(to, high) + 6}" y="${y + 14}">${row.ratio!.toFixed(2)}${escaped(met)}</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="20" font-size="14">${escaped(title)}</text>`,
    ...axis,
    ...bars,
    '</svg>',
    '',
  ].join('\n')
}
