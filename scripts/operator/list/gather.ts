import { SecureNetError } from '../../../module/base/error.ts'
import { type Format, FormatGuess, type Guess, parserOf } from './formats.ts'
import { lineBatches, type Source } from './lines.ts'
import { onlyText } from './only-text.ts'
import type { DropReason, Scope, Sink } from './rule.ts'

/** One source of names. Where two inputs have the same name, the earlier input's category stands. */
export interface ListInput {
  /** For the report: a file's name. */
  name: string
  source: Source
  /** Number of the category (module/category.ts). */
  category: number
  /** Guessed from the first lines if absent. */
  format?: Format
}

export interface Drop {
  input: string
  line: number
  reason: DropReason
  /** The line, cut at 120 characters. */
  text: string
}

export interface InputReport {
  name: string
  format: Format
  /** Lines that look like another format than the one that was guessed; empty where it was named. */
  others: ReadonlyMap<Format, number>
  lines: number
  /** Different names that its lines block, whoever else has them and whatever its exceptions say. */
  names: number
  /** Names this input added or widened to a tree. */
  taken: number
  /** Names that were there already. */
  duplicates: number
  /** Names taken back by `@@||name^`, `$badfilter` or rpz-passthru. */
  excepted: number
  /** Exceptions under a name that stays blocked as a tree: put them into the head's `allow`. */
  unexpressed: readonly string[]
  dropped: ReadonlyMap<DropReason, number>
}

/** Where a name came from and what it is. */
export interface Gathered {
  category: number
  scope: Scope
  input: number
}

export type Names = Map<string, Gathered>

export interface GatherOptions {
  /** Names of all inputs together. */
  mostNames: number
  onDrop: (drop: Drop) => void
  /** Called after each batch of lines with the lines read so far, all inputs together. */
  onLines: (lines: number) => void
}

interface Exception {
  scope: Scope
  firm: boolean
}

/**
 * Exceptions of one input against the names of that same input: one list cannot open what another closes.
 * @param firm names that only a firm exception takes back
 */
function takeBack(
  own: Map<string, Scope>,
  exceptions: ReadonlyMap<string, Exception>,
  firm: ReadonlySet<string>,
) {
  let excepted = 0
  const unexpressed: string[] = []
  const covers = (above: string, name: string) => {
    const exception = exceptions.get(above)
    if (!exception || (firm.has(name) && !exception.firm)) return false
    return above === name || exception.scope === 'tree'
  }
  for (const name of own.keys()) {
    if (![name, ...parents(name)].some((above) => covers(above, name))) continue
    own.delete(name)
    excepted += 1
  }
  const stays = (above: string, exception: Exception) =>
    own.get(above) === 'tree' && (exception.firm || !firm.has(above))
  for (const [name, exception] of exceptions) {
    if (parents(name).some((parent) => stays(parent, exception))) unexpressed.push(name)
  }
  return { excepted, unexpressed }
}

/** @returns the names above, nearest first, without the root */
export function parents(name: string): string[] {
  const above: string[] = []
  for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) above.push(name.slice(at + 1))
  return above
}

function tooMany(most: number): SecureNetError {
  return new SecureNetError(
    'LIST_TOO_LARGE',
    `the inputs have more than ${most} names`,
    'Is every input a list, and each needed? Modems have room for no longer one.',
  )
}

/** The lines, and their format: named, or guessed from the first ones. */
async function guessed({ name, source, format }: ListInput) {
  const lines = lineBatches(onlyText(name, source))
  const read: string[][] = []
  const votes = new FormatGuess()
  while (!format) {
    const { value, done } = await lines.next()
    if (done) break
    read.push(value)
    if (votes.add(value)) break
  }
  async function* batches() {
    yield* read
    yield* lines
  }
  const guess: Guess = format ? { format, others: new Map() } : votes.guess
  return { batches: batches(), guess }
}

function refuseOpen({ name }: ListInput, line: number | undefined): void {
  if (line === undefined) return
  throw new SecureNetError(
    'LIST_INPUT',
    `${name}: the parenthesis in line ${line} is never closed (RFC 1035 §5.1), so that no record follows it`,
    'Is the file whole? Fetch it again, or mend that line.',
  )
}

/** Where two inputs have a name, the earlier one's category stands, unless the later one widens it to a tree. */
function addTo(
  names: Names,
  own: ReadonlyMap<string, Scope>,
  from: Omit<Gathered, 'scope'>,
  mostNames: number,
): { taken: number; duplicates: number } {
  let taken = 0
  for (const [name, scope] of own) {
    const before = names.get(name)
    if (before && (before.scope === 'tree' || scope === 'exact')) continue
    names.set(name, { ...from, scope })
    taken += 1
    if (names.size > mostNames) throw tooMany(mostNames)
  }
  return { taken, duplicates: own.size - taken }
}

/** Reads one input to its end and adds its names. */
export async function gather(
  names: Names,
  input: ListInput,
  index: number,
  { mostNames, onDrop, onLines }: GatherOptions,
): Promise<InputReport> {
  const own = new Map<string, Scope>()
  const firm = new Set<string>()
  const exceptions = new Map<string, Exception>()
  const dropped = new Map<DropReason, number>()
  let lines = 0
  let duplicates = 0
  let text = ''
  const sink: Sink = {
    block(name, scope, isFirm = false) {
      if (isFirm) firm.add(name)
      const before = own.get(name)
      if (before !== undefined) duplicates += 1
      if (before === undefined || scope === 'tree') own.set(name, scope)
    },
    except(name, scope, isFirm = false) {
      const before = exceptions.get(name)
      const widest = before?.scope === 'tree' ? 'tree' : scope
      exceptions.set(name, { scope: widest, firm: isFirm || before?.firm === true })
    },
    drop(reason) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
      onDrop({ input: input.name, line: lines, reason, text: text.slice(0, 120) })
    },
  }

  const { batches, guess } = await guessed(input)
  const parse = parserOf(guess.format)
  for await (const batch of batches) {
    for (const line of batch) {
      lines += 1
      text = line
      parse(line, sink)
    }
    if (own.size > mostNames) throw tooMany(mostNames)
    onLines(lines)
  }
  refuseOpen(input, parse.openSince?.())

  const given = own.size
  const { excepted, unexpressed } =
    exceptions.size > 0 ? takeBack(own, exceptions, firm) : { excepted: 0, unexpressed: [] }
  const added = addTo(names, own, { category: input.category, input: index }, mostNames)
  return {
    name: input.name,
    ...guess,
    lines,
    names: given,
    taken: added.taken,
    duplicates: duplicates + added.duplicates,
    excepted,
    unexpressed,
    dropped,
  }
}
