/** Columns of a terminal that support has beside a telephone. */
const WIDTH = 60
/** Of the labels, with the blank behind them. */
const INDENT = 12

/** How a terminal is written to: with colours only where it has them. */
export interface Paint {
  good(text: string): string
  bad(text: string): string
  soft(text: string): string
}

const escaped = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`
const plain = (text: string) => text

/** ECMA-48 §8.3.117: bold green, bold red, faint. */
export const colours: Paint = {
  good: (text) => escaped(1)(escaped(32)(text)),
  bad: (text) => escaped(1)(escaped(31)(text)),
  soft: escaped(2),
}
export const noColours: Paint = { good: plain, bad: plain, soft: plain }

/** C0 and C1: what a daemon passes on of strangers must not steer a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const printable = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')

/** Broken at blanks; a word that is longer than a line stands alone, so that it can be copied. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** A label and its text, in two columns; further lines are indented. */
export function row(label: string, text: string): string[] {
  return wrapped(text, WIDTH - INDENT).map((line, i) => `${(i === 0 ? label : '').padEnd(INDENT)}${line}`)
}

/** A line over the whole width. */
export function headline(text: string): string[] {
  return wrapped(text, WIDTH)
}

/** @param seconds since 1970 */
export function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

/** The two greatest units. */
export function durationText(seconds: number): string {
  let left = Math.max(0, Math.round(seconds))
  const parts: string[] = []
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size)
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}`)
    else if (parts.length > 0) break
    left -= count * size
  }
  return parts.join(' ') || '0 s'
}

export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
