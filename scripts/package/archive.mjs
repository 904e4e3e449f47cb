import { spawnSync } from 'node:child_process'
import { chmodSync, lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Folders that hold programs; everything else is data. Git keeps no more of a mode than this, and a umask less. */
const programs =
  /(^|\/)(etc\/init\.d|etc\/uci-defaults|etc\/hotplug\.d\/[^/]+|usr\/bin|usr\/libexec\/rpcd)\/[^/]+$|\/usr\/lib\/securenet\/(node|securenet\.cjs|[^/]+\.sh)$/

/** @returns {{path: string, size: number}[]} every file below, sorted, as `/etc/…` */
export function filesBelow(folder, prefix = '') {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${prefix}/${entry.name}`
      if (entry.isDirectory()) return filesBelow(folder, path)
      return [{ path, size: lstatSync(join(folder, path)).size }]
    })
}

/** Modes as they shall be on the modem, whatever this machine's umask made of them. */
export function setModes(folder, prefix = '') {
  chmodSync(join(folder, prefix), 0o755)
  for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
    const path = `${prefix}/${entry.name}`
    if (entry.isDirectory()) setModes(folder, path)
    else chmodSync(join(folder, path), programs.test(path) ? 0o755 : 0o644)
  }
}

/**
 * A gzipped tar that depends on the content alone: sorted, owned by 0:0, one time for all.
 * @param {{folder: string, members: readonly string[], file: string, epoch: number}} options seconds since 1970
 */
export function archive({ folder, members, file, epoch }) {
  const args = [
    '--format=gnu',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    `--mtime=@${epoch}`,
  ]
  const { status, stdout, stderr, error } = spawnSync(
    'tar',
    [...args, '-C', folder, '-cf', '-', ...members],
    {
      maxBuffer: 1 << 30,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    },
  )
  if (status !== 0) throw new Error(`tar for ${file}: ${error?.message ?? stderr}`)
  // Node writes neither name nor time into the header (RFC 1952 §2.3.1).
  writeFileSync(file, gzipSync(stdout, { level: 9 }), { mode: 0o644 })
}
