/** Machines that cannot intercept: each says what is missing, and the LAN keeps its stock resolver. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  addresses,
  Household,
  iptablesScript,
  lacking,
  type Started,
  who,
} from './household-in-namespaces.ts'
import { bundle, standInOptions } from './interception-list.ts'

const missing = lacking()
if (missing.length > 0) console.log(`skipped: interception-missing: missing ${missing.join(', ')}`)

describe.skipIf(missing.length > 0)('a machine that cannot intercept', () => {
  const home = new Household()
  let standIn = ''

  beforeAll(async () => {
    await home.open()
    standIn = await bundle(home, 'stand-in')
  })
  afterAll(() => home.close())

  /** A folder that is the whole PATH; `tools` are linked into it, `scripts` written. */
  function path(name: string, tools: Record<string, string>, scripts: Record<string, string> = {}): string {
    const dir = join(home.dir, name)
    mkdirSync(dir)
    for (const [tool, target] of Object.entries(tools)) symlinkSync(target, join(dir, tool))
    for (const [tool, text] of Object.entries(scripts)) chmodSync(home.write(join(name, tool), text), 0o755)
    return dir
  }

  /** The module with such a PATH, asked to arm; setpriv itself is found by the PATH of this process. */
  async function armWith(PATH: string, backend = 'auto'): Promise<Started> {
    const env = ['/usr/bin/env', `PATH=${PATH}`, process.execPath, standIn, standInOptions(backend)]
    const module = home.startModule(env)
    await module.line((line) => line === 'info ready' || line.startsWith('error'))
    if (module.child.exitCode === null) module.child.stdin?.write('arm\n')
    return module
  }

  const lanIsLeftAlone = async () => {
    expect(await home.ask('lan', { server: addresses.modem.lan4 })).toBe(who.stock)
    expect(await home.ask('lan', { server: addresses.public6 })).toBe(who.public)
    expect(home.exec('modem', ['nft', 'list', 'tables'])).toBe('table inet fw4\n')
  }

  test('neither nft nor ipset: both are named, every interface refused with the reason', async () => {
    const module = await armWith(path('nothing', {}))
    await module.line((line) => line === 'info done order=arm')
    const told = module.lines.join('\n')
    expect(told).toMatch(/code=INTERCEPT_NO_NFT .*nft is not installed/)
    expect(told).toMatch(/code=INTERCEPT_NO_IPSET .*ipset is not installed/)
    expect(told).toMatch(/br-guest.*nft is not installed/)
    await lanIsLeftAlone()
    await home.stop(module)
  })

  test('an nft that cannot set a conntrack zone: the ability is named', async () => {
    const script = `#!/bin/sh
input="$(/usr/bin/cat)"
case "$input" in *"ct original zone set"*) echo "Error: Could not process rule: Operation not supported" >&2; exit 1;; esac
printf '%s\\n' "$input" | exec /usr/sbin/nft "$@"
`
    const module = await armWith(path('no-zone', {}, { nft: script }), 'nftables')
    await module.line((line) => line.startsWith('error stand-in-failed code=INTERCEPT_NO_CT_ZONE'))
    expect(module.lines.join('\n')).toMatch(/lacks .*ct original zone set.*NF_CONNTRACK_ZONES/)
    await lanIsLeftAlone()
    await home.stop(module)
  })

  test('without CAP_NET_ADMIN: said so', async () => {
    const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all']
    const module = home.start('modem', [...drop, process.execPath, standIn, standInOptions('nftables')])
    await module.line((line) => line.startsWith('error stand-in-failed code=INTERCEPT_NOT_PERMITTED'))
    await lanIsLeftAlone()
    await home.stop(module)
  })

  test('no iptables, no ipset: the script says which package and changes nothing', async () => {
    const env = { SERVICE4: addresses.service4, SERVICE6: addresses.service6 }
    const script = (PATH: string) =>
      home.attempt('modem', ['/usr/bin/env', `PATH=${PATH}`, '/bin/sh', iptablesScript, 'add'], {
        ...process.env,
        ...env,
      })
    const bare = script(path('bare', {}))
    expect(bare.status).toBe(1)
    expect(bare.stderr).toMatch(/ipset is missing: install the package ipset; the LAN is left alone/)
    const noIptables = script(path('only-ipset', { ipset: '/usr/sbin/ipset' }))
    expect(noIptables.status).toBe(1)
    expect(noIptables.stderr).toMatch(
      /iptables is missing: install the package iptables; the LAN is left alone/,
    )
    await lanIsLeftAlone()
  })

  test('a service address that nobody put on lo: refused before anything is translated', async () => {
    home.exec('modem', ['ip', 'address', 'del', `${addresses.service4}/32`, 'dev', 'lo'])
    try {
      // The stand-in cannot bind either; what counts is that the LAN goes on.
      const module = home.startModule([process.execPath, standIn, standInOptions('nftables')])
      await module.line((line) => line.startsWith('error stand-in-failed'))
      await lanIsLeftAlone()
      await home.stop(module)
    } finally {
      home.exec('modem', ['ip', 'address', 'add', `${addresses.service4}/32`, 'dev', 'lo'])
    }
  })
})
