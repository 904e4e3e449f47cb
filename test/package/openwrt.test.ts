import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { messageOfCalls } from '../rootfs/message-of-calls.ts'
import { faultsOf } from '../rootfs/service-message.ts'
import { ChrootModem } from './chroot.ts'
import { Opkg } from './opkg.ts'

const project = join(import.meta.dirname, '..', '..')
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
const isArm = process.arch === 'arm64'
const target = isArm ? 'aarch64-glibc' : 'x86_64-glibc'

/** OpenWrt's own files are not part of this project: the folder of a root file system says where they are. */
const openwrt = process.env['SECURENET_OPENWRT'] ?? ''
const mayChroot = process.getuid?.() === 0 && spawnSync('chroot', ['/', 'true']).status === 0
const missing = openwrt
  ? ['etc/rc.common', 'lib/functions.sh', 'lib/functions/procd.sh', 'usr/share/libubox/jshn.sh'].filter(
      (path) => !existsSync(join(openwrt, path)),
    )
  : ['SECURENET_OPENWRT=FOLDER with OpenWrt’s root file system']
const runs = mayChroot && missing.length === 0
if (!runs)
  console.log(`not tried under OpenWrt's own scripts: needs ${mayChroot ? missing.join(', ') : 'root'}`)

describe.skipIf(!runs)("under OpenWrt's own rc.common, functions.sh, procd.sh and jshn.sh", () => {
  let folder: string
  let ipk: string
  let modem: ChrootModem
  let opkg: Opkg

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'securenet-openwrt-test-'))
    execFileSync(
      process.execPath,
      [
        join(project, 'build.mjs'),
        ...['--out', join(folder, 'bundle'), '--packages', '--packages-out', join(folder, 'out')],
        ...['--only', target],
      ],
      { stdio: 'pipe' },
    )
    ipk = join(folder, 'out', target, `securenet_${version}-1_${isArm ? 'aarch64_generic' : 'x86_64'}.ipk`)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  beforeEach(() => {
    modem = new ChrootModem(openwrt)
    opkg = new Opkg(modem, 'securenet')
  })
  afterEach(() => modem.remove())

  const enable = (of: ChrootModem) => {
    of.put('etc/securenet/trust/roots.json', '{}')
    for (const option of ['enabled=1', 'modem_id=modem-1', 'nice=-5'])
      of.run(`uci set securenet.main.${option} && uci commit securenet`)
  }
  const start = '/etc/init.d/securenet start'

  it('installing makes the user, enables the service, runs uci-defaults once, and starts nothing', () => {
    expect(opkg.install(ipk)).toBe('')
    expect(modem.read('etc/passwd')).toMatch(/^securenet:x:\d+:\d+:/m)
    expect(modem.read('etc/group')).toMatch(/^securenet:x:\d+:securenet$/m)
    expect(modem.run('ls /etc/rc.d').out).toContain('K05securenet\nS95securenet\n')
    expect(modem.run('ls /etc/uci-defaults | grep securenet').out).toBe('')
    expect(modem.told.at(-1)).toMatchObject({ verb: 'set', message: { name: 'securenet', instances: {} } })
    expect(faultsOf(modem.told.at(-1)!.message)).toEqual([])
  })

  it('the service message is one that procd takes whole, and the one that our stand-ins foretell', () => {
    const more = `
config view
\toption network 'lan'
\tlist server '192.0.2.53#5300'
\tlist server '2001:db8::53'

config line
\toption id 'mobile-1'
\toption access 'mobile'
\toption interface 'wwan'
`
    const configure = (of: ChrootModem) => {
      enable(of)
      of.put('etc/config/securenet', `${of.read('etc/config/securenet')}${more}`)
      of.run(`uci set securenet.branding.operator='Ours "and" theirs\\ $HOME'`)
    }
    opkg.install(ipk)
    configure(modem)
    expect(modem.run(start)).toEqual({ code: 0, out: '', err: '' })
    const { verb, message } = modem.told.at(-1)!
    expect(verb).toBe('set')
    expect(faultsOf(message)).toEqual([])
    expect(message.instances['instance1']).toMatchObject({ user: 'securenet', nice: -5, no_new_privs: true })
    const standIn = new ChrootModem()
    try {
      new Opkg(standIn, 'securenet').install(ipk)
      configure(standIn)
      standIn.put('procd.log', '')
      expect(standIn.run(start)).toEqual({ code: 0, out: '', err: '' })
      const calls = standIn.read('procd.log').split('\n').filter(Boolean)
      const { data, ...told } = message
      expect(data ?? {}).toEqual({})
      expect(told).toEqual(
        messageOfCalls(
          calls.map((line) => line.split('\t')),
          '/etc/init.d/securenet',
        ),
      )
      expect(JSON.parse(modem.read('var/etc/securenet.json'))).toEqual(
        JSON.parse(standIn.read('var/etc/securenet.json')),
      )
    } finally {
      standIn.remove()
    }
  })

  it('a wrong option gives its name and the reason, and a non-zero exit; procd hears triggers only', () => {
    opkg.install(ipk)
    enable(modem)
    modem.run('uci set securenet.dns.block_ttl=3601; uci set securenet.dns.blok_ttl=1; uci commit securenet')
    const { code, err } = modem.run(start)
    expect(code).toBe(1)
    expect(err).toContain('securenet.dns.blok_ttl')
    modem.run('uci delete securenet.dns.blok_ttl; uci commit securenet')
    expect(modem.run(start).err).toContain('securenet.dns.block_ttl')
    expect(modem.told.at(-1)!.message).toMatchObject({ instances: {} })
    expect(faultsOf(modem.told.at(-1)!.message)).toEqual([])
    expect(modem.read('lo')).toBe('')
  })

  it('at boot, with no network up yet, it waits for the first one; a later start has it', () => {
    opkg.install(ipk)
    enable(modem)
    modem.run('rm /netifd/lan/device')
    expect(modem.run('/etc/init.d/securenet boot')).toEqual({ code: 0, out: '', err: '' })
    const { message } = modem.told.at(-1)!
    expect(message.instances).toEqual({})
    expect(message.triggers).toContainEqual([
      'interface.*.up',
      [['run_script', '/etc/init.d/securenet', 'start']],
      2000,
    ])
    expect(faultsOf(message)).toEqual([])
    modem.put('netifd/lan/device', 'br-lan')
    expect(modem.run('/etc/init.d/securenet restart')).toEqual({ code: 0, out: '', err: '' })
    expect(modem.told.at(-1)!.message.instances).toHaveProperty('instance1.command')
  })

  it('stop tells procd to end it; the rest of rc.common’s commands are there', () => {
    opkg.install(ipk)
    enable(modem)
    modem.run(start)
    expect(modem.run('/etc/init.d/securenet stop')).toEqual({ code: 0, out: '', err: '' })
    expect(modem.told.at(-1)).toMatchObject({ verb: 'delete', message: { name: 'securenet' } })
    expect(modem.read('lo')).toBe('')
    expect(modem.run('/etc/init.d/securenet enabled').code).toBe(0)
    const help = modem.run('/etc/init.d/securenet help').out
    for (const command of ['status', 'check NAME', 'selftest', 'support', 'reload'])
      expect(help).toContain(command)
    expect(modem.run('/etc/init.d/securenet status').err).toContain('securenet: ')
  })

  it('the rpcd plug-in speaks its protocol', () => {
    opkg.install(ipk)
    expect(JSON.parse(modem.run('/usr/libexec/rpcd/securenet list').out)).toEqual({
      status: {},
      check: { name: 'String' },
      selftest: {},
      support: {},
    })
    const call = (method: string, input: string) =>
      // rpcd ends its message with the end of the pipe, not of a line.
      JSON.parse(modem.run(`printf '%s' '${input}' | /usr/libexec/rpcd/securenet call ${method}`).out)
    expect(call('status', '{}')).toHaveProperty('error.code')
    expect(call('check', '{"name":"-x"}')).toMatchObject({ error: { code: 'NAME_INVALID' } })
    expect(call('check', '{"name":"it\\u0027s \\"q\\".example"}')).toHaveProperty('error.code')
  })

  it('hotplug tells which line carries the traffic, by netifd’s own answers', () => {
    opkg.install(ipk)
    modem.put('usr/bin/securenet', '#!/bin/sh\necho "$*" >>/hotplug.log\n', 0o755)
    modem.run(`mkdir -p /var/run/securenet; node -e '
      require("net").createServer().listen("/var/run/securenet/control.sock", () => process.kill(process.pid, "SIGKILL"))'`)
    modem.put('netifd/wan/device', 'eth1')
    modem.put('netifd/wan/gateway4', '192.0.2.1')
    modem.put('netifd/wwan/device', 'wwan0')
    modem.put('netifd/wwan/gateway4', '198.51.100.1')
    const fixed = 'default via 192.0.2.1 dev eth1 metric 10\n'
    const mobile = 'default via 198.51.100.1 dev wwan0 metric 20\n'
    // As /sbin/hotplug-call runs them: sourced in a subshell.
    const call = (action: string, routes: string) => {
      modem.put('routes4', routes)
      return modem.run('(. /etc/hotplug.d/iface/95-securenet)', {
        ACTION: action,
        INTERFACE: 'wan',
        DEVICE: 'eth1',
      })
    }
    expect(call('ifup', fixed + mobile)).toEqual({ code: 0, out: '', err: '' })
    expect(call('ifdown', mobile)).toEqual({ code: 0, out: '', err: '' })
    expect(call('ifup-failed', fixed)).toEqual({ code: 0, out: '', err: '' })
    expect(modem.read('hotplug.log')).toBe(
      'active-interface wan --run-dir /var/run/securenet\nactive-interface wwan --run-dir /var/run/securenet\n',
    )
  })

  it('is enabled by an image builder, from outside the image', () => {
    opkg.install(ipk)
    modem.run('rm /etc/rc.d/*securenet')
    const { status, stderr } = spawnSync('bash', ['./etc/rc.common', './etc/init.d/securenet', 'enable'], {
      cwd: modem.root,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], IPKG_INSTROOT: modem.root },
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(modem.run('ls /etc/rc.d').out).toContain('K05securenet\nS95securenet\n')
  })

  it('upgrading and removing', () => {
    opkg.install(ipk)
    enable(modem)
    modem.run(start)
    modem.put('srv/securenet/lines.state', 'orders')
    expect(opkg.install(ipk)).toBe('')
    expect(modem.told.slice(-2).map(({ verb }) => verb)).toEqual(['delete', 'set'])
    expect(modem.read('srv/securenet/lines.state')).toBe('orders')
    expect(modem.read('etc/passwd').match(/^securenet:/gm)).toHaveLength(1)
    expect(opkg.remove()).toBe('')
    expect(modem.read('etc/passwd')).not.toContain('securenet')
    expect(modem.read('etc/group')).not.toContain('securenet')
    expect(modem.run('ls /etc/rc.d | grep securenet').out).toBe('')
    expect(modem.run('ls -d /srv/securenet /usr/lib/securenet /var/etc/securenet*').out).toBe('')
  })
})
