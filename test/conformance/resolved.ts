import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SignedZone } from './signed-zone.ts'
import { zoneName } from './signed-zone.ts'

const PACKAGES = ['systemd-resolved', 'libsystemd-shared']
const account = { name: 'systemd-resolve', id: 995 }

/**
 * systemd-resolved out of Debian's packages, unpacked and not installed: its installation would take over this machine's
 * own /etc/resolv.conf.
 * @returns the folder of the packages' files, or null where they are not to be had
 */
export function unpackResolved(folder: string): string | null {
  if (process.getuid?.() !== 0 || process.env['SECURENET_TEST_INSTALL'] === '0') return null
  const into = join(folder, 'resolved')
  mkdirSync(into)
  if (spawnSync('apt-get', ['download', '-qq', ...PACKAGES], { cwd: into, stdio: 'ignore' }).status !== 0)
    return null
  for (const file of readdirSync(into).filter((name) => name.endsWith('.deb')))
    if (spawnSync('dpkg-deb', ['-x', file, 'root'], { cwd: into }).status !== 0) return null
  return into
}

/**
 * What starts it: a mount namespace of its own, with a /run, accounts and a trust anchor for our zone.
 * @param into from `unpackResolved`
 * @param dns port of its only DNS server
 * @param stub port on which it answers
 */
export function resolvedCommand(
  into: string,
  { anchor }: SignedZone,
  dns: number,
  stub: number,
): [string, string[]] {
  const run = join(into, 'run')
  for (const name of ['systemd/resolve', 'systemd/resolved.conf.d', 'dnssec-trust-anchors.d'])
    mkdirSync(join(run, name), { recursive: true })
  const settings = [
    ...['[Resolve]', `DNS=127.0.0.1:${dns}`, 'FallbackDNS=', 'Domains=~.', 'DNSSEC=yes', 'Cache=no'],
    ...['DNSStubListener=no', `DNSStubListenerExtra=127.0.0.1:${stub}`, 'MulticastDNS=no', 'LLMNR=no', ''],
  ]
  writeFileSync(join(run, 'systemd/resolved.conf.d/test.conf'), settings.join('\n'))
  writeFileSync(join(run, `dnssec-trust-anchors.d/${zoneName}.positive`), `${anchor.replaceAll('\t', ' ')}\n`)
  for (const name of ['passwd', 'group']) cpSync(join('/etc', name), join(run, name))
  const { name, id } = account
  appendFileSync(join(run, 'passwd'), `${name}:x:${id}:${id}::/:/usr/sbin/nologin\n`)
  appendFileSync(join(run, 'group'), `${name}:x:${id}:\n`)
  const script = [
    'set -e',
    `chown -R ${id}:${id} ${run}/systemd/resolve`,
    `mount --bind ${run}/passwd /etc/passwd`,
    `mount --bind ${run}/group /etc/group`,
    `mount --bind ${run} /run`,
    `export LD_LIBRARY_PATH=$(echo ${into}/root/usr/lib/*/systemd)`,
    `exec ${into}/root/lib/systemd/systemd-resolved`,
  ]
  return ['unshare', ['-m', 'sh', '-c', script.join('\n')]]
}
