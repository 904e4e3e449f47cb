import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './settings.ts'

/** How the module is started on a modem: Node's flags, and what is set in its environment. */
export interface Runtime {
  flags: string[]
  env: Record<string, string>
}

/** @param text of rootfs/usr/lib/securenet/runtime.sh, which the init script sources */
export function parseRuntime(text: string): Runtime {
  const words = (variable: string) => {
    const [, value] = new RegExp(`^${variable}='(.*)'$`, 'm').exec(text) ?? []
    if (value === undefined) throw new Error(`runtime.sh sets no ${variable}`)
    return value.split(' ').filter(Boolean)
  }
  const pairs = words('NODE_ENVIRONMENT').map((word) => word.split('=', 2) as [string, string])
  return { flags: words('NODE_FLAGS'), env: Object.fromEntries(pairs) }
}

export const modemRuntime = (): Runtime =>
  parseRuntime(readFileSync(join(projectRoot, 'rootfs/usr/lib/securenet/runtime.sh'), 'utf8'))
