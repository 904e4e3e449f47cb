import { createHash } from 'node:crypto'
import { contentDigest } from './digest.ts'
import type { FleetMode, FleetOrder, FleetState, Reduced } from './types.ts'

/** 0 to 99: the first 48 bits of SHA-256(salt, NUL, lineId), big-endian, mod 100. */
export function bucketOf(lineId: string, salt: string): number {
  return createHash('sha256').update(`${salt}\0${lineId}`).digest().readUIntBE(0, 6) % 100
}

/** What the fleet order means for this line. */
export function fleetModeOf(fleet: FleetState | undefined, lineId: string): FleetMode {
  if (!fleet || fleet.order.mode === 'run') return 'run'
  const { mode, percent = 0, salt = '' } = fleet.order
  return bucketOf(lineId, salt) < percent ? mode : 'run'
}

/** Newer means a higher (epoch, sequence), as for lines. Wiping is the store's to find out: it knows the lines. */
export function reduceFleet(
  state: FleetState | undefined,
  order: FleetOrder,
  epoch: number,
  document?: string,
): Reduced<FleetState | undefined> {
  const next: FleetState = { epoch, order, digest: contentDigest(order), ...(document && { document }) }
  if (state && epoch === state.epoch && order.sequence === state.order.sequence)
    return state.digest === next.digest
      ? { state, outcome: 'repeated', effects: [] }
      : { state, outcome: 'rejected', code: 'FLEET_CONFLICT', effects: [] }
  const older =
    state && (epoch < state.epoch || (epoch === state.epoch && order.sequence < state.order.sequence))
  if (older) return { state, outcome: 'ignored', code: 'FLEET_OLDER', effects: [] }
  return { state: next, outcome: 'applied', effects: [] }
}
