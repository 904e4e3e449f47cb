import { topics } from '../../../module/control/mqtt/topics.ts'
import { type AddCommands, within } from '../commands.ts'
import type { Context } from '../context.ts'
import { counted } from '../output.ts'
import { parseReported, type Reported } from '../reported.ts'
import { sweepReports } from '../reports.ts'

/** Reports of one line while the register is busy: the newest counts. */
class Backlog {
  readonly #waiting = new Map<string, Reported>()
  readonly #write: (lineId: string, reported: Reported) => Promise<void>
  #isBusy = false
  written = 0

  constructor(write: (lineId: string, reported: Reported) => Promise<void>) {
    this.#write = write
  }

  add(lineId: string, reported: Reported): void {
    this.#waiting.set(lineId, reported)
  }

  /** @throws OperatorError OPERATOR_REGISTER */
  async drain(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      while (this.#waiting.size > 0) {
        const all = [...this.#waiting]
        this.#waiting.clear()
        await Promise.all(all.map(([lineId, reported]) => this.#write(lineId, reported)))
        this.written += all.length
      }
    } finally {
      this.#isBusy = false
    }
  }
}

/**
 * Reads every known line once, then hears what is reported. A broker with shared subscriptions (MQTT 5 §4.8.2) gives several
 * followers a part each; they bring nothing that is retained, and neither may a broker's queue drop a report for good: hence
 * the reading, again and again.
 */
async function follow(context: Context, { sweepMinutes }: { sweepMinutes: number }): Promise<void> {
  const [broker, register] = [await context.broker(), await context.register()]
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const backlog = new Backlog((lineId, reported) => register.heard(lineId, reported))
  const isShared = broker.limits.sharedAvailable
  const filter = isShared ? `$share/operator/${topics.reported('+')}` : topics.reported('+')
  await broker.follow(
    filter,
    (topic, payload) => {
      const lineId = topic.split('/').at(-2) ?? ''
      const reported = parseReported(payload, lineId)
      if (!reported) return
      backlog.add(lineId, reported)
      backlog.drain().catch(fail)
    },
    { liveOnly: !isShared },
  )
  const sweep = async () => {
    const lineIds = (await context.lines()).map(({ lineId }) => lineId)
    const { reported, failed: unread } = await sweepReports({ broker, register }, lineIds)
    const rest = unread.length > 0 ? `, ${unread.length} NOT readable` : ''
    context.output.note(
      `${reported.size} of ${counted(lineIds.length, 'line')} have a report on the broker${rest}; ${backlog.written} heard since the start (${isShared ? 'shared' : 'own'} subscription)`,
    )
  }
  const interrupted = context.world.interrupted()
  let timer: NodeJS.Timeout | undefined
  const sweepForEver = async (): Promise<never> => {
    for (;;) {
      await sweep()
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, sweepMinutes * 60_000)
      })
    }
  }
  try {
    await Promise.race([interrupted, broker.lost, failed, sweepForEver()])
  } finally {
    clearTimeout(timer)
    await backlog.drain()
  }
}

export const addFollowCommand: AddCommands = (program, world) => {
  const command = program
    .command('follow')
    .description(
      'keep the register current: hear every report, until Ctrl-C; a service manager starts it again',
    )
    .option(
      '--sweep <minutes>',
      'read every known line again so often, topic by topic',
      (text) => Math.max(1, Number(text) || 60),
      60,
    )
    .action(async ({ sweep }: { sweep: number }) => {
      await within(world, command, (context) => follow(context, { sweepMinutes: sweep }))
    })
}
