/** Buckets a factor of 2^(1/4) apart from 10 us: 96 of them reach to 160 s. */
const BUCKETS = 96
const MIN_MS = 0.01

/** Quantiles from a histogram: constant memory, 19 % wide buckets. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #total = 0

  /** @param ms of one query, from datagram to reply */
  add(ms: number): void {
    const bucket = Math.ceil(4 * Math.log2(Math.max(ms, MIN_MS) / MIN_MS))
    const index = Math.min(bucket, BUCKETS - 1)
    this.#counts[index] = this.#counts[index]! + 1
    this.#total++
  }

  /** Upper bounds of the buckets that hold each quantile, in ms; empty while nothing was added. */
  quantiles(): Record<string, number> {
    if (this.#total === 0) return {}
    const found: Record<string, number> = {}
    for (const [name, share] of [
      ['p50', 0.5],
      ['p90', 0.9],
      ['p99', 0.99],
    ] as const) {
      let left = share * this.#total
      let bucket = 0
      while (bucket < BUCKETS - 1 && left > this.#counts[bucket]!) left -= this.#counts[bucket++]!
      found[name] = Number((MIN_MS * 2 ** (bucket / 4)).toFixed(3))
    }
    return found
  }

  /** Everything added so far, which is then forgotten here; null where nothing was. */
  take(): Uint32Array | null {
    if (this.#total === 0) return null
    const counts = this.#counts.slice()
    this.reset()
    return counts
  }

  /** @param counts what another thread's `take` gave */
  merge(counts: Uint32Array): void {
    counts.forEach((count, bucket) => {
      this.#counts[bucket]! += count
      this.#total += count
    })
  }

  reset(): void {
    this.#counts.fill(0)
    this.#total = 0
  }
}
