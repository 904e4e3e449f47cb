import { topics } from '../../../module/control/mqtt/topics.ts'
import { type AddCommands, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { claimsOf } from '../orders.ts'
import { counted, table } from '../output.ts'
import { parseJson, parseReported, protectionText, type Reported } from '../reported.ts'

interface Row {
  ordered?: string
  reported?: Reported
}

const redrawMs = 250
const rowsShown = 40

/** What is known of every line, from messages in any order. */
export class LineTable {
  readonly #rows = new Map<string, Row>()
  readonly #online = new Map<string, boolean>()

  /** @returns false for what changes nothing */
  hear(topic: string, payload: Buffer): boolean {
    const [, , kind, id, leaf] = topic.split('/')
    if (!id) return false
    if (kind === 'modem' && leaf === 'presence') {
      const online = parseJson(payload)?.['online']
      if (typeof online !== 'boolean') return false
      this.#online.set(id, online)
      return true
    }
    const row = this.#rows.get(id) ?? {}
    if (leaf === 'desired') {
      const claims = claimsOf(payload) as { service?: unknown } | undefined
      if (payload.length === 0) delete row.ordered
      else row.ordered = String(claims?.service ?? 'unreadable')
    } else if (leaf === 'reported') {
      const reported = parseReported(payload)
      if (reported) row.reported = reported
      else delete row.reported
    } else return false
    this.#rows.set(id, row)
    return true
  }

  rows(): { line: string; ordered: string; measured: string; modem: string; online: string; list: string }[] {
    return [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([line, { ordered, reported }]) => {
        const modem = reported?.modemId ?? ''
        const online = this.#online.get(modem)
        return {
          line,
          ordered: ordered ?? '-',
          measured: protectionText(reported),
          modem: modem || 'no modem claims it',
          online: online === undefined ? '?' : online ? 'yes' : 'no',
          list: String(reported?.list?.version ?? '-'),
        }
      })
  }

  lines(): string[] {
    const rows = this.rows()
    const protectingCount = [...this.#rows.values()].filter(({ reported }) => reported?.protecting).length
    const cells = rows.slice(0, rowsShown).map((row) => Object.values(row))
    const more = rows.length > rowsShown ? [`… and ${rows.length - rowsShown} more`] : []
    return [
      `${counted(rows.length, 'line')}, ${protectingCount} protecting`,
      ...table([['LINE', 'ORDERED', 'MEASURED', 'MODEM', 'ONLINE', 'LIST'], ...cells]),
      ...more,
    ]
  }
}

async function watch(context: Context): Promise<void> {
  const { terminal } = context.world
  const seen = new LineTable()
  let dirty: NodeJS.Timeout | undefined
  const draw = () => {
    dirty = undefined
    if (context.output.json) terminal.out(`${JSON.stringify(seen.rows())}\n`)
    else terminal.out(`${terminal.live ? '\x1b[H\x1b[J' : ''}${seen.lines().join('\n')}\n`)
  }
  const hear = (topic: string, payload: Buffer) => {
    if (seen.hear(topic, payload)) dirty ??= setTimeout(draw, redrawMs)
  }
  const broker = await context.broker()
  const interrupted = context.world.interrupted()
  for (const filter of [topics.desired('+'), topics.reported('+'), topics.presence('+')])
    await broker.follow(filter, hear)
  dirty ??= setTimeout(draw, redrawMs)
  await interrupted
  clearTimeout(dirty)
}

export const addWatchCommand: AddCommands = (program, world) => {
  const command = program
    .command('watch')
    .description('a live table of lines: ordered, measured, modem, list; Ctrl-C ends it')
    .action(async () => {
      await within(world, command, watch)
    })
}
