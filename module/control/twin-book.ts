import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import { contentDigest } from '../line/digest.ts'
import { carriedLine, dormantLine, reduce } from '../line/reduce.ts'
import { emptyBook, type LineBook } from '../line/store.ts'
import type { StoredBook, StoredLine } from '../line/stored-book.ts'
import { ended } from '../line/suspension.ts'
import type { Desired, FleetState, Instant, LineState } from '../line/types.ts'
import type { StateFile } from '../platform/state-file.ts'
import { readJws } from './documents/jws.ts'
import { type KnownKeys, parsePayload, verifyAgain } from './documents/verify.ts'

type BookFile = Pick<StateFile<StoredBook>, 'read' | 'setAside'>

export interface LoadedBook {
  readonly book: LineBook
  /** `issuedAt` of the orders that keys in force have signed. */
  readonly signed: readonly number[]
}

export interface LoadBookOptions {
  readonly file: BookFile
  /** As loaded; null where there are no roots to verify from. */
  readonly trust: KnownKeys | null
  readonly log: Log
}

/**
 * The book as it is on flash, each order verified anew. Without a keys document nothing can be verified (new roots in the
 * firmware, a lost trust.state, no roots): then who was enabled is carried, for that takes protection from no household.
 * @throws SecureNetError STATE_NOT_READ
 */
export async function loadBook({ file, trust, log }: LoadBookOptions): Promise<LoadedBook> {
  const stored = await readStored(file, log)
  if (!stored) return { book: emptyBook, signed: [] }
  const known = trust && trust.past('line').length > 0 ? trust : null
  const lines: LineState[] = []
  for (const line of stored.lines) {
    const state = known ? await verifiedLine(line, known, log) : carried(line, log)
    if (state) lines.push(state)
  }
  const fleet = known && stored.fleet !== undefined ? await verifiedFleet(stored.fleet, known, log) : null
  const isInForce = (role: 'line' | 'fleet', epoch: number) => known?.past(role)[0]?.epoch === epoch
  const signed = lines.filter(({ epoch }) => isInForce('line', epoch)).map(({ issuedAt }) => issuedAt)
  if (fleet && isInForce('fleet', fleet.epoch)) signed.push(fleet.order.issuedAt)
  return { book: { lines, ...(fleet && { fleet }) }, signed }
}

/** What cannot be read is set aside, and the broker's retained orders fill a new one. */
async function readStored(file: BookFile, log: Log): Promise<StoredBook | undefined> {
  try {
    return (await file.read()).value
  } catch (error) {
    if (codeOf(error) !== 'STATE_DAMAGED') throw error
    log.error('line-book-damaged', { code: codeOf(error), message: messageOf(error) })
    await file.setAside()
    return undefined
  }
}

async function verifiedLine(line: StoredLine, trust: KnownKeys, log: Log): Promise<LineState | null> {
  const { lineId, document } = line
  if (document === undefined) return carriedLine(lineId)
  try {
    const { payload: order, epoch } = await verifyAgain('desired', document, trust)
    return order.lineId === lineId ? restored(line, order, epoch, document) : null
  } catch (error) {
    log.error('order-unverified', { line: lineId, code: codeOf(error), message: messageOf(error) })
    return null
  }
}

/** Where nothing was counted yet, the whole of the suspension is left. */
function restored(line: StoredLine, order: Desired, epoch: number, document: string): LineState {
  const { issuedAt } = order
  const atIssue: Instant = { wall: issuedAt, floor: issuedAt, monotonic: 0, boot: '' }
  const { state } = reduce(dormantLine(order.lineId), { order, epoch, now: atIssue, document })
  if (line.ended && order.service === 'suspended' && order.until !== undefined)
    return { ...ended(state), ...(line.clockStep && { clockStep: line.clockStep }) }
  const { countdown, clockStep } = line
  const isCounted = state.countdown !== undefined && countdown !== undefined
  return { ...state, ...(isCounted && { countdown }), ...(clockStep && { clockStep }) }
}

/** Whether the order says `enabled` is read from words that may be forged: see docs/security.md for what that gains. */
function carried({ lineId, document, ended: isOver }: StoredLine, log: Log): LineState | null {
  try {
    const order =
      document === undefined
        ? undefined
        : parsePayload('desired', readJws('desired', Buffer.from(document, 'latin1')).payload)
    const service = isOver ? (order?.then ?? 'enabled') : (order?.service ?? 'enabled')
    if (service !== 'enabled') return null
    log.warn('line-carried', { line: lineId })
    return carriedLine(lineId)
  } catch {
    return null
  }
}

async function verifiedFleet(document: string, trust: KnownKeys, log: Log): Promise<FleetState | null> {
  try {
    const { payload: order, epoch } = await verifyAgain('fleet', document, trust)
    return { epoch, order, digest: contentDigest(order), document }
  } catch (error) {
    log.error('order-unverified', { kind: 'fleet', code: codeOf(error), message: messageOf(error) })
    return null
  }
}
