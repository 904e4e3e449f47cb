import { isHalfOf } from '../platform/interface-halves.ts'

/** What of a configured line tells whether it carries the traffic. */
export interface ConfiguredLine {
  readonly id: string
  /** Logical (netifd) interface. */
  readonly interface: string
}

/**
 * The line that carries the traffic now.
 * @param uplink logical interface with the default route; null: none; undefined: not told yet, so the first line is taken
 * @returns undefined where no configured line carries it
 */
export function activeLine<L extends ConfiguredLine>(
  lines: readonly L[],
  uplink: string | null | undefined,
): L | undefined {
  if (uplink === undefined) return lines[0]
  if (uplink === null) return undefined
  // The longest name: `wan_b_4` is a half of the line `wan_b`, not of `wan`.
  return lines
    .filter((line) => isHalfOf(uplink, line.interface))
    .sort((a, b) => b.interface.length - a.interface.length)[0]
}
