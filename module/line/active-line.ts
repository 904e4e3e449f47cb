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
  // netifd makes wan_4, wan_6 below wan; OpenWrt's own IPv6 half is called wan6.
  return lines.find(
    (line) =>
      uplink === line.interface ||
      uplink === `${line.interface}6` ||
      uplink?.startsWith(`${line.interface}_`),
  )
}
