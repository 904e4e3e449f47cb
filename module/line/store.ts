import { StateFile, type StateFs } from '../platform/state-file.ts'
import { fleetModeOf, reduceFleet } from './fleet.ts'
import { dormantLine, type OrderEvent, reduce } from './reduce.ts'
import { reduceTime } from './suspension.ts'
import type { FleetOrder, FleetState, Instant, LineState, Reduced } from './types.ts'

/** Everything accepted, of every line this modem ever had: it outlives a wipe, or an old order could come back. */
export interface LineBook {
  readonly v: 1
  readonly lines: readonly LineState[]
  readonly fleet?: FleetState
}

export const emptyBook: LineBook = { v: 1, lines: [] }

function isLineState(data: unknown): data is LineState {
  if (typeof data !== 'object' || data === null) return false
  const { lineId, epoch, generation, sequence, service, digest } = data as Record<string, unknown>
  return (
    [lineId, service, digest].every((value) => typeof value === 'string') &&
    [epoch, generation, sequence].every(Number.isSafeInteger)
  )
}

/** @throws Error if the data is not a book of version 1 */
export function parseLineBook(data: unknown): LineBook {
  if (typeof data === 'object' && data !== null && 'v' in data && data.v === 1 && 'lines' in data)
    if (Array.isArray(data.lines) && data.lines.every(isLineState)) return data as LineBook
  throw new Error('not a book of lines of version 1')
}

/** `lines.state` in the data folder. */
export function lineBookFile(folder: string, fs?: StateFs): StateFile<LineBook> {
  return new StateFile({ folder, name: 'lines.state', parse: parseLineBook, ...(fs && { fs }) })
}

/** A line that is not in the book never got an order. */
export function lineOf(book: LineBook, lineId: string): LineState {
  return book.lines.find((line) => line.lineId === lineId) ?? dormantLine(lineId)
}

function withLine(book: LineBook, state: LineState): LineBook {
  const others = book.lines.filter((line) => line.lineId !== state.lineId)
  return { ...book, lines: [...others, state] }
}

/** The book itself is returned, identical, where nothing is to be written. */
function changed(book: LineBook, result: Reduced): Reduced<LineBook> {
  const isSame = result.state === lineOf(book, result.state.lineId) || result.state.service === 'dormant'
  return { ...result, state: isSame ? book : withLine(book, result.state) }
}

/** A verified order for a line. */
export function withOrder(book: LineBook, event: OrderEvent): Reduced<LineBook> {
  return changed(book, reduce(lineOf(book, event.order.lineId), event))
}

/** Time passes: suspensions end. Write the book if the outcome is `applied`; keep it in memory in any case. */
export function withTime(book: LineBook, now: Instant): Reduced<LineBook> {
  const results = book.lines.map((line) => reduceTime(line, now))
  const news = results.filter((result) => result.outcome === 'applied')
  const isSame = results.every((result, i) => result.state === book.lines[i])
  const state = isSame ? book : { ...book, lines: results.map((result) => result.state) }
  const code = news.find((result) => result.code !== undefined)?.code
  return { state, outcome: news.length > 0 ? 'applied' : 'repeated', ...(code && { code }), effects: [] }
}

/**
 * A verified order for the fleet.
 * @param lineIds the lines of this modem: `wipe` if it retires one of them that was not retired
 */
export function withFleet(
  book: LineBook,
  order: FleetOrder,
  { epoch, lineIds }: { epoch: number; lineIds: readonly string[] },
): Reduced<LineBook> {
  const result = reduceFleet(book.fleet, order, epoch)
  if (result.state === book.fleet || !result.state) return { ...result, state: book }
  const fleet = result.state
  const retires = (lineId: string) =>
    fleetModeOf(fleet, lineId) === 'retire' && fleetModeOf(book.fleet, lineId) !== 'retire'
  return { ...result, state: { ...book, fleet }, effects: lineIds.some(retires) ? ['wipe'] : [] }
}

/**
 * What must not be on this modem: to be asked on a `wipe` effect, and at every start, as power may fail between the order and
 * the wiping. `lines`: whose counters and history go; `list`: the list goes too, as no line has the service any more.
 */
export function mustBeGone(book: LineBook, lineIds: readonly string[]): { lines: string[]; list: boolean } {
  const isOver = (lineId: string) =>
    lineOf(book, lineId).service === 'terminated' || fleetModeOf(book.fleet, lineId) === 'retire'
  const isIdle = (lineId: string) => isOver(lineId) || lineOf(book, lineId).service === 'dormant'
  return { lines: lineIds.filter(isOver), list: lineIds.every(isIdle) }
}

/** For Trust.load: where the stored keys are lost, counting of epochs goes on from here. */
export function highestEpoch(book: LineBook): number {
  return Math.max(1, book.fleet?.epoch ?? 1, ...book.lines.map((line) => line.epoch))
}
