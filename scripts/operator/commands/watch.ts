import { topics } from '../../../module/control/mqtt/topics.ts'
import { type AddCommands, within } from '../commands.ts'
import type { Context } from '../context.ts'
import type { Verify } from '../orders.ts'
import { counted, jsonLine, printable, table } from '../output.ts'
import type { LineRecord } from '../register/records.ts'
import { parseJson, parseReported, protectionText, type Reported } from '../reported.ts'

interface Row {
  ordered?: string
  reported?: Reported
}

const redrawMs = 250
const rowsShown = 40

/** What is known of every line: by the register, and from messages in any order. */
export class LineTable {
  readonly #rows = new Map<string, Row>()
  readonly #online = new Map<string, boolean>()

  know({ lineId, order, report }: LineRecord): void {
    const row = this.#rows.get(lineId) ?? {}
    if (order) row.ordered = order.desired.service
    if (report) row.reported = report.reported
    this.#rows.set(lineId, row)
  }

  ordered(lineId: string, service: string): void {
    this.#rows.set(lineId, { ...this.#rows.get(lineId), ordered: service })
  }

  /** Presence or report. @returns false for what changes nothing */
  hear(topic: string, payload: Buffer): boolean {
    const [, , kind, id, leaf] = topic.split('/')
    if (!id) return false
    if (kind === 'modem' && leaf === 'presence') {
      const online = parseJson(payload)?.['online']
      if (typeof online !== 'boolean') return false
      this.#online.set(id, online)
      return true
    }
    if (leaf !== 'reported') return false
    const reported = parseReported(payload, id)
    if (!reported) return false
    this.#rows.set(id, { ...this.#rows.get(id), reported })
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

/** What stands at the topics of each known line now; what comes later is heard. */
async function readAll(context: Context, hear: (topic: string, payload: Buffer) => void): Promise<void> {
  const broker = await context.broker()
  await Promise.all(
    (await context.lines()).map(async ({ lineId, report }) => {
      const wanted = [topics.reported(lineId)]
      if (report) wanted.push(topics.presence(report.reported.modemId))
      const found = await broker.readAll(wanted, topics.desired(lineId))
      for (const [topic, payload] of found) hear(topic, payload)
    }),
  )
}

async function watch(context: Context): Promise<void> {
  const { terminal } = context.world
  const seen = new LineTable()
  let dirty: NodeJS.Timeout | undefined
  const draw = () => {
    dirty = undefined
    if (context.output.json) terminal.out(jsonLine(seen.rows()))
    else terminal.out(`${terminal.live ? '\x1b[H\x1b[J' : ''}${seen.lines().map(printable).join('\n')}\n`)
  }
  const redraw = () => {
    dirty ??= setTimeout(draw, redrawMs)
  }
  const hear = (topic: string, payload: Buffer) => {
    if (seen.hear(topic, payload)) redraw()
  }
  const broker = await context.broker()
  const { verify } = await context.signer()
  for (const line of await context.lines()) seen.know(line)
  const interrupted = context.world.interrupted()
  for (const filter of [topics.reported('+'), topics.presence('+')])
    await broker.follow(filter, hear, { liveOnly: true })
  await broker.follow(topics.desired('+'), (topic, jws) => hearOrder(verify, seen, topic, jws).then(redraw), {
    liveOnly: true,
  })
  redraw()
  await Promise.race([readAll(context, hear), interrupted])
  try {
    await Promise.race([interrupted, broker.lost])
  } finally {
    clearTimeout(dirty)
  }
}

/** An empty one says nothing, as it does to modems. */
async function hearOrder(verify: Verify, seen: LineTable, topic: string, jws: Buffer): Promise<void> {
  const lineId = topic.split('/').at(-2)
  if (!lineId || jws.length === 0) return
  const order = await verify('desired', jws).catch(() => undefined)
  seen.ordered(lineId, order?.lineId === lineId ? order.service : 'NOT OURS')
}

export const addWatchCommand: AddCommands = (program, world) => {
  const command = program
    .command('watch')
    .description('a live table of lines: ordered, measured, modem, list; Ctrl-C ends it')
    .action(async () => {
      await within(world, command, watch)
    })
}
