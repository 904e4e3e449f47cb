import type { FleetMode, LineService } from './types.ts'

/** Every reason why the LAN is, or is not, protected; stable, for `reported` and for support. */
export const protectionReasons = [
  'protecting',
  'no-active-line',
  'fleet-retired',
  'dormant',
  'terminated',
  'disabled',
  'suspended',
  'fleet-paused',
  'list-missing',
  'list-damaged',
  'self-test-failing',
] as const
export type ProtectionReason = (typeof protectionReasons)[number]

export interface ProtectionInput {
  /** Of the line that carries the traffic now; undefined where none of the configured lines does. */
  readonly service: LineService | undefined
  /** As it affects that line (fleetModeOf). */
  readonly fleet: FleetMode
  /** Of the list on flash; a stale one is verified: age never ends protection. */
  readonly list: 'verified' | 'missing' | 'damaged'
  /** `unknown` before the first test, and where the upstream itself is down: then stay as it is. */
  readonly selfTest: 'passing' | 'failing' | 'unknown'
}

export interface Protection {
  /** Listed names are blocked for whoever asks us. */
  readonly filtering: boolean
  /** The LAN's DNS is led to us. */
  readonly intercepting: boolean
  readonly why: ProtectionReason
}

const ofService = {
  dormant: 'dormant',
  terminated: 'terminated',
  disabled: 'disabled',
  suspended: 'suspended',
} as const satisfies Record<Exclude<LineService, 'enabled'>, ProtectionReason>

function whyNotFiltering({ service, fleet, list }: ProtectionInput): ProtectionReason | undefined {
  if (service === undefined) return 'no-active-line'
  if (fleet === 'retire') return 'fleet-retired'
  if (service !== 'enabled') return ofService[service]
  if (fleet === 'pause') return 'fleet-paused'
  if (list !== 'verified') return list === 'missing' ? 'list-missing' : 'list-damaged'
  return undefined
}

/**
 * The one decision: whether names are blocked and whether the LAN's DNS is led to us. Pure; nothing else decides either.
 * A failing self-test ends interception alone: it asks for a blocked name, so without filtering it could never pass again.
 */
export function protection(input: ProtectionInput): Protection {
  const whyNot = whyNotFiltering(input)
  if (whyNot !== undefined) return { filtering: false, intercepting: false, why: whyNot }
  if (input.selfTest === 'failing') return { filtering: true, intercepting: false, why: 'self-test-failing' }
  return { filtering: true, intercepting: true, why: 'protecting' }
}
