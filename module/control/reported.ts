import type { SelfTestCells } from '../health/self-test-cells.ts'
import type { InterfaceStates } from '../interception/interceptor.ts'
import type { FleetMode, FleetState, LineService, LineState, OrderOutcome } from '../line/types.ts'

export interface ListReport {
  readonly name: string
  /** `stale`: served, but its head has expired; somebody keeps news from us, or the operator publishes none. */
  readonly state: 'none' | 'verified' | 'stale' | 'damaged'
  /** Of the newest head, seconds since 1970. */
  readonly issuedAt?: number
  /** Of the list that is served. */
  readonly version?: number
  readonly names?: number
  /** The names that the newest head excepts (blocklist/update/allow-list.ts). */
  readonly allow?: { readonly names: number; readonly digest: string }
  /** What the updater is doing (blocklist/update/updater.ts). */
  readonly phase?: string
  /** What keeps the newest version from being taken (docs/errors.md). */
  readonly code?: string
}

/** What the daemon measures, at one moment, about one line. */
export interface LineMeasurement {
  readonly access: 'fixed' | 'mobile'
  /** This line carries the traffic. */
  readonly active: boolean
  readonly protecting: boolean
  /** Why, or why not (line/protection.ts). */
  readonly why: string
  readonly interfaces: InterfaceStates
  readonly list: ListReport
  readonly selfTest: SelfTestCells
}

/** The modem itself; the same in every report. */
export interface Identity {
  readonly modemId: string
  readonly bootId: string
  /** Of the module. */
  readonly version: string
}

/** What became of the newest order for the line. */
export interface OrderReport {
  /** `none`: no document came for the line since the module started. */
  readonly outcome: OrderOutcome | 'none'
  readonly code?: string
}

/** Signed documents that were refused since the module started, by kind. */
export interface DocumentRefusals {
  readonly kind: 'desired' | 'head' | 'fleet' | 'keys' | 'request'
  readonly code: string
  readonly count: number
  /** Seconds since 1970, of the newest. */
  readonly at: number
}

export interface ReportParts {
  readonly identity: Identity
  readonly line: LineState
  readonly order: OrderReport
  readonly keys: { readonly number: number; readonly stale: boolean }
  /** As it affects this line. */
  readonly fleet: FleetMode
  /** The fleet order in force; none: no fleet order was ever accepted. */
  readonly fleetState: FleetState | undefined
  readonly refusals: readonly DocumentRefusals[]
  readonly measured: LineMeasurement
  /** Seconds since 1970: the best estimate, and what the time surely is not before. */
  readonly at: number
  readonly floor: number
  /** A role's signature with a time too far ahead. */
  readonly unbelieved: number | undefined
}

/** Payload of `line/{lineId}/reported` (schemas/reported.json). */
export interface Reported extends Identity, OrderReport, Omit<LineMeasurement, 'interfaces'> {
  readonly v: 1
  readonly lineId: string
  readonly generation: number
  readonly sequence: number
  /** Of the order in force: equal numbers may be another order's. None before the first order. */
  readonly digest?: string
  readonly service: LineService
  readonly reason: string
  readonly by: string
  readonly until?: number
  readonly interfaces: {
    readonly armed: readonly string[]
    readonly refused: readonly { readonly name: string; readonly why: string }[]
  }
  readonly keysNumber: number
  readonly keysStale: boolean
  readonly fleet: FleetMode
  /** Rank and content of the fleet order in force, also where it does not affect this line. */
  readonly fleetOrder?: { readonly epoch: number; readonly sequence: number; readonly digest: string }
  readonly refusals: readonly DocumentRefusals[]
  readonly clock: {
    readonly floor: number
    readonly steppedBy?: number
    readonly believed?: boolean
    readonly unbelieved?: number
  }
  readonly at: number
}

/** Of words that other programs have said (schemas/reported.json). */
const MAX_TEXT = 200

const fleetRank = ({ epoch, order, digest }: FleetState) => ({ epoch, sequence: order.sequence, digest })

/** What *is*: nothing here is copied from an order that is not in force. */
export function reported(parts: ReportParts): Reported {
  const { identity, line, order, keys, fleet, fleetState, refusals, measured, at, floor, unbelieved } = parts
  const { armed, refused } = measured.interfaces
  const step = line.clockStep && { steppedBy: line.clockStep.by, believed: line.clockStep.believed }
  return {
    v: 1,
    ...identity,
    lineId: line.lineId,
    generation: line.generation,
    sequence: line.sequence,
    ...(line.digest !== '' && { digest: line.digest }),
    outcome: order.outcome,
    ...(order.code !== undefined && { code: order.code }),
    service: line.service,
    reason: line.reason,
    by: line.by,
    ...(line.until !== undefined && { until: line.until }),
    access: measured.access,
    active: measured.active,
    protecting: measured.protecting,
    why: measured.why,
    interfaces: {
      armed,
      refused: refused.map(({ interface: name, why }) => ({ name, why: why.slice(0, MAX_TEXT) })),
    },
    list: measured.list,
    selfTest: measured.selfTest,
    keysNumber: keys.number,
    keysStale: keys.stale,
    fleet,
    ...(fleetState && { fleetOrder: fleetRank(fleetState) }),
    refusals,
    clock: { floor, ...step, ...(unbelieved !== undefined && { unbelieved }) },
    at,
  }
}
