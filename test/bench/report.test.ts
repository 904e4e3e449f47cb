import { describe, expect, it } from 'vitest'
import { figureIn, latenciesIn, quantile } from '../../scripts/bench/dnsperf.ts'
import { type Committed, compareAllocations, compareRatios } from '../../scripts/bench/guard.ts'
import { ratioPlot } from '../../scripts/bench/plot.ts'
import { rowOf, tableMarkdown, tableText } from '../../scripts/bench/report.ts'
import { cpuSecondsOf, memoryOf } from '../../scripts/bench/server-process.ts'

const rate = (ours: number[], peer: number[], least: number) =>
  rowOf({
    figure: 'blocked: rate',
    unit: 'q/s',
    ours,
    peer: { name: 'dnsmasq', values: peer },
    goal: { of: 'ratio', least },
  })

describe('a row', () => {
  it('compares round by round: its ratio is the median of ratios, not the ratio of medians', () => {
    const row = rate([100, 10, 100], [50, 5, 400], 1.2)
    expect(row).toMatchObject({
      ours: 100,
      peer: 50,
      ratio: 2,
      spread: [0.25, 2],
      goal: '>= 1.2 x',
      met: true,
    })
  })

  it.each([
    [1.2, true],
    [1.21, false],
  ])('is met at the goal itself: %d', (least, met) => {
    expect(rate([120], [100], least).met).toBe(met)
  })

  it('judges a difference or its own value where the goal is one', () => {
    const peer = { name: 'stock', values: [1] }
    const added = {
      figure: 'p99',
      unit: 'ms',
      ours: [1.4],
      peer,
      goal: { of: 'difference', most: 0.3 } as const,
    }
    expect(rowOf(added)).toMatchObject({ met: false, goal: '<= 0.3 ms more' })
    const rounds = { ...added, ours: [5, 1.2, 9], peer: { name: 'stock', values: [4.9, 1, 8.9] } }
    expect(rowOf(rounds)).toMatchObject({ ours: 5, peer: 4.9, met: true })
    const own = { figure: 'memory', unit: 'MB', ours: [29], goal: { of: 'ours', most: 30 } as const }
    expect(rowOf(own)).toMatchObject({ met: true, ratio: null, peer: null, spread: null })
  })

  it('without a goal is neither met nor missed', () => {
    expect(rowOf({ figure: 'x', unit: 's', ours: [3, 1, 2] })).toMatchObject({
      ours: 2,
      goal: null,
      met: null,
    })
  })

  it('stands in both tables', () => {
    const rows = [rate([120], [100], 1.2), rate([1], [2], 1)]
    expect(tableText(rows).split('\n')).toHaveLength(3)
    expect(tableMarkdown(rows)).toContain(
      '| blocked: rate | q/s | 120 | dnsmasq | 100 | 1.20 | 1.20-1.20 | >= 1.2 x | yes |',
    )
    expect(tableText(rows)).toMatch(/0\.50 .* NO$/m)
  })
})

describe('what is read', () => {
  it('of dnsperf: rates, and ascending latencies in ms', () => {
    const printed =
      '> NOERROR b.com A 0.000534\n> NOERROR a.com HTTPS 0.000104\n  Queries lost:         7 (1.00%)\n'
    expect([...latenciesIn(printed)].map((ms) => ms.toFixed(3))).toEqual(['0.104', '0.534'])
    expect(figureIn(printed, 'Queries lost')).toBe(7)
    expect(figureIn(printed, 'Run time')).toBeNaN()
  })

  it.each([
    [0, 1],
    [0.5, 51],
    [0.99, 100],
    [1, 100],
  ])('quantile %d', (share, value) => {
    expect(
      quantile(
        Float64Array.from({ length: 100 }, (_, i) => i + 1),
        share,
      ),
    ).toBe(value)
  })

  it('of /proc/PID/stat, whatever the program is called', () => {
    const stat = '7 (a) b (c) S 1 7 7 0 -1 4194304 0 0 0 0 120 30 5 1 20 0 1 0 99 0 0'
    expect(cpuSecondsOf(stat, 100)).toBeCloseTo(1.56)
  })

  it('of /proc/PID/smaps_rollup', () => {
    const rollup = 'Rss:  73728 kB\nPss: 1 kB\nPrivate_Clean:  2048 kB\nPrivate_Dirty: 30720 kB\n'
    expect(memoryOf(rollup)).toEqual({ residentMb: 72, privateMb: 32, unreclaimableMb: 30 })
  })
})

describe('the guard', () => {
  const committed: Committed = { ratios: { 'blocked: rate / dnsmasq': 1 }, allocations: { blocked: 500 } }

  it.each([
    [130, []],
    [80, []],
    [60, ['WORSE']],
    [150, ['better']],
  ])('says what is further off than noise: %d of 100', (ours, said) => {
    expect(compareRatios([rate([ours], [100], 1)], committed).map((line) => line.split(/\s+/)[0])).toEqual(
      said,
    )
  })

  it('knows that less CPU is better', () => {
    const row = rowOf({ figure: 'CPU', unit: 'us', ours: [60], peer: { name: 'x', values: [100] } })
    expect(compareRatios([row], { ratios: { 'CPU / x': 1 }, allocations: {} })[0]).toMatch(/^better/)
  })

  it.each([
    [550, 50, 0],
    [550, 51, 1],
  ])('fails on allocations beyond the margin: %d + %d', (heapBytes, bufferBytes, failures) => {
    expect(compareAllocations([{ path: 'blocked', heapBytes, bufferBytes }], committed)).toHaveLength(
      failures,
    )
  })
})

describe('the plot', () => {
  it('draws a bar a ratio, red where missed, and escapes', () => {
    const missed = rate([1], [2], 1)
    const svg = ratioPlot(
      [missed, { ...missed, figure: 'a<b' }, rowOf({ figure: 'x', unit: 's', ours: [1] })],
      'T & U',
    )
    expect(svg.match(/height="14"/g)).toHaveLength(2)
    expect(svg).toContain('#b3382c')
    expect(svg).toContain('a&lt;b')
    expect(svg).toContain('T &amp; U')
  })
})
