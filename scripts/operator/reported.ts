import { validate } from '../../module/control/schemas/reported.json?compiled'
import type { Numbers } from './numbers.ts'

/**
 * What this tool reads of `line/{lineId}/reported` (module/control/schemas/reported.json); all of it is shown by
 * `line show --json`. Optional is what an older or newer module may leave out.
 */
export interface Reported extends Numbers {
  lineId: string
  modemId: string
  bootId: string
  /** Seconds since 1970, by the modem's clock. */
  at: number
  /** Of the module. */
  version?: string
  /** Of the order in force. */
  digest?: string
  service: string
  reason?: string
  by?: string
  until?: number
  outcome: string
  /** Of an outcome other than `applied`. */
  code?: string
  protecting: boolean
  /** Why (not). */
  why: string
  fleet?: string
  fleetOrder?: { epoch: number; sequence: number; digest: string }
  keysNumber?: number
  list?: {
    name: string
    state: string
    version?: number
    names?: number
    phase?: string
    /** What keeps the newest version from being taken. */
    code?: string
  }
  selfTest?: Record<string, string>
  interfaces?: { armed: string[]; refused: { name: string; why: string }[] }
  /** Seconds; the module's docs/line-life-cycle.md says what each means. */
  clock?: { floor: number; steppedBy?: number; believed?: boolean; unbelieved?: number }
  refusals?: { kind: string; code: string; count: number }[]
}

export function parseJson(payload: Buffer | undefined): Record<string, unknown> | undefined {
  if (!payload || payload.length === 0) return undefined
  try {
    const data: unknown = JSON.parse(payload.toString())
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** @returns undefined for what is no report of that line: a modem that reports nonsense is shown as silent */
export function parseReported(payload: Buffer | undefined, lineId: string): Reported | undefined {
  const data = parseJson(payload)
  return data && validate(data) && data['lineId'] === lineId ? (data as unknown as Reported) : undefined
}

/** `protecting`, or what stands in the way. */
export function protectionText(reported: Reported | undefined): string {
  if (!reported) return 'no modem has reported'
  return reported.protecting ? 'protecting' : `not protecting: ${reported.why}`
}
