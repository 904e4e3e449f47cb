import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a figure is to be: of the ratio to the peer, of the difference to it, or of our own value. */
export interface Goal {
  of: 'ratio' | 'difference' | 'ours'
  least?: number
  most?: number
}

export interface Row {
  figure: string
  unit: string
  peerName: string
  /** Median of the rounds. */
  ours: number
  peer: number | null
  /** Median of the rounds' ratios; null without a peer. */
  ratio: number | null
  /** Lowest and highest ratio of a round. */
  spread: [number, number] | null
  goal: string | null
  met: boolean | null
}

export interface Measured {
  figure: string
  unit: string
  ours: readonly number[]
  /** In the same order: round i of both belongs together. */
  peer?: { name: string; values: readonly number[] }
  goal?: Goal
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function goalText({ of, least, most }: Goal, unit: string): string {
  const bound = least === undefined ? `<= ${most}` : `>= ${least}`
  if (of === 'ratio') return `${bound} x`
  return of === 'difference' ? `${bound} ${unit} more` : `${bound} ${unit}`
}

function isMet({ least, most }: Goal, value: number): boolean {
  return (least === undefined || value >= least) && (most === undefined || value <= most)
}

export function rowOf({ figure, unit, ours, peer, goal }: Measured): Row {
  const own = median(ours)
  const ratios = peer ? ours.map((value, i) => value / peer.values[i]!) : []
  const theirs = peer ? median(peer.values) : null
  const ratio = peer ? median(ratios) : null
  const added = peer ? median(ours.map((value, i) => value - peer.values[i]!)) : own
  const judged = goal?.of === 'ratio' ? ratio : goal?.of === 'difference' ? added : own
  return {
    figure,
    unit,
    peerName: peer?.name ?? '',
    ours: own,
    peer: theirs,
    ratio,
    spread: peer ? [Math.min(...ratios), Math.max(...ratios)] : null,
    goal: goal ? goalText(goal, unit) : null,
    met: goal && judged !== null ? isMet(goal, judged) : null,
  }
}

export function numberText(value: number | null): string {
  if (value === null) return ''
  if (Math.abs(value) >= 1000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

const headings = ['figure', 'unit', 'ours', 'peer', 'its', 'ratio', 'spread', 'goal', 'met']

function cellsOf(row: Row): string[] {
  const spread = row.spread ? `${numberText(row.spread[0])}-${numberText(row.spread[1])}` : ''
  const met = row.met === null ? '' : row.met ? 'yes' : 'NO'
  const { figure, unit, peerName, goal } = row
  const numbers = [numberText(row.ours), peerName, numberText(row.peer), numberText(row.ratio), spread]
  return [figure, unit, ...numbers, goal ?? '', met]
}

/** For a terminal. */
export function tableText(rows: readonly Row[]): string {
  const cells = [headings, ...rows.map(cellsOf)]
  const widths = headings.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)))
  return cells
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function tableMarkdown(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map((row) => line(cellsOf(row)))].join(
    '\n',
  )
}

export interface Circumstances {
  date: string
  machine: string
  node: string
  names: number
  rounds: number
  seconds: number
  load: number
}

export function writeReport(
  folder: string,
  name: string,
  rows: readonly Row[],
  about: Circumstances,
): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.json`)
  writeFileSync(path, `${JSON.stringify({ about, rows }, null, 2)}\n`)
  return path
}
