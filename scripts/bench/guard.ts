import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Allocations } from './allocations.ts'
import { numberText, type Row } from './report.ts'

/** What a quick run is held against; ratios are compared loudly, allocations may fail it. */
export interface Committed {
  /** `figure / peer` -> ratio. */
  ratios: Record<string, number>
  /** Bytes a query, heap and buffers, by path. */
  allocations: Record<string, number>
}

/** A ratio moves so far by noise alone on a machine that others use. */
const NOISE = 1.35
/** Bytes a query are the same from run to run within a percent or two; other versions of Node differ more. */
const ALLOCATION_MARGIN = 1.2

export const ratioKey = ({ figure, peerName }: Row) => `${figure} / ${peerName}`

export function readCommitted(path: string): Committed {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { ratios: {}, allocations: {} }
}

/** @returns a line for every ratio that is further off than noise; CPU and time are better when lower */
export function compareRatios(rows: readonly Row[], committed: Committed): string[] {
  const said: string[] = []
  for (const row of rows) {
    const before = committed.ratios[ratioKey(row)]
    if (row.ratio === null || before === undefined) continue
    const change = row.unit === 'q/s' ? row.ratio / before : before / row.ratio
    const now = `${ratioKey(row)}: ${numberText(row.ratio)} x, committed ${numberText(before)} x`
    if (change < 1 / NOISE) said.push(`WORSE   ${now}`)
    else if (change > NOISE) said.push(`better  ${now}: commit it (--commit)`)
  }
  return said
}

/** @returns a line for every path that allocates more than it may */
export function compareAllocations(measured: readonly Allocations[], committed: Committed): string[] {
  return measured.flatMap(({ path, heapBytes, bufferBytes }) => {
    const before = committed.allocations[path]
    const now = heapBytes + bufferBytes
    if (before === undefined || now <= before * ALLOCATION_MARGIN) return []
    return [`${path}: ${now} bytes a query, committed ${before} (at most ${ALLOCATION_MARGIN} x)`]
  })
}

/** In a child with a young generation so large that nothing is collected while it counts. */
export function allocationsInChild(script: string, root: string): Allocations[] {
  const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
  const child = spawnSync(process.execPath, [...flags, script, '--allocations'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.status !== 0) throw new Error('the count of allocations failed; its reason is above')
  return JSON.parse(child.stdout.toString())
}

export const committedPath = (root: string) => join(root, 'scripts', 'bench', 'committed.json')
