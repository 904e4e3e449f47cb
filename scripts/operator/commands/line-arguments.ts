import { type Command, InvalidArgumentError } from 'commander'
import { usage } from '../exit.ts'
import { type Numbers, spentAbove } from '../numbers.ts'
import { type Condition, lineIdPattern, parseCondition } from '../selection.ts'

const unitSeconds = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
])

/** @param text `+90m`, `+2h`, `+1d` from now, or a date with time and zone (RFC 3339) @returns seconds since 1970 */
export function parseUntil(text: string, nowMs: number): number {
  const span = /^\+(\d+)([smhd])$/.exec(text)
  const at = span
    ? Math.floor(nowMs / 1000) + Number(span[1]) * unitSeconds.get(span[2]!)!
    : /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text)
      ? Math.floor(Date.parse(text) / 1000)
      : Number.NaN
  if (!Number.isSafeInteger(at))
    throw usage(`--until ${text}: not a time`, 'For example +2h, +30m or 2026-12-01T06:00:00+01:00.')
  if (at <= nowMs / 1000) throw usage(`--until ${text} has passed`)
  return at
}

export function parseLineId(text: string): string {
  if (!lineIdPattern.test(text))
    throw new InvalidArgumentError('A line id is 1 to 64 letters, digits, "_", "." or "-".')
  return text
}

export function parseNumbers(text: string): Numbers {
  const [generation, sequence] = (/^(\d+)\.(\d+)$/.exec(text)?.slice(1) ?? []).map(Number)
  if (!generation || !sequence || generation > spentAbove || sequence > spentAbove)
    throw new InvalidArgumentError('GENERATION.SEQUENCE, for example 1.1.')
  return { generation, sequence }
}

/** Lines by name, from a file, or by what the register knows of them. */
export function addSelection(command: Command): Command {
  return command
    .argument('[line...]', 'line ids', (text: string, before: string[] = []) => [
      ...before,
      parseLineId(text),
    ])
    .option('--lines <file>', 'line ids, one a line; - is stdin')
    .option('--group <name>', 'lines of this group')
    .option(
      '--where <field=value>',
      'lines of which the register knows this (also !=); may be given several times',
      (text: string, before: Condition[] = []) => [...before, parseCondition(text)],
    )
}
