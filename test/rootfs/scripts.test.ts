import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StubModem } from './modem.ts'

const project = join(import.meta.dirname, '..', '..')
const rootfs = join(project, 'rootfs')
const files = readdirSync(rootfs, { recursive: true, encoding: 'utf8' })
  .map((path) => `/${path}`)
  .filter((path) => statSync(join(rootfs, path)).isFile())
const scripts = files.filter(
  (path) => path.endsWith('.sh') || readFileSync(join(rootfs, path), 'latin1').startsWith('#!/bin/sh'),
)
const has = (tool: string) => spawnSync(tool, ['--help'], { stdio: 'ignore' }).error === undefined

describe('every shell script', () => {
  it('is found', () => {
    expect(scripts.length).toBeGreaterThanOrEqual(10)
    expect(scripts).toContain('/etc/init.d/securenet')
  })

  it.skipIf(!has('shellcheck')).each(scripts)('%s is clean under shellcheck', (path) => {
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'dash', '-x', `rootfs${path}`], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  it.skipIf(!has('busybox')).each(scripts)('%s is parsed by busybox ash', (path) => {
    const { stderr, status } = spawnSync('busybox', ['ash', '-n', join(rootfs, path)], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})

describe('JSON files', () => {
  it.each(files.filter((path) => path.endsWith('.json')))('%s is JSON', (path) => {
    expect(JSON.parse(readFileSync(join(rootfs, path), 'utf8'))).toBeTypeOf('object')
  })

  it('the ACL of rpcd names what the plug-in lists', () => {
    const { read, write } = JSON.parse(
      readFileSync(join(rootfs, 'usr/share/rpcd/acl.d/securenet.json'), 'utf8'),
    ).securenet
    const methods = [...read.ubus.securenet, ...write.ubus.securenet].sort()
    const modem = new StubModem().overlay()
    expect(Object.keys(JSON.parse(modem.ash('usr/libexec/rpcd/securenet', 'list').out)).sort()).toEqual(
      methods,
    )
    modem.remove()
  })
})

let modem: StubModem
beforeEach(() => {
  modem = new StubModem().overlay()
})
afterEach(() => modem.remove())

/** Stands for the module's command line. */
function answering(shell: string): void {
  modem.put('usr/bin/securenet', `#!/bin/sh\necho "cli $*" >>"$STUB_ROOT/tools.log"\n${shell}\n`, 0o755)
}
const rpc = (method: string, input = '{}') => {
  const { out, code } = modem.run(
    ['busybox', 'ash', join(modem.root, 'usr/libexec/rpcd/securenet'), 'call', method],
    { input: `${input}\n` },
  )
  return { code, answer: JSON.parse(out) }
}

describe('rpcd plug-in', () => {
  it('passes the module’s JSON on', () => {
    answering(`echo '{"protecting": true}'`)
    expect(rpc('status')).toEqual({ code: 0, answer: { protecting: true } })
    expect(modem.read('tools.log')).toBe(`cli status --json --run-dir ${modem.root}/var/run/securenet\n`)
  })

  it('passes a failed self-test on, not only its exit code', () => {
    answering(`echo '{"outcome": "fail"}'; exit 1`)
    expect(rpc('selftest').answer).toEqual({ outcome: 'fail' })
  })

  it('makes an object of an error, whatever is in it', () => {
    answering(`echo 'securenet: DAEMON_NOT_RUNNING: "quoted" \\ here' >&2; echo '  way out' >&2; exit 3`)
    expect(rpc('support').answer).toEqual({
      error: { code: 'DAEMON_NOT_RUNNING', message: '"quoted" \\ here' },
    })
    answering('echo "sh: not found" >&2; exit 127')
    expect(rpc('status').answer).toEqual({ error: { code: 'FAILED', message: 'sh: not found' } })
  })

  it('asks for the name that it is given', () => {
    answering(`echo '{"listed": false}'`)
    expect(rpc('check', '{"name":"example.com"}').answer).toEqual({ listed: false })
    expect(modem.read('tools.log')).toContain('cli check example.com --json')
  })

  it.each([
    '{}',
    '{"name":""}',
    '{"name":"--config"}',
    '{"name":"a b"}',
    `{"name":"${'a'.repeat(254)}"}`,
    'no JSON',
  ])('refuses %s as a name', (input) => {
    answering('echo "{}"')
    expect(rpc('check', input).answer.error.code).toBe('NAME_INVALID')
    expect(modem.read('tools.log')).toBe('')
  })

  it('refuses other methods', () => {
    expect(rpc('reboot').answer.error.code).toBe('METHOD_UNKNOWN')
  })
})

describe('hotplug', () => {
  const event = (env: NodeJS.ProcessEnv) =>
    modem.run(['busybox', 'ash', join(modem.root, 'etc/hotplug.d/iface/95-securenet')], { env })
  const told = () => /^cli active-interface(.*) --run-dir/m.exec(modem.read('tools.log'))?.[1]?.trim()
  let server: ReturnType<typeof createServer>

  beforeEach(async () => {
    answering('exit 0')
    modem.put('var/run/securenet/.keep', '')
    server = createServer()
    await new Promise<void>((resolve) =>
      server.listen(join(modem.root, 'var/run/securenet/control.sock'), resolve),
    )
    modem.put('netifd/wan/device', 'pppoe-wan')
    modem.put('netifd/wan/gateway4', '192.0.2.1')
    modem.put('netifd/wwan/device', 'wwan0')
    modem.put('netifd/wwan/gateway4', '198.51.100.1')
  })
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())))

  const routes: [text: string, expected: string][] = [
    ['default via 192.0.2.1 dev pppoe-wan\n', 'wan'],
    ['default via 192.0.2.1 dev pppoe-wan metric 10\ndefault dev wwan0 metric 20\n', 'wan'],
    ['default dev pppoe-wan metric 30\ndefault via 198.51.100.1 dev wwan0 proto static metric 20\n', 'wwan'],
    ['default dev pppoe-wan linkdown\ndefault dev wwan0 metric 20\n', 'wwan'],
    ['default dev wwan0 scope link\n', 'wwan'],
  ]
  it.each(routes)('%j: %s carries the traffic', (text, expected) => {
    modem.put('routes4', text)
    expect(event({ ACTION: 'ifup', INTERFACE: 'wan' }).code).toBe(0)
    expect(told()).toBe(expected)
  })

  it('takes the IPv6 route where there is no other', () => {
    modem.put('routes4', '')
    modem.put('routes6', 'default from 2001:db8::/56 via fe80::1 dev pppoe-wan metric 512\n')
    modem.put('netifd/wan/gateway4', '')
    modem.put('netifd/wan_6/device', 'pppoe-wan')
    modem.put('netifd/wan_6/gateway6', 'fe80::1')
    event({ ACTION: 'ifupdate' })
    expect(told()).toBe('wan_6')
  })

  /** A VPN client with the default route, beside the line. */
  function vpn(device: string, files: Record<string, string> = {}): void {
    modem.put('netifd/vpn/device', device)
    modem.put('netifd/vpn/gateway4', '0.0.0.0')
    for (const [path, text] of Object.entries(files)) modem.put(path, text)
  }
  const overWan = 'default dev DEVICE metric 5\ndefault via 192.0.2.1 dev pppoe-wan metric 10\n'
  it.each<[what: string, device: string, files: Record<string, string>]>([
    ['WireGuard by its name', 'wg0', {}],
    ['WireGuard by netifd', 'home', { 'netifd/vpn/protocol': 'wireguard' }],
    ['WireGuard by the kernel', 'home', { 'net/home/uevent': 'DEVTYPE=wireguard\nIFINDEX=9\n' }],
    ['OpenVPN', 'ovpn', { 'netifd/vpn/protocol': 'none', 'net/ovpn/tun_flags': '0x1001' }],
    ['L2TP', 'l2tp-vpn', { 'netifd/vpn/protocol': 'l2tp', 'net/l2tp-vpn/type': '512' }],
    ['GRE', 'gre4-vpn', { 'net/gre4-vpn/type': '778' }],
  ])('the line that carries the tunnel is the line: %s', (_, device, files) => {
    vpn(device, files)
    modem.put('routes4', overWan.replace('DEVICE', device))
    event({ ACTION: 'ifup', INTERFACE: 'vpn' })
    expect(told()).toBe('wan')
  })

  it('the route to the tunnel’s other end tells the line where there is no other default route', () => {
    vpn('wg0')
    modem.put('routes4', 'default dev wg0 proto static scope link\n')
    modem.put('host-routes4', '203.0.113.5 via 198.51.100.1 dev wwan0 proto static\n')
    event({ ACTION: 'ifup' })
    expect(told()).toBe('wwan')
  })

  it('WireGuard’s peer tells it before another default route does', () => {
    vpn('wg0')
    modem.put('routes4', overWan.replace('DEVICE', 'wg0'))
    modem.put('host-routes4', '203.0.113.5 via 198.51.100.1 dev wwan0 proto static\n')
    modem.put('stub-bin/wg', '#!/bin/sh\nprintf "key=\\t203.0.113.5:51820\\n"\n', 0o755)
    event({ ACTION: 'ifup' })
    expect(told()).toBe('wwan')
  })

  it('netifd tells it where no route does', () => {
    vpn('wg0')
    modem.put('routes4', 'default dev wg0\n')
    event({ ACTION: 'ifup' })
    expect(told()).toBe('wan')
  })

  it('a modem stick that is no line of ours is no tunnel', () => {
    modem.put('netifd/stick/device', 'wwan1')
    modem.put('netifd/stick/gateway4', '198.51.100.9')
    modem.put('net/wwan1/device/.keep', '')
    modem.put('net/wwan1/type', '65534')
    modem.put('routes4', 'default dev wwan1 metric 5\ndefault dev pppoe-wan metric 10\n')
    event({ ACTION: 'ifup' })
    expect(told()).toBe('stick')
  })

  it('a tunnel that is a half of the line is the line: DS-Lite', () => {
    modem.put('netifd/wan6_4/device', 'ds-wan6_4')
    modem.put('netifd/wan6_4/gateway4', '0.0.0.0')
    modem.put('net/ds-wan6_4/type', '769')
    modem.put('routes4', 'default dev ds-wan6_4 scope link\n')
    event({ ACTION: 'ifup' })
    expect(told()).toBe('wan6_4')
  })

  it('a line may be a tunnel itself', () => {
    modem.put('netifd/wan/protocol', 'l2tp')
    modem.put('routes4', 'default dev pppoe-wan metric 5\ndefault dev wwan0 metric 10\n')
    event({ ACTION: 'ifup' })
    expect(told()).toBe('wan')
  })

  it('starts a process for news only: interface, resolvers, or a module that has started again', () => {
    const times = () => modem.read('tools.log').match(/^cli active-interface/gm)?.length ?? 0
    const counts = [
      () => {},
      () => {},
      () => modem.put('routes4', 'default dev wwan0\n'),
      () => {},
      () => modem.put('netifd/wwan/resolvers', '192.0.2.53'),
      () => {},
      () => modem.put('var/run/securenet.pid', '4711\n'),
      () => {},
    ].map((change) => {
      change()
      event({ ACTION: 'ifupdate', INTERFACE: 'wan' })
      return times()
    })
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
  })

  it('tells again what the module did not take', () => {
    answering('exit 3')
    event({ ACTION: 'ifup' })
    answering('exit 0')
    modem.put('tools.log', '')
    event({ ACTION: 'ifupdate' })
    expect(told()).toBe('wan')
  })

  it('asks netifd where the main table has no default route', () => {
    modem.put('routes4', '')
    event({ ACTION: 'ifdown' })
    expect(told()).toBe('wan')
  })

  it('says that there is no uplink', () => {
    modem.put('routes4', '')
    for (const name of ['wan', 'wwan']) modem.put(`netifd/${name}/gateway4`, '')
    event({ ACTION: 'ifdown' })
    expect(told()).toBe('')
  })

  it('leaves other events, and a module that does not run, alone', async () => {
    event({ ACTION: 'ifup-failed' })
    expect(told()).toBeUndefined()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect(existsSync(join(modem.root, 'var/run/securenet/control.sock'))).toBe(false)
    expect(event({ ACTION: 'ifup' }).code).toBe(0)
    expect(told()).toBeUndefined()
    server = createServer().listen(0)
  })

  it('logs that the module was not told', () => {
    answering('exit 3')
    event({ ACTION: 'ifup' })
    expect(modem.read('tools.log')).toContain('logger -t securenet -p daemon.warn hotplug')
  })
})

describe('uci-defaults', () => {
  const migrate = () => modem.ash('etc/uci-defaults/90-securenet')

  it('names the modem after its serial number', () => {
    modem.put('serial', 'SN 12/34-a\0')
    expect(migrate()).toEqual({ code: 0, out: '', err: '' })
    expect(modem.uci('get', 'securenet.main.modem_id')).toBe('SN1234-a')
  })

  it('or after its first Ethernet address', () => {
    modem.put('net/lo/address', '00:00:00:00:00:00\n')
    modem.put('net/wan/address', '02:00:5e:00:53:01\n')
    migrate()
    expect(modem.uci('get', 'securenet.main.modem_id')).toBe('02005e005301')
  })

  it('leaves a name that is there, makes the user once, and includes our script in the firewall once', () => {
    modem.uci('set', 'securenet.main.modem_id=mine')
    modem.env['SECURENET_USER'] = 'securenet'
    migrate()
    migrate()
    expect(modem.uci('get', 'securenet.main.modem_id')).toBe('mine')
    expect(modem.read('etc/passwd').match(/^securenet:/gm)).toHaveLength(1)
    expect(modem.read('etc/config/firewall').match(/config include 'securenet'/g)).toHaveLength(1)
    expect(modem.uci('get', 'firewall.securenet.path')).toBe('/usr/lib/securenet/firewall-include.sh')
  })

  it('brings a file without a stamp up to this version and keeps what is in it', () => {
    modem.put(
      'etc/config/securenet',
      "config securenet 'main'\n\toption log_level 'warn'\n\nconfig dns 'dns'\n",
    )
    migrate()
    expect(modem.uci('get', 'securenet.main.config_version')).toBe('1')
    expect(modem.uci('get', 'securenet.main.log_level')).toBe('warn')
    expect(modem.uci('get', 'securenet.dns.service_ipv4')).toBe('198.18.53.53')
    expect(modem.uci('get', 'securenet.@line[0]')).toBe('line')
    expect(modem.uci('get', 'securenet.trust')).toBe('trust')
  })

  it('leaves a file of a newer version as it is', () => {
    modem.uci('set', 'securenet.main.config_version=9')
    modem.uci('set', 'securenet.main.modem_id=mine')
    const before = modem.read('etc/config/securenet')
    expect(migrate().code).toBe(0)
    expect(modem.read('etc/config/securenet')).toBe(before)
  })
})

describe('/usr/bin/securenet', () => {
  it('says what is missing where there is no runtime', () => {
    modem.uci('set', 'securenet.main.node=/nonexistent')
    const { code, err } = modem.ash('usr/bin/securenet', 'status')
    expect(code).toBe(1)
    expect(err).toContain('NODE_MISSING')
  })

  it('prefers the runtime of the package to the one in PATH', () => {
    modem.put('usr/lib/securenet/node', '#!/bin/sh\necho "bundled $*"\n', 0o755)
    expect(modem.ash('usr/bin/securenet', 'check', 'a b').out).toBe(
      `bundled ${modem.root}/usr/lib/securenet/securenet.cjs check a b\n`,
    )
  })
})
