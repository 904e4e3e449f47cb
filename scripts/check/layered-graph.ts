/** A picture of a graph in layers (Sugiyama): edges run downward, and through a gap in each layer that they pass. */

export interface Edge {
  readonly from: string
  readonly to: string
}

export interface LayeredGraph {
  /** The top layer first: names, in any order. */
  readonly layers: readonly (readonly string[])[]
  /** From a name to one of a lower layer. */
  readonly edges: readonly Edge[]
}

export interface Placed {
  readonly layer: number
  /** Of its middle. */
  readonly x: number
}

export interface PlacedGraph {
  readonly width: number
  readonly nodes: ReadonlyMap<string, Placed>
  /** From the top to the bottom, one point a layer. */
  readonly routes: readonly { readonly edge: Edge; readonly points: readonly Placed[] }[]
}

const GAP = 18
const GAP_WIDTH = 6
const SWEEPS = 24

/** Leaves out each edge that another way leads along. */
export function transitiveReduction(edges: readonly Edge[]): Edge[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to])
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
    // Edges that run in a circle are the walls' to refuse; here they must end.
    if (seen.has(from)) return false
    seen.add(from)
    return (next.get(from) ?? []).some((one) => one === to || reaches(one, to, seen))
  }
  return edges.filter(({ from, to }) => !next.get(from)!.some((one) => one !== to && reaches(one, to)))
}

interface Cell {
  readonly name: string
  readonly width: number
  readonly above: Cell[]
  readonly below: Cell[]
  x: number
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Puts cells side by side in their order, each as near to where it wants to be as its neighbours allow. */
function settle(row: readonly Cell[], wanted: readonly number[]): void {
  interface Block {
    readonly cells: Cell[]
    /** Where its first cell wants to begin, by each of its cells. */
    readonly starts: number[]
    width: number
    at: number
  }
  const blocks: Block[] = []
  for (const [i, cell] of row.entries()) {
    let block: Block = {
      cells: [cell],
      starts: [wanted[i]! - cell.width / 2],
      width: cell.width,
      at: wanted[i]! - cell.width / 2,
    }
    for (let left = blocks.at(-1); left && left.at + left.width + GAP > block.at; left = blocks.at(-1)) {
      blocks.pop()
      const shift = left.width + GAP
      const starts = [...left.starts, ...block.starts.map((start) => start - shift)]
      const at = starts.reduce((sum, start) => sum + start, 0) / starts.length
      block = { cells: [...left.cells, ...block.cells], starts, width: shift + block.width, at }
    }
    blocks.push(block)
  }
  for (const { cells, at } of blocks) {
    let x = at
    for (const cell of cells) {
      cell.x = x + cell.width / 2
      x += cell.width + GAP
    }
  }
}

function crossings(rows: readonly (readonly Cell[])[]): number {
  let count = 0
  for (const row of rows) {
    const ends = row.flatMap((cell) => cell.below.map((other) => [cell.x, other.x] as const))
    for (const [i, [a, b]] of ends.entries())
      for (const [c, d] of ends.slice(i + 1)) if ((a - c) * (b - d) < 0) count++
  }
  return count
}

/** One pass over the rows, each ordered by where its neighbours stand. */
function sweep(rows: Cell[][], side: 'above' | 'below'): void {
  for (const row of side === 'above' ? rows : rows.toReversed()) {
    const wanted = new Map(
      row.map((cell) => [cell, cell[side].length === 0 ? cell.x : median(cell[side].map(({ x }) => x))]),
    )
    row.sort((a, b) => wanted.get(a)! - wanted.get(b)!)
    settle(
      row,
      row.map((cell) => wanted.get(cell)!),
    )
  }
}

function cellsOf({ layers, edges }: LayeredGraph, widthOf: (name: string) => number) {
  const cell = (name: string, width: number): Cell => ({ name, width, above: [], below: [], x: 0 })
  const rows = layers.map((names) => names.map((name) => cell(name, widthOf(name))))
  const layerOf = new Map(layers.flatMap((names, layer) => names.map((name) => [name, layer] as const)))
  const named = new Map(rows.flat().map((one) => [one.name, one]))
  const chains = edges.map((edge) => {
    const chain = [named.get(edge.from)!]
    for (let layer = layerOf.get(edge.from)! + 1; layer < layerOf.get(edge.to)!; layer++) {
      const gap = cell('', GAP_WIDTH)
      rows[layer]!.push(gap)
      chain.push(gap)
    }
    chain.push(named.get(edge.to)!)
    for (let i = 1; i < chain.length; i++) {
      chain[i - 1]!.below.push(chain[i]!)
      chain[i]!.above.push(chain[i - 1]!)
    }
    return { edge, chain }
  })
  return { rows, layerOf, named, chains }
}

/** Deterministic: the same graph gives the same picture. */
export function placeGraph(graph: LayeredGraph, widthOf: (name: string) => number): PlacedGraph {
  const { rows, layerOf, named, chains } = cellsOf(graph, widthOf)
  const all = rows.flat()
  for (const row of rows)
    settle(
      row,
      row.map((_, i) => i),
    )
  let best = { crossings: Number.POSITIVE_INFINITY, xs: all.map(({ x }) => x) }
  for (let i = 0; i < SWEEPS; i++) {
    sweep(rows, i % 2 === 0 ? 'above' : 'below')
    const count = crossings(rows)
    if (count < best.crossings) best = { crossings: count, xs: all.map(({ x }) => x) }
  }
  for (const [i, cell] of all.entries()) cell.x = best.xs[i]!
  const left = Math.min(...all.map(({ x, width }) => x - width / 2))
  const right = Math.max(...all.map(({ x, width }) => x + width / 2))
  const place = (cell: Cell, layer: number) => ({ layer, x: Math.round(cell.x - left) })
  return {
    width: Math.ceil(right - left),
    nodes: new Map([...named].map(([name, cell]) => [name, place(cell, layerOf.get(name)!)])),
    routes: chains.map(({ edge, chain }) => ({
      edge,
      points: chain.map((cell, i) => place(cell, layerOf.get(edge.from)! + i)),
    })),
  }
}
