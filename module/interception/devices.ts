import { existsSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Why interception on this network device could not work; null where nothing speaks against it. */
export type CheckDevice = (device: string) => string | null

/** Looks devices up in sysfs. A machine that hides sysfs (a jail) is given the benefit of the doubt. */
export function createDeviceCheck(root = '/sys/class/net'): CheckDevice {
  return (device) => {
    if (!existsSync(root)) return null
    const path = join(root, device)
    if (!existsSync(path)) return 'no such network device'
    const master = join(path, 'master')
    // Packets of a bridge port carry the bridge's name where the rules look at them.
    if (existsSync(join(master, 'bridge')))
      return `a port of bridge ${basename(readlinkSync(master))}: name the bridge`
    return null
  }
}
