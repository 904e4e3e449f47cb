import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { architectureSvg } from '../../scripts/check/architecture-svg.ts'
import { type Edge, placeGraph, transitiveReduction } from '../../scripts/check/layered-graph.ts'

const WIDTH = 50

/** Layers of one to four nodes, and edges that run downward. */
const graphs = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }).chain((sizes) => {
  const layers = sizes.map((size, layer) => Array.from({ length: size }, (_, i) => `${layer}-${i}`))
  const all = layers.flatMap((names, layer) =>
    names.flatMap((from) =>
      layers
        .slice(layer + 1)
        .flat()
        .map((to) => ({ from, to })),
    ),
  )
  return fc.record({ layers: fc.constant(layers), edges: fc.subarray(all) })
})

function reachable(edges: readonly Edge[], from: string): Set<string> {
  const found = new Set<string>()
  const visit = (name: string) => {
    for (const edge of edges)
      if (edge.from === name && !found.has(edge.to)) {
        found.add(edge.to)
        visit(edge.to)
      }
  }
  visit(from)
  return found
}

describe('the drawing of a layered graph', () => {
  it('leaves out an edge only where another way leads there', () => {
    fc.assert(
      fc.property(graphs, ({ layers, edges }) => {
        const kept = transitiveReduction(edges)
        for (const name of layers.flat()) expect(reachable(kept, name)).toEqual(reachable(edges, name))
        for (const edge of kept)
          expect(
            reachable(
              kept.filter((other) => other !== edge),
              edge.from,
            ),
          ).not.toContain(edge.to)
      }),
    )
  })

  it('puts no box upon another, and no arrow through a box', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const { nodes, routes } = placeGraph(graph, () => WIDTH)
        const passing = routes.flatMap(({ points }) => points.slice(1, -1))
        for (const [name, { layer, x }] of nodes) {
          for (const [other, place] of nodes)
            if (other !== name && place.layer === layer)
              expect(Math.abs(place.x - x)).toBeGreaterThanOrEqual(WIDTH)
          for (const point of passing)
            if (point.layer === layer) expect(Math.abs(point.x - x)).toBeGreaterThan(WIDTH / 2)
        }
      }),
    )
  })
})

describe('the picture of the module', () => {
  const layout = {
    floors: [[{ at: 'module/a', may: [], pure: true as const }], [{ at: 'module/b', may: ['module/a'] }]],
    compositionRoot: [{ at: 'module/main.ts', may: ['module/a', 'module/b'] }],
    outside: [],
    packages: {},
    builtins: {},
  }
  const file = (path: string, ...specifiers: string[]) => ({
    path,
    imports: specifiers.map((specifier) => ({ specifier, line: 1 })),
  })
  const files = [
    file('module/a/a.ts'),
    file('module/b/b.ts', '../a/a.ts'),
    file('module/main.ts', './a/a.ts', './b/b.ts'),
  ]

  it('shows what the files import, not what the table allows', () => {
    const svg = architectureSvg(layout, files)
    expect(svg).toContain('<title>main.ts imports a, b</title>')
    expect(svg.match(/class="arrow"/g)).toHaveLength(2)
    const without = architectureSvg(layout, [files[0]!, file('module/b/b.ts'), files[2]!])
    expect(without).not.toBe(svg)
    expect(without).toContain('<title>b imports nothing of ours</title>')
  })

  it('is the same each time, and in whichever order the files come', () => {
    expect(architectureSvg(layout, files.toReversed())).toBe(architectureSvg(layout, files))
  })
})
