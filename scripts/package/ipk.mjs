import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { archive, filesBelow } from './archive.mjs'

// What OpenWrt's own build writes into every package (include/package-pack.mk).
const sourceFunctions = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  '[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
  '. "${IPKG_INSTROOT}/lib/functions.sh"',
]
const script = (...lines) => `#!/bin/sh\n${lines.join('\n')}\n`
const ON_MODEM = '[ -n "$IPKG_INSTROOT" ]'
const UPGRADING = '[ "$PKG_UPGRADE" = 1 ]'
const HELPER = '/usr/lib/securenet/package.sh'

/** What the feed's Makefile says as well (Package/securenet/postinst, prerm, postrm). */
export const scripts = {
  postinst: script(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
    '[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0',
    ...sourceFunctions,
    'default_postinst "$0" "$@"',
  ),
  // Sourced by default_postinst after uci-defaults, before the service is enabled and started.
  'postinst-pkg': script(`${ON_MODEM} || ${HELPER} installed`),
  prerm: script(...sourceFunctions, 'default_prerm "$0" "$@"'),
  'prerm-pkg': script(`${ON_MODEM} || ${UPGRADING} || ${HELPER} removing`),
  postrm: script(
    `${ON_MODEM} || ${UPGRADING} || {`,
    // Its own helper is gone by now.
    '\t[ ! -x /etc/init.d/rpcd ] || /etc/init.d/rpcd reload >/dev/null 2>&1',
    '\t[ ! -x /etc/init.d/firewall ] || /etc/init.d/firewall reload >/dev/null 2>&1',
    '}',
    'exit 0',
  ),
}

/** What a change of the user's is kept in over an upgrade. */
export const conffiles = ['/etc/config/securenet']

function controlText({ name, version, architecture, depends, provides, epoch, installedSize }) {
  return `${[
    `Package: ${name}`,
    `Version: ${version}`,
    `Depends: ${depends.join(', ')}`,
    ...(provides ? [`Provides: ${provides}`, `Conflicts: ${provides}`] : []),
    'Section: net',
    'Require-User: securenet:securenet',
    `SourceDateEpoch: ${epoch}`,
    `Architecture: ${architecture}`,
    `Installed-Size: ${installedSize}`,
    'Description: Secure Net: DNS protection for every device of the household',
    ' Checks the names that LAN and guest devices ask for against a signed list of malware and',
    ' phishing, and shows a page of its own instead. Dormant until the operator enables the line.',
  ].join('\n')}\n`
}

/**
 * @param {{tree: string, file: string, work: string, name: string, version: string, architecture: string,
 *   depends: readonly string[], provides?: string, epoch: number}} options `tree`: the files as they land on the modem
 * @returns {number} bytes of the installed files
 */
export function writeIpk({ tree, file, work, epoch, ...fields }) {
  const control = join(work, 'control')
  const outer = join(work, 'outer')
  for (const folder of [control, outer]) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o755)
  }
  const put = (file, text, mode = 0o644) => {
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
  const installedSize = filesBelow(tree).reduce((sum, { size }) => sum + size, 0)
  put(join(control, 'control'), controlText({ ...fields, epoch, installedSize }))
  put(join(control, 'conffiles'), `${conffiles.join('\n')}\n`)
  for (const [name, text] of Object.entries(scripts)) put(join(control, name), text, 0o755)
  put(join(outer, 'debian-binary'), '2.0\n')
  archive({ folder: tree, members: ['.'], file: join(outer, 'data.tar.gz'), epoch })
  archive({ folder: control, members: ['.'], file: join(outer, 'control.tar.gz'), epoch })
  for (const name of ['data.tar.gz', 'control.tar.gz']) chmodSync(join(outer, name), 0o644)
  // Tar's own order on the command line: opkg reads debian-binary first.
  archive({ folder: outer, members: ['./debian-binary', './data.tar.gz', './control.tar.gz'], file, epoch })
  return installedSize
}
