/** Quantiles of some measurements, ms. */
export interface Quantiles {
  count: number
  p50: number
  p99: number
  max: number
}

/** Nearest rank. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) =>
    Math.round((sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0) * 10) / 10
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** How many of the moments (ms) fall into each second after `from`. */
export function perSecond(moments: readonly number[], from: number): number[] {
  const counts: number[] = []
  for (const moment of moments) {
    const second = Math.max(0, Math.floor((moment - from) / 1000))
    counts[second] = (counts[second] ?? 0) + 1
  }
  return Array.from(counts, (count) => count ?? 0)
}

const BAR_WIDTH = 50

/** One line a second. */
export function histogramLines(counts: readonly number[]): string[] {
  const most = Math.max(1, ...counts)
  return counts.map(
    (count, second) =>
      `  ${String(second).padStart(3)} s ${String(count).padStart(6)} ${'#'.repeat(Math.round((count / most) * BAR_WIDTH))}`,
  )
}

export function quantileText({ count, p50, p99, max }: Quantiles): string {
  return `p50 ${p50} ms, p99 ${p99} ms, worst ${max} ms (${count})`
}
