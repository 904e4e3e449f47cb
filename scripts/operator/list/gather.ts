import { detectFormat, type Format, parserOf } from './formats.ts'
import { lineBatches, type Source } from './lines.ts'
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
  lines: number
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
  onDrop: (drop: Drop) => void
  /** Called after each batch of lines with the lines read so far, all inputs together. */
  onLines: (lines: number) => void
}

/** Exceptions of one input against the names of that same input: one list cannot open what another closes. */
function takeBack(own: Map<string, Scope>, exceptions: ReadonlyMap<string, Scope>) {
  let excepted = 0
  const unexpressed: string[] = []
  const trees = new Set([...exceptions].filter(([, scope]) => scope === 'tree').map(([name]) => name))
  const covered = (name: string) => exceptions.has(name) || parents(name).some((parent) => trees.has(parent))
  for (const name of own.keys()) {
    if (!covered(name)) continue
    own.delete(name)
    excepted += 1
  }
  for (const name of exceptions.keys()) {
    if (parents(name).some((parent) => own.get(parent) === 'tree')) unexpressed.push(name)
  }
  return { excepted, unexpressed }
}

/** @returns the names above, nearest first, without the root */
export function parents(name: string): string[] {
  const above: string[] = []
  for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) above.push(name.slice(at + 1))
  return above
}

/** Reads one input to its end and adds its names. */
export async function gather(
  names: Names,
  input: ListInput,
  index: number,
  { onDrop, onLines }: GatherOptions,
): Promise<InputReport> {
  const own = new Map<string, Scope>()
  const exceptions = new Map<string, Scope>()
  const dropped = new Map<DropReason, number>()
  let lines = 0
  let duplicates = 0
  let text = ''
  const sink: Sink = {
    block(name, scope) {
      const before = own.get(name)
      if (before !== undefined) duplicates += 1
      if (before === undefined || scope === 'tree') own.set(name, scope)
    },
    except: (name, scope) => void exceptions.set(name, scope),
    drop(reason) {
      dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
      onDrop({ input: input.name, line: lines, reason, text: text.slice(0, 120) })
    },
  }

  let format = input.format
  let parse = format && parserOf(format)
  for await (const batch of lineBatches(input.source)) {
    format ??= detectFormat(batch)
    parse ??= parserOf(format)
    for (const line of batch) {
      lines += 1
      text = line
      parse(line, sink)
    }
    onLines(lines)
  }

  const { excepted, unexpressed } =
    exceptions.size > 0 ? takeBack(own, exceptions) : { excepted: 0, unexpressed: [] }
  let taken = 0
  for (const [name, scope] of own) {
    const before = names.get(name)
    if (before && (before.scope === 'tree' || scope === 'exact')) duplicates += 1
    else {
      names.set(name, { category: input.category, scope, input: index })
      taken += 1
    }
  }
  return {
    name: input.name,
    format: format ?? 'domains',
    lines,
    taken,
    duplicates,
    excepted,
    unexpressed,
    dropped,
  }
}
