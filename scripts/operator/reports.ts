import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from './broker.ts'
import type { Context } from './context.ts'
import { failure } from './exit.ts'
import type { Register } from './register/register.ts'
import { parseReported, type Reported } from './reported.ts'

/** What reading every line's report has brought. */
export interface Swept {
  lines: number
  /** Lines whose report stands on the broker and is right. */
  reported: Map<string, Reported>
  /** Lines whose topics could not be read, and why. */
  failed: { lineId: string; code: string }[]
}

/**
 * Reads `reported` of each line, topic by topic, into the register: what a wildcard would bring is cut off without a word.
 * @throws OperatorError where the broker is lost
 */
export async function sweepReports(
  { broker, register }: { broker: Broker; register: Register },
  lineIds: readonly string[],
  progress: (done: number) => void = () => undefined,
): Promise<Swept> {
  const swept: Swept = { lines: lineIds.length, reported: new Map(), failed: [] }
  let done = 0
  await Promise.all(
    lineIds.map(async (lineId) => {
      const topic = topics.reported(lineId)
      try {
        const found = await broker.readAll([topic], topics.desired(lineId))
        const reported = parseReported(found.get(topic), lineId)
        if (reported) {
          swept.reported.set(lineId, reported)
          await register.heard(lineId, reported)
        }
      } catch (error) {
        const { code } = failure(error)
        if (code.startsWith('OPERATOR_BROKER_')) throw error
        swept.failed.push({ lineId, code })
      }
      progress(++done)
    }),
  )
  return swept
}

/** Of all lines that the register knows. */
export async function sweepAll(context: Context): Promise<Swept> {
  const lineIds = (await context.lines()).map(({ lineId }) => lineId)
  const parts = { broker: await context.broker(), register: await context.register() }
  return sweepReports(parts, lineIds, context.output.progress('reports', lineIds.length))
}

/** Three of many, for a message. */
export function someOf(lineIds: readonly string[]): string {
  return `${lineIds.slice(0, 3).join(', ')}${lineIds.length > 3 ? ', …' : ''}`
}
