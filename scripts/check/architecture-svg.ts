import { type Edge, type Placed, type PlacedGraph, placeGraph, transitiveReduction } from './layered-graph.ts'
import type { Layout } from './layout.ts'
import { type ImportingFile, realImports } from './walls.ts'

const BOX_HEIGHT = 34
const FLOOR_HEIGHT = 104
const LEFT = 120
const TOP = 76
const MARGIN = 24

const STYLE = `
  svg { --paper: #fff; --ink: #1c2430; --soft: #5b6675; --floor: #f3f5f8; --box: #fff; --line: #7f8b9c; --pure: #e3f1e7 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #14181e; --ink: #e6eaf0; --soft: #9aa5b4; --floor: #1c222a; --box: #29313c; --line: #76849a; --pure: #21402c }
  }
  .paper { fill: var(--paper) } .floor { fill: var(--floor) } text { fill: var(--ink) } .soft { fill: var(--soft) }
  .box { fill: var(--box); stroke: var(--line) } .pure { fill: var(--pure) } .arrow { fill: none; stroke: var(--line) }
  #head { fill: var(--line) }`

const short = (at: string) => at.replace(/^module\//, '').replace(/\/\*\*$/, '')
const boxWidth = (name: string) => 20 + 7.6 * short(name).length

/** Rooms by floor, the top first; without those that nothing ties to another (types that are everywhere). */
function drawnFloors(
  { floors, compositionRoot }: Layout,
  real: ReadonlyMap<string, ReadonlySet<string>>,
): string[][] {
  const imported = new Set([...real.values()].flatMap((names) => [...names]))
  return [...floors, compositionRoot]
    .map((rooms) => rooms.map(({ at }) => at).filter((at) => imported.has(at) || real.get(at)!.size > 0))
    .reverse()
}

function boxOf(at: string, { x, layer }: Placed, real: ReadonlySet<string>, pure: boolean): string {
  const width = boxWidth(at)
  const y = TOP + layer * FLOOR_HEIGHT
  const imports = [...real].map(short).sort().join(', ') || 'nothing of ours'
  return (
    `<g><title>${short(at)} imports ${imports}</title>` +
    `<rect class="box${pure ? ' pure' : ''}" x="${LEFT + x - width / 2}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="5"/>` +
    `<text x="${LEFT + x}" y="${y + 22}" text-anchor="middle">${short(at)}</text></g>`
  )
}

/** Straight through the floors that it passes, bent between them. */
function arrowOf(points: readonly Placed[]): string {
  const topOf = (layer: number) => TOP + layer * FLOOR_HEIGHT
  const [first, ...rest] = points
  let path = `M${LEFT + first!.x} ${topOf(first!.layer) + BOX_HEIGHT}`
  let from = first!
  for (const [i, to] of rest.entries()) {
    const last = i === rest.length - 1
    const [start, end] = [topOf(from.layer) + BOX_HEIGHT, topOf(to.layer) - (last ? 7 : 0)]
    const middle = (start + end) / 2
    path += ` C${LEFT + from.x} ${middle} ${LEFT + to.x} ${middle} ${LEFT + to.x} ${end}`
    if (!last) path += ` V${topOf(to.layer) + BOX_HEIGHT}`
    from = to
  }
  return `<path class="arrow" d="${path}" marker-end="url(#arrow)"/>`
}

function render(
  graph: PlacedGraph,
  floors: readonly (readonly string[])[],
  boxes: readonly string[],
): string {
  const width = LEFT + graph.width + MARGIN
  const height = TOP + floors.length * FLOOR_HEIGHT - (FLOOR_HEIGHT - BOX_HEIGHT) + MARGIN
  const rows = floors.map((_, layer) => {
    const y = TOP + layer * FLOOR_HEIGHT
    return (
      `<rect class="floor" x="8" y="${y - 14}" width="${width - 16}" height="${BOX_HEIGHT + 28}" rx="8"/>` +
      `<text class="soft" x="20" y="${y + 22}">floor ${floors.length - layer}</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<style>${STYLE}\n</style>`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path id="head" d="M0 0 8 4 0 8z"/></marker></defs>',
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text x="20" y="28" font-size="16">The rooms of module/ and what they import</text>`,
    '<text class="soft" x="20" y="48">An arrow is left out where a longer way leads to the same room. Green: pure, bytes in and bytes out.</text>',
    ...rows,
    ...graph.routes.map(({ points }) => arrowOf(points)),
    ...boxes,
    '</svg>',
    '',
  ].join('\n')
}

/** The module's rooms by floor, and the imports between them as the files make them. */
export function architectureSvg(layout: Layout, files: readonly ImportingFile[]): string {
  const real = realImports(layout, files)
  const floors = drawnFloors(layout, real)
  const root = new Set(floors[0])
  const edges: Edge[] = floors
    .flat()
    .flatMap((from) => [...real.get(from)!].sort().map((to) => ({ from, to })))
    .filter(({ from, to }) => !(root.has(from) && root.has(to)))
  const graph = placeGraph({ layers: floors, edges: transitiveReduction(edges) }, boxWidth)
  const pure = new Set(layout.floors.flat().flatMap((room) => (room.pure ? [room.at] : [])))
  const boxes = floors.flat().map((at) => boxOf(at, graph.nodes.get(at)!, real.get(at)!, pure.has(at)))
  return render(graph, floors, boxes)
}
