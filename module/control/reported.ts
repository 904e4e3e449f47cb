import type { ClockStep, FleetMode, LineState, Outcome, Service } from '../line/types.ts'

/** `unknown`: not tested yet; `off`: not configured on this modem. */
export type TestResult = 'pass' | 'fail' | 'unknown' | 'off'
export const selfTests = ['udp4', 'tcp4', 'udp6', 'tcp6', 'page', 'forward'] as const
export type SelfTestMatrix = Readonly<Record<(typeof selfTests)[number], TestResult>>

export interface ListReport {
  readonly name: string
  /** null: none is being served. */
  readonly version: number | null
  readonly names: number
  /** The head has expired: somebody keeps news from us, or the operator publishes none. */
  readonly stale: boolean
  /** What the updater is doing (blocklist/update.ts). */
  readonly phase: string
  readonly error: string | null
}

/** What the daemon measures, at one moment, about one line. */
export interface Measured {
  /** This line carries the traffic. */
  readonly active: boolean
  readonly protecting: boolean
  /** Why, or why not (line/protection.ts). */
  readonly why: string
  readonly interfaces: {
    readonly armed: readonly string[]
    readonly refused: readonly { readonly interface: string; readonly why: string }[]
  }
  readonly list: ListReport
  readonly selfTest: SelfTestMatrix
}

/** The modem itself; the same in every report. */
export interface Identity {
  readonly modemId: string
  readonly bootId: string
  readonly moduleVersion: string
}

/** What became of the newest order for the line. */
export interface OrderOutcome {
  /** `none`: no document came for the line since the module started. */
  readonly outcome: Outcome | 'none'
  readonly code?: string
}

/** Signed documents that were refused since the module started, by kind. */
export interface Refusal {
  readonly kind: 'desired' | 'head' | 'fleet' | 'keys' | 'request'
  readonly code: string
  readonly count: number
  /** Seconds since 1970, of the newest. */
  readonly at: number
}

export interface ReportParts {
  readonly identity: Identity
  readonly line: LineState
  readonly order: OrderOutcome
  readonly keys: number
  readonly fleet: { readonly mode: FleetMode; readonly sequence: number }
  readonly refusals: readonly Refusal[]
  readonly measured: Measured
  /** Seconds since 1970. */
  readonly at: number
}

/** Payload of `line/{lineId}/reported` (schemas/reported.json). */
export interface Reported extends Identity, OrderOutcome, Measured {
  readonly v: 1
  readonly lineId: string
  readonly generation: number
  readonly sequence: number
  readonly service: Service
  readonly reason: string
  readonly until?: number
  readonly clockStep?: ClockStep
  readonly keys: number
  readonly fleet: ReportParts['fleet']
  readonly refusals: readonly Refusal[]
  readonly at: number
}

/** What *is*: nothing here is copied from an order that is not in force. */
export function reported(parts: ReportParts): Reported {
  const { identity, line, order, keys, fleet, refusals, measured, at } = parts
  return {
    v: 1,
    ...identity,
    lineId: line.lineId,
    generation: line.generation,
    sequence: line.sequence,
    outcome: order.outcome,
    ...(order.code !== undefined && { code: order.code }),
    service: line.service,
    reason: line.reason,
    ...(line.until !== undefined && { until: line.until }),
    ...(line.clockStep !== undefined && { clockStep: line.clockStep }),
    active: measured.active,
    protecting: measured.protecting,
    why: measured.why,
    interfaces: measured.interfaces,
    list: measured.list,
    selfTest: measured.selfTest,
    keys,
    fleet,
    refusals,
    at,
  }
}
