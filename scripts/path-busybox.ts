import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/**
 * Whether the shell of the first busybox in `path` runs the programs of PATH, as that of OpenWrt does. The one of Debian's
 * busybox-static runs its own applets instead, so that no stand-in is ever reached.
 */
export function shellObeysPath(path: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-busybox-'))
  try {
    const standIn = join(folder, 'uname')
    writeFileSync(standIn, '#!/bin/sh\necho stand-in\n')
    chmodSync(standIn, 0o755)
    const env = { PATH: `${folder}${delimiter}${path}` }
    return spawnSync('busybox', ['sh', '-c', 'uname'], { env, encoding: 'utf8' }).stdout === 'stand-in\n'
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * Debian's busybox, unpacked and not installed: it and busybox-static exclude each other.
 * @returns its folder for PATH, or null where it cannot be had
 */
export function unpackBusybox(into: string): string | null {
  const bin = join(into, 'bin')
  if (existsSync(join(bin, 'busybox'))) return bin
  mkdirSync(into, { recursive: true })
  const fetched = spawnSync('apt-get', ['download', '-qq', 'busybox'], { cwd: into, stdio: 'ignore' })
  const file = readdirSync(into).find((name) => name.endsWith('.deb'))
  if (fetched.status !== 0 || !file) return null
  return spawnSync('dpkg-deb', ['-x', join(into, file), into]).status === 0 ? bin : null
}
