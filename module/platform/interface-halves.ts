/**
 * The logical interfaces by which netifd may know one line: the one that was configured; `wan6`, OpenWrt's own name for
 * its IPv6 half; `wan_4`, `wan_6`, made by PPP and modems; `wan6_4`, the IPv4 that DS-Lite, MAP and 464XLAT make over IPv6.
 */
export function halvesOf(name: string): string[] {
  return [name, `${name}6`, `${name}_4`, `${name}_6`, `${name}6_4`]
}

/** Whether `other` is one of them. Protocols add endings of their own: `wan_6_4`, `wan6_4_1`. */
export function isHalfOf(other: string, name: string): boolean {
  return (
    other === name || other === `${name}6` || other.startsWith(`${name}_`) || other.startsWith(`${name}6_`)
  )
}
