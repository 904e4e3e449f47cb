import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { InvalidArgumentError } from 'commander'
import { messageOf } from '../../module/base/error.ts'
import { usage } from './exit.ts'
import { isNewer } from './numbers.ts'
import type { LineRecord } from './register/records.ts'
import type { Register } from './register/register.ts'

/** What `--where` can ask of a line; an empty text where the register does not know. */
export const fields = {
  ordered: ({ order }) => order?.desired.service ?? '',
  reason: ({ order }) => order?.desired.reason ?? '',
  by: ({ order }) => order?.desired.by ?? '',
  service: ({ report }) => report?.reported.service ?? '',
  protecting: ({ report }) => (report ? String(report.reported.protecting) : ''),
  why: ({ report }) => report?.reported.why ?? '',
  outcome: ({ report }) => report?.reported.outcome ?? '',
  code: ({ report }) => report?.reported.code ?? '',
  modem: ({ report }) => report?.reported.modemId ?? '',
  module: ({ report }) => report?.reported.version ?? '',
  fleet: ({ report }) => report?.reported.fleet ?? '',
  list: ({ report }) => String(report?.reported.list?.version ?? ''),
  listcode: ({ report }) => report?.reported.list?.code ?? '',
  behind: (line) => String(isBehind(line)),
} as const satisfies Record<string, (line: LineRecord) => string>

/** Ordered, and not reported as in force. */
export function isBehind({ order, report }: LineRecord): boolean {
  if (!order) return false
  return !report || isNewer(order.desired, report.reported)
}

export interface Condition {
  field: keyof typeof fields
  equals: boolean
  value: string
}

/** @param text FIELD=VALUE or FIELD!=VALUE */
export function parseCondition(text: string): Condition {
  const [, name, not, value = ''] = /^([a-z]+)(!?)=(.*)$/.exec(text) ?? []
  const field = Object.keys(fields).find((known) => known === name) as Condition['field'] | undefined
  if (!field)
    throw new InvalidArgumentError(
      `FIELD=VALUE or FIELD!=VALUE is expected, with a field of ${Object.keys(fields).join(', ')}.`,
    )
  return { field, equals: not === '', value }
}

export interface Selection {
  /** FILE with an id a line; `-` is stdin. */
  lines?: string
  group?: string
  where?: Condition[]
}

export function isSelected(line: LineRecord, { group, where = [] }: Selection): boolean {
  if (group !== undefined && !line.groups.includes(group)) return false
  return where.every(({ field, equals, value }) => (fields[field](line) === value) === equals)
}

export const lineIdPattern = /^[A-Za-z0-9_.-]{1,64}$/

/** Ids of a file, one a line; empty lines and what follows `#` do not count. @throws OperatorError OPERATOR_USAGE naming the line */
export async function readLineIds(file: string): Promise<string[]> {
  const ids: string[] = []
  let number = 0
  try {
    const input = file === '-' ? process.stdin : createReadStream(file, 'utf8')
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      const id = text.replace(/#.*/, '').trim()
      if (id === '') continue
      if (!lineIdPattern.test(id)) throw usage(`${file}:${number}: ${JSON.stringify(id)} is no line id`)
      ids.push(id)
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw usage(`${file} cannot be read: ${messageOf(error)}`)
    throw error
  }
  return ids
}

/**
 * Each line once. A query selects of the lines that the register knows.
 * @throws OperatorError OPERATOR_USAGE where nothing, or two ways of selecting, are given
 */
export async function selectedLines(
  register: () => Promise<Register>,
  named: readonly string[],
  selection: Selection,
): Promise<string[]> {
  const isQuery = selection.group !== undefined || (selection.where?.length ?? 0) > 0
  const ways = [named.length > 0, selection.lines !== undefined, isQuery].filter(Boolean).length
  if (ways === 0)
    throw usage('no line is named', 'Name lines, or --lines FILE, or select by --group and --where.')
  if (ways > 1) throw usage('one of named lines, --lines, and --group with --where')
  if (!isQuery)
    return [...new Set(selection.lines === undefined ? named : await readLineIds(selection.lines))]
  const found: string[] = []
  for await (const line of (await register()).lines())
    if (isSelected(line, selection)) found.push(line.lineId)
  return found
}
