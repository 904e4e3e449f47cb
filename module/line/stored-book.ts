import { StateFile, type StateFs } from '../platform/state-file.ts'
import type { LineBook } from './store.ts'
import type { ClockStep, Countdown, LineState } from './types.ts'

/** One line as it is on flash: the signed order, and what the modem itself has counted since. */
export interface StoredLine {
  readonly lineId: string
  /** The order (JWS). None: the line is carried. */
  readonly document?: string
  /** Its suspension is over. */
  readonly ended?: boolean
  readonly countdown?: Countdown
  readonly clockStep?: ClockStep
}

/** What `lines.state` holds: nothing that the operator decides but in the words that he signed. */
export interface StoredBook {
  readonly v: 2
  readonly lines: readonly StoredLine[]
  /** The fleet order (JWS). */
  readonly fleet?: string
}

type Members = Record<string, unknown>
const isObject = (data: unknown): data is Members => typeof data === 'object' && data !== null
const isText = (data: unknown) => typeof data === 'string'
const orNone = (test: (data: unknown) => boolean) => (data: unknown) => data === undefined || test(data)

function isCountdown(data: unknown): boolean {
  if (!isObject(data)) return false
  const { left, boot, monotonic, wall, stepSeen } = data
  return isText(boot) && [left, monotonic, wall].every(Number.isFinite) && orNone(Number.isFinite)(stepSeen)
}

function isClockStep(data: unknown): boolean {
  return isObject(data) && Number.isFinite(data['by']) && typeof data['believed'] === 'boolean'
}

function isStoredLine(data: unknown): data is StoredLine {
  if (!isObject(data)) return false
  const { lineId, document, ended, countdown, clockStep } = data
  return (
    isText(lineId) &&
    orNone(isText)(document) &&
    orNone((flag) => typeof flag === 'boolean')(ended) &&
    orNone(isCountdown)(countdown) &&
    orNone(isClockStep)(clockStep)
  )
}

/** Of version 1 there are no signatures: who was protected is carried, and nothing else is believed. */
function fromVersion1(lines: readonly unknown[]): StoredBook {
  const enabled = lines.filter((line) => isObject(line) && line['service'] === 'enabled')
  return { v: 2, lines: enabled.map((line) => ({ lineId: String((line as Members)['lineId']) })) }
}

/** @throws Error if the data is not a book of version 2 or 1 */
export function parseStoredBook(data: unknown): StoredBook {
  if (isObject(data) && Array.isArray(data['lines'])) {
    const { v, lines, fleet } = data
    if (v === 1) return fromVersion1(lines)
    if (v === 2 && lines.every(isStoredLine) && orNone(isText)(fleet)) return data as unknown as StoredBook
  }
  throw new Error('not a book of lines of version 2')
}

function storedLine({ lineId, document, reason, countdown, clockStep }: LineState): StoredLine {
  return {
    lineId,
    ...(document && { document }),
    ...(reason === 'suspension-ended' && { ended: true }),
    ...(countdown && { countdown }),
    ...(clockStep && { clockStep }),
  }
}

export function storedBook({ lines, fleet }: LineBook): StoredBook {
  const stored = lines.filter(({ document, reason }) => document !== undefined || reason === 'carried')
  return { v: 2, lines: stored.map(storedLine), ...(fleet?.document && { fleet: fleet.document }) }
}

/** `lines.state` in the data folder. */
export function lineBookFile(folder: string, fs?: StateFs): StateFile<StoredBook> {
  return new StateFile({ folder, name: 'lines.state', parse: parseStoredBook, ...(fs && { fs }) })
}
