import type { Clock, Timer } from '../base/clock.ts'
import type { QueryCounts } from './query-counts.ts'
import { type TelemetryParts, telemetryReport } from './telemetry-report.ts'

export interface TelemetryLoopOptions {
  clock: Clock
  everySeconds: number
  counts: QueryCounts
  /** What is measured elsewhere, at the moment of the report. */
  measure: () => Pick<
    TelemetryParts,
    'modemId' | 'bootId' | 'listVersion' | 'listAgeSeconds' | 'leaseInterruptions'
  > & { refusedPacketsSinceStart: number }
  /** The line that carries the traffic. */
  activeLine: () => string | undefined
  send: (report: Record<string, unknown>) => void
}

/** A report every hour, of one line: a fail-over ends one report and begins the next. */
export class TelemetryLoop {
  readonly #options: TelemetryLoopOptions
  /** Start of what is being counted, seconds since 1970. */
  #from = 0
  #refusedPackets = 0
  #timer: Timer | undefined

  constructor(options: TelemetryLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#from = this.#seconds()
    this.#schedule()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** @param lineId the line that carried the traffic since the last report */
  report(lineId: string | undefined): void {
    const { counts, measure, send } = this.#options
    const from = this.#from
    // A clock that went back must not end an hour before it began.
    const to = Math.max(from, this.#seconds())
    const totals = counts.counters.take()
    const latencyMs = counts.latency.quantiles()
    counts.latency.reset()
    this.#from = to
    const { refusedPacketsSinceStart, ...measured } = measure()
    const refusedPackets = refusedPacketsSinceStart - this.#refusedPackets
    this.#refusedPackets = refusedPacketsSinceStart
    if (lineId === undefined) return
    const upstreamFailures = totals.byReason['upstream-failure'] ?? 0
    const memoryBytes = process.memoryUsage.rss()
    send(
      telemetryReport({
        ...measured,
        refusedPackets,
        from,
        to,
        lineId,
        totals,
        upstreamFailures,
        latencyMs,
        memoryBytes,
      }),
    )
  }

  #seconds(): number {
    return Math.floor(this.#options.clock.now() / 1000)
  }

  #schedule(): void {
    const { clock, everySeconds, activeLine } = this.#options
    this.#timer = clock.after(everySeconds * 1000, () => {
      this.report(activeLine())
      this.#schedule()
    })
  }
}
