import { fleetModeOf, reduceFleet } from './fleet.ts'
import { dormantLine, type OrderEvent, reduce } from './reduce.ts'
import { reduceTime } from './suspension.ts'
import type { FleetOrder, FleetState, Instant, LineState, Reduced } from './types.ts'

/** Everything accepted, of every line this modem ever had: it outlives a wipe, or an old order could come back. */
export interface LineBook {
  readonly lines: readonly LineState[]
  readonly fleet?: FleetState
}

export const emptyBook: LineBook = { lines: [] }

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
  { epoch, lineIds, document }: { epoch: number; lineIds: readonly string[]; document?: string },
): Reduced<LineBook> {
  const result = reduceFleet(book.fleet, order, epoch, document)
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
