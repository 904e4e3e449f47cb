import type { CounterTotals } from './counters.ts'
import type { LatencyHistogram } from './latency-histogram.ts'

export interface TelemetryParts {
  modemId: string
  bootId: string
  /** Seconds since 1970. */
  from: number
  to: number
  /** The line that carried the traffic; counters are taken anew when it changes. */
  lineId: string
  totals: CounterTotals
  upstreamFailures: number
  /** Packets to port 853 that were refused. */
  refusedPackets: number
  latencyMs: ReturnType<LatencyHistogram['quantiles']>
  memoryBytes: number
  listVersion: number | null
  listAgeSeconds: number | null
  leaseInterruptions: number
}

/** Payload of `modem/{modemId}/telemetry` (control/schemas/telemetry.json): counters alone, no names. */
export function telemetryReport(parts: TelemetryParts): Record<string, unknown> {
  const { modemId, bootId, from, to, lineId, totals, latencyMs, listVersion, listAgeSeconds } = parts
  const { questions, byReason, blockedByCategory } = totals
  const hits = (byReason.cached ?? 0) + (byReason.stale ?? 0)
  const asked = hits + (byReason.forwarded ?? 0) + (byReason['upstream-failure'] ?? 0)
  const bypass = {
    'port-853': parts.refusedPackets,
    'doh-name': byReason['resolver-bypass'] ?? 0,
    'relay-canary': byReason['relay-canary'] ?? 0,
  }
  return {
    v: 1,
    modemId,
    bootId,
    from,
    to,
    lines: { [lineId]: { questions, reasons: byReason, blocked: blockedByCategory, bypass } },
    upstreamFailures: parts.upstreamFailures,
    cacheHitRate: asked === 0 ? 0 : hits / asked,
    latencyMs,
    memoryBytes: parts.memoryBytes,
    ...(listVersion !== null && { listVersion }),
    ...(listAgeSeconds !== null && { listAgeSeconds }),
    leaseInterruptions: parts.leaseInterruptions,
  }
}
