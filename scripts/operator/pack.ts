import { readFileSync } from 'node:fs'
import { messageOf } from '../../module/base/error.ts'
import { refused, usage } from './exit.ts'
import type { Numbers } from './numbers.ts'
import type { LineView } from './orders.ts'
import type { Pack } from './register/records.ts'
import type { Register } from './register/register.ts'
import { lineIdPattern } from './selection.ts'

export type Step =
  | { lineId: string; act: 'order' }
  | { lineId: string; act: 'leave'; why: 'taken-out' | 'suspended' | 'terminated' | 'disabled-already' }

function lineIds(value: unknown, invalid: (why: string) => Error, name: string): string[] {
  if (!Array.isArray(value)) throw invalid(`${name} must be an array of line ids`)
  for (const id of value)
    if (typeof id !== 'string' || !lineIdPattern.test(id))
      throw invalid(`${name}: ${JSON.stringify(id)} is no line id`)
  if (new Set(value).size !== value.length) throw invalid(`${name} names a line twice`)
  return value
}

/** @throws OperatorError OPERATOR_PACK_INVALID naming the file and the place */
export function parsePack(text: string, file: string): Pack {
  const invalid = (why: string) =>
    refused('OPERATOR_PACK_INVALID', `${file}: ${why}`, 'docs/operating.md shows a pack file.')
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw invalid(`not JSON: ${messageOf(error)}`)
  }
  if (typeof data !== 'object' || data === null) throw invalid('not an object')
  const options = new Map<string, unknown>(Object.entries(data))
  for (const name of options.keys())
    if (!['pack', 'lines', 'out', 'ordered'].includes(name)) throw invalid(`unknown option "${name}"`)
  const pack = options.get('pack')
  if (typeof pack !== 'string' || !lineIdPattern.test(pack))
    throw invalid('pack must be the name of the pack')
  const lines = lineIds(options.get('lines'), invalid, 'lines')
  const out = lineIds(options.get('out') ?? [], invalid, 'out')
  const stranger = out.find((id) => !lines.includes(id))
  if (lines.length === 0) throw invalid('lines is empty')
  if (stranger) throw invalid(`out names ${stranger}, which is not among lines`)
  const ordered = new Map<string, Numbers>(Object.entries(options.get('ordered') ?? {}))
  for (const [id, numbers] of ordered)
    if (!Number.isSafeInteger(numbers?.generation) || !Number.isSafeInteger(numbers?.sequence))
      throw invalid(`ordered.${id} is not {generation, sequence}`)
  return { pack, lines, out, ordered: Object.fromEntries(ordered) }
}

function readPack(file: string): Pack {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw usage(`the pack file cannot be read: ${messageOf(error)}`)
  }
  return parsePack(text, file)
}

/**
 * A pack's lines are its file's; what was taken out and ordered is the register's. `out` and `ordered` of a file count
 * where the register does not know the pack: earlier tools kept them there.
 */
export async function openPack(register: Register, file: string): Promise<Pack> {
  const given = readPack(file)
  const known = await register.pack(given.pack)
  if (!known) return given
  return { ...known, lines: given.lines, out: known.out.filter((id) => given.lines.includes(id)) }
}

/** The last order of the line is not the pack's own: somebody has given the line one alone. */
function orderedAlone(pack: Pack, { lineId, desired }: LineView): boolean {
  const own = new Map(Object.entries(pack.ordered)).get(lineId)
  if (!own || !desired) return false
  return own.generation !== desired.generation || own.sequence !== desired.sequence
}

/**
 * Which lines are out now: those of the file, corrected by what was ordered for a line alone since
 * (`line disable` takes out, `line enable` puts back).
 */
export function linesOut(pack: Pack, views: readonly LineView[]): string[] {
  const out = new Set(pack.out)
  for (const view of views) {
    if (!orderedAlone(pack, view)) continue
    if (view.desired?.service === 'disabled') out.add(view.lineId)
    if (view.desired?.service === 'enabled') out.delete(view.lineId)
  }
  return pack.lines.filter((id) => out.has(id))
}

/**
 * One order per line of the pack, or why there is none: a line that was taken out stays out, a suspension is not lifted
 * by sending the pack again, and a terminated line starts anew only by an order of its own.
 */
export function expandPack(pack: Pack, views: readonly LineView[], service: 'enabled' | 'disabled'): Step[] {
  const out = new Set(linesOut(pack, views))
  return views.map((view): Step => {
    const { lineId } = view
    const now = view.desired?.service
    if (now === 'terminated') return { lineId, act: 'leave', why: 'terminated' }
    if (out.has(lineId)) return { lineId, act: 'leave', why: 'taken-out' }
    if (now === 'suspended' && service === 'enabled') return { lineId, act: 'leave', why: 'suspended' }
    if (now === 'disabled' && service === 'disabled') return { lineId, act: 'leave', why: 'disabled-already' }
    return { lineId, act: 'order' }
  })
}
