import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../module/config/load.ts'
import { whyNotCompiled } from '../../scripts/compile-batch.mjs'
import { modemRuntime } from '../../scripts/household/runtime.ts'
import { type Bundle, buildBundle } from './bundle.ts'
import { messageOfCalls } from './message-of-calls.ts'
import { StubModem } from './modem.ts'
import { faultsOf } from './service-message.ts'

const service4 = '198.18.53.53/32'
const service6 = 'fd53:5ec:4e7::53/128'

let bundle: Bundle
let modem: StubModem

beforeAll(() => {
  bundle = buildBundle()
})
afterAll(() => bundle.remove())
beforeEach(() => {
  modem = new StubModem().overlay(bundle.folder).provision()
})
afterEach(() => modem.remove())

const configOf = () => parseConfig(readFileSync(modem.json, 'utf8'))

describe.skipIf(process.getuid?.() !== 0)('/etc/init.d/securenet start', () => {
  it('writes what the module accepts', () => {
    expect(modem.init('start')).toMatchObject({ code: 0, err: '' })
    expect(configOf()).toMatchObject({
      modemId: 'modem-1',
      runDir: join(modem.root, 'var/run/securenet'),
      lines: [{ id: 'modem-1', access: 'fixed', interface: 'wan' }],
      dns: {
        listen: [
          { address: '198.18.53.53', port: 5353 },
          { address: 'fd53:5ec:4e7::53', port: 5353 },
        ],
        localZones: ['lan', 'home.arpa'],
        rebindProtection: true,
        structuredErrors: false,
      },
      upstream: { servers: [{ address: '127.0.0.1', port: 53 }] },
      page: { ipv4: '198.18.53.53', ipv6: 'fd53:5ec:4e7::53', branding: { phone: '0800 55 800' } },
      interception: { backend: 'auto', interfaces: ['br-lan'], leaseMs: 6000 },
    })
    expect(configOf().mqtt).toBeUndefined()
    expect(statSync(modem.json).mode & 0o777).toBe(0o640)
  })

  it('has every option of the schema in the default file, with the schema’s default', () => {
    modem.init('start')
    const written = JSON.parse(readFileSync(modem.json, 'utf8'))
    const leaves = (value: unknown, path = ''): string[] =>
      value === null || typeof value !== 'object' || Array.isArray(value)
        ? [`${path}=${JSON.stringify(value)}`]
        : Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`))
    const bare = JSON.parse(
      JSON.stringify(
        parseConfig(
          JSON.stringify({
            modemId: written.modemId,
            dataDir: written.dataDir,
            runDir: written.runDir,
            lines: written.lines,
            dns: { listen: written.dns.listen },
            page: { listen: written.page.listen, ipv4: written.page.ipv4, ipv6: written.page.ipv6 },
            interception: { interfaces: written.interception.interfaces },
            trust: written.trust,
          }),
        ),
      ),
    )
    // Empty in the file: the schema's own default is meant.
    const empty = (leaf: string) => /^\.page\.branding\.|=\[\]$/.test(leaf)
    const full = leaves(written).filter((leaf) => !empty(leaf))
    expect(full.sort()).toEqual(
      leaves(bare)
        .filter((leaf) => !empty(leaf))
        .sort(),
    )
  })

  it('takes warning pages of other filters over', () => {
    const pages = "\tlist warning_page '192.0.2.80'\n\tlist warning_page '2001:db8::80#malware'\n"
    const before = modem.read('etc/config/securenet')
    modem.put('etc/config/securenet', before.replace(/^\toption in_flight.*\n/m, pages))
    expect(modem.init('start').err).toBe('')
    expect(configOf().upstream.warningPages).toEqual([
      { address: '192.0.2.80', category: 'phishing' },
      { address: '2001:db8::80', category: 'malware' },
    ])
  })

  it('names a warning page that is none', () => {
    const before = modem.read('etc/config/securenet')
    modem.put(
      'etc/config/securenet',
      before.replace(/^\toption in_flight.*\n/m, "\tlist warning_page '192.0.2.80#anger'\n"),
    )
    const { code, err } = modem.init('start')
    expect(code).toBe(1)
    expect(err).toContain('securenet.upstream.warning_page')
  })

  it('takes resolvers of networks over, by their devices', () => {
    modem.put('netifd/guest/device', 'br-guest')
    const views = `
config view
\toption network 'guest'
\tlist server '192.0.2.53#5300'
\tlist server '2001:db8::53'

config view
\toption device 'br-iot'

config view
\toption network 'not-up'
`
    modem.put('etc/config/securenet', `${modem.read('etc/config/securenet')}${views}`)
    expect(modem.init('start').err).toBe('')
    expect(configOf().upstream.byInterface).toEqual([
      {
        interface: 'br-guest',
        servers: [
          { address: '192.0.2.53', port: 5300 },
          { address: '2001:db8::53', port: 53 },
        ],
      },
      { interface: 'br-iot', servers: [] },
    ])
  })

  it.each([
    ["\toption device 'br-a'\n\toption server 'resolver'", 'securenet.@view[0].server'],
    ["\toption device 'a-name-that-is-too-long'", 'securenet.@view[0].network'],
    ["\toption device 'br-a'\nconfig view\n\toption device 'br-a'", 'securenet.@view[1].network'],
    ["\toption netwrk 'guest'", 'netwrk'],
    ["\toption server '192.0.2.53'", '.network: neither network nor device is set'],
  ])('a wrong view is named: %s', (lines, complaint) => {
    modem.put('etc/config/securenet', `${modem.read('etc/config/securenet')}\nconfig view\n${lines}\n`)
    const { code, err } = modem.init('start')
    expect(code).toBe(1)
    expect(err).toContain(complaint)
    expect(modem.addresses).toEqual([])
  })

  it('takes lists, several lines, broker, branding and another port over', () => {
    modem.put(
      'etc/config/securenet',
      `${modem.read('etc/config/securenet')}
config line
\toption id 'mobile-1'
\toption access 'mobile'
\toption interface 'wwan'
`,
    )
    modem.uci('set', 'securenet.mqtt.url=mqtts://broker.example:8883')
    modem.uci('set', 'securenet.mqtt.ca_file=/etc/ssl/ca.pem')
    modem.uci('set', 'securenet.dns.rebind_exempt=corp.example other.example')
    modem.uci('set', 'securenet.upstream.server=192.0.2.53#5300 2001:db8::53')
    modem.uci('set', 'securenet.branding.operator=Ours "and" theirs\\')
    modem.uci('set', 'securenet.interception.device=br-iot br-lan')
    expect(modem.init('start').err).toBe('')
    expect(configOf()).toMatchObject({
      lines: [{ id: 'modem-1' }, { id: 'mobile-1', access: 'mobile', interface: 'wwan' }],
      mqtt: { url: 'mqtts://broker.example:8883', caFile: '/etc/ssl/ca.pem', keepaliveSeconds: 60 },
      dns: { rebindExempt: ['corp.example', 'other.example'] },
      upstream: {
        servers: [
          { address: '192.0.2.53', port: 5300 },
          { address: '2001:db8::53', port: 53 },
        ],
      },
      page: { branding: { operator: 'Ours "and" theirs\\' } },
      interception: { interfaces: ['br-lan', 'br-iot'] },
    })
  })

  describe('hands over what dnsmasq is told by the household', () => {
    const household = () => {
      expect(modem.init('start')).toMatchObject({ code: 0, err: '' })
      return configOf().dns.household
    }

    it('nothing where there is nothing', () => {
      expect(household()).toEqual({ zones: [], hosts: [], asked: [], rebindProtection: false })
    })

    it('/etc/config/dhcp', () => {
      modem.put(
        'etc/config/dhcp',
        `config dnsmasq
\toption domain 'home'
\toption local '/home/'
\toption rebind_protection '1'
\tlist rebind_domain '/plex.direct/'
\tlist rebind_domain 'Sync.Example.'
\tlist address '/cloud.example.org/192.168.1.10'
\tlist address '/ads.example/0.0.0.0'
\tlist server '/corp.local/vpn.example/10.8.0.1'
\tlist server '192.0.2.53'

config domain
\toption name 'nas.home'
\toption ip '192.168.1.20'

config hostrecord
\tlist name 'a.example.org'
\tlist name 'printer.corp.local'
\toption ip '192.168.1.30'

config cname
\toption cname 'www.home'
\toption target 'nas.home'
`,
      )
      expect(household()).toEqual({
        zones: ['home', 'cloud.example.org'],
        hosts: ['nas.home', 'a.example.org', 'printer.corp.local', 'www.home'],
        asked: ['home', 'corp.local', 'vpn.example', 'plex.direct', 'sync.example'],
        rebindProtection: true,
      })
      // What is loaded for it does not take the place of our own sections.
      expect(configOf().lines).toHaveLength(1)
    })

    it('dnsmasq’s own files, the folders that they name, and hosts files', () => {
      modem.put(
        'etc/dnsmasq.conf',
        `# domain=commented.example
domain=home,192.168.1.0/24
  host-record = nas.home,nas2.home,192.168.1.20,fd00::20 # the cupboard
cname=www.home,blog.home,nas.home
conf-dir=${modem.root}/own,*.conf
addn-hosts=${modem.root}/etc/more-hosts
stop-dns-rebind\r
`,
      )
      modem.put('etc/dnsmasq.d/split', 'address=/cloud.example.org/192.168.1.10\nlocal=/only.here/\n')
      modem.put(
        'own/vpn',
        'server=/corp.local/10.8.0.1\nserver=/public.example/#\nrebind-domain-ok=plex.direct',
      )
      modem.put(
        'var/etc/dnsmasq.conf.cfg01',
        'interface-name=gw.home,br-lan\nauth-zone=mine.example,192.168.1.0/24\n',
      )
      modem.put(
        'etc/hosts',
        '127.0.0.1 localhost modem.home\n192.168.1.9 tv.home tv # living room\n0.0.0.0 ads.example\n',
      )
      modem.put('etc/more-hosts', 'fd00::5 six.home\n')
      expect(household()).toEqual({
        zones: ['cloud.example.org', 'only.here', 'mine.example'],
        hosts: ['nas.home', 'nas2.home', 'www.home', 'blog.home', 'gw.home', 'tv.home', 'six.home'],
        asked: ['home', 'corp.local', 'plex.direct'],
        rebindProtection: true,
      })
    })

    it('no name that the module would refuse, no root, no blocker’s list', () => {
      modem.put(
        'etc/dnsmasq.conf',
        `address=/#/192.168.1.1
local=//
domain=#
server=/${'a'.repeat(64)}.example/10.0.0.1
host-record=b\u00fccher.example,192.168.1.2
host-record=$(reboot).example,'; reboot,192.168.1.2
address=/ads.example/
address=/ads2.example/::
local=/*.fine.example/
`,
      )
      modem.put('etc/dnsmasq.d/blocker', 'local=/x.example/\n'.repeat(5000))
      expect(household()).toEqual({ zones: ['fine.example'], hosts: [], asked: [], rebindProtection: false })
    })
  })

  it.each(['with ujail', 'without ujail'])('tells procd nothing that it would drop, %s', (ujail) => {
    if (ujail === 'without ujail') {
      rmSync(join(modem.root, 'sbin/ujail'))
      modem.put('stub-bin/setpriv', '#!/bin/sh\necho --reuid\n', 0o755)
    }
    modem.uci('set', 'securenet.main.nice=-5')
    expect(modem.init('start').err).toBe('')
    const message = messageOfCalls(modem.procd, '/etc/init.d/securenet')
    expect(message.instances['instance1']).toHaveProperty('command')
    expect('jail' in message.instances['instance1']!).toBe(ujail === 'with ujail')
    expect(faultsOf(message)).toEqual([])
  })

  it('tells procd command, user, files, respawn, jail and capability', () => {
    modem.init('start')
    const lib = join(modem.root, 'usr/lib/securenet')
    expect(modem.told('', 'command')).toEqual([
      process.execPath,
      ...modemRuntime().flags,
      `${lib}/securenet.cjs`,
      'run',
      '--config',
      modem.json,
    ])
    expect(modem.told('', 'user')).toEqual(['daemon'])
    expect(modem.told('', 'file')).toEqual([
      `${lib}/securenet.cjs`,
      modem.json,
      expect.stringMatching(/\/prebuilds\/linux-[a-z0-9]+\/node\.napi\.[a-z.]+$/),
      ...(whyNotCompiled(process.arch) === null ? [`${lib}/batch.node`] : []),
      `${modem.root}/etc/securenet/trust/roots.json`,
    ])
    expect(modem.told('', 'respawn')).toEqual(['3600', '5', '0'])
    expect(modem.told('', 'term_timeout')).toEqual(['10'])
    expect(modem.told('', 'stderr')).toEqual(['1'])
    expect(modem.told('', 'no_new_privs')).toEqual(['1'])
    expect(modem.told('add_jail')).toEqual(['securenet', 'ubus', 'procfs', 'sysfs', 'ronly', 'requirejail'])
    expect(modem.told('add_jail_mount_rw')).toEqual([
      `${modem.root}/srv/securenet`,
      `${modem.root}/var/run/securenet`,
    ])
    expect(modem.told('add_jail_mount')).toContain(join(modem.root, 'stub-bin/nft'))
    const [capabilities] = modem.told('', 'capabilities')
    for (const set of Object.values(JSON.parse(readFileSync(capabilities!, 'utf8'))))
      expect(set).toEqual(['CAP_NET_ADMIN'])
    expect(modem.told('add_reload_trigger')).toEqual(['securenet', 'dhcp'])
    expect(modem.told('add_reload_interface_trigger')).toEqual(['lan', 'guest'])
    expect(modem.told('add_raw_trigger')).toEqual([])
    const calls = modem.procd.map(([verb]) => verb)
    expect(calls.at(0)).toBe('open_service')
    expect(calls.at(-1)).toBe('close_service')
  })

  it('puts addresses on lo, and folders into the user’s hands, with the line that carries the traffic', () => {
    modem.init('start')
    expect(modem.addresses).toEqual([service4, service6])
    for (const folder of ['srv/securenet', 'var/run/securenet']) {
      const { uid, mode } = statSync(join(modem.root, folder))
      expect([uid, mode & 0o777]).toEqual([1, 0o700])
    }
    expect(modem.read('var/run/securenet/uplink')).toBe('"wan"')
  })

  it('takes the addresses of another configuration away', () => {
    modem.init('start')
    modem.uci('set', 'securenet.dns.service_ipv4=198.18.0.9')
    modem.init('reload')
    expect(modem.addresses).toEqual(['198.18.0.9/32', service6])
  })

  it('leaves IPv6 out where the kernel has none', () => {
    modem.env['SECURENET_IPV6'] = '/nonexistent'
    modem.init('start')
    expect(configOf().page.ipv6).toBeUndefined()
    expect(modem.addresses).toEqual([service4])
  })

  it('drops privileges by setpriv where there is no jail, and never runs as root', () => {
    modem.without('../sbin/ujail')
    modem.put('stub-bin/setpriv', '#!/bin/sh\necho " --reuid <uid>"\n', 0o755)
    expect(modem.init('start').code).toBe(0)
    const command = modem.told('', 'command').join(' ')
    expect(command).toContain('setpriv --reuid=daemon --regid=daemon --clear-groups --no-new-privs')
    expect(command).toContain('--bounding-set=-all,+net_admin')
    modem.put('stub-bin/setpriv', '#!/bin/sh\necho "busybox applet"\n', 0o755)
    const refused = modem.init('restart')
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('procd-ujail')
    expect(modem.told('open_instance')).toEqual([])
    expect(modem.addresses).toEqual([])
  })

  it('does nothing while it is not enabled', () => {
    modem.uci('set', 'securenet.main.enabled=0')
    expect(modem.init('start').code).toBe(0)
    expect(modem.procd.some(([verb]) => verb === 'open_instance')).toBe(false)
    expect(modem.addresses).toEqual([])
    expect(modem.told('add_reload_trigger')).toEqual(['securenet', 'dhcp'])
  })
})

describe.skipIf(process.getuid?.() !== 0)('boot', () => {
  it('starts at once where a network is up, else waits for the first', () => {
    modem.init('boot')
    expect(modem.procd.some(([verb]) => verb === 'open_instance')).toBe(true)
    modem.init('stop')
    modem.put('netifd/lan/device', '')
    expect(modem.init('boot').code).toBe(0)
    expect(modem.procd.some(([verb]) => verb === 'open_instance')).toBe(false)
    expect(modem.told('add_raw_trigger')).toEqual([
      'interface.*.up',
      '2000',
      join(modem.root, 'etc/init.d/securenet'),
      'start',
    ])
    expect(modem.addresses).toEqual([])
  })
})

describe.skipIf(process.getuid?.() !== 0)('stop', () => {
  it('takes the IPv6 address off every device where a module that was killed has left it', () => {
    modem.init('start')
    modem.put('left-on', 'br-lan\nbr-guest\n')
    modem.put('tools.log', '')
    modem.init('stop')
    for (const device of ['lo', 'br-lan', 'br-guest'])
      expect(modem.read('tools.log')).toContain(`ip -6 address del ${service6} dev ${device}\n`)
    expect(modem.addresses).toEqual([])
  })

  it('waits for the process, then takes table, addresses and folders away', () => {
    modem.init('start')
    modem.startInstance()
    expect(modem.init('stop').code).toBe(0)
    expect(modem.told('kill')).toEqual(['securenet', 'securenet'])
    expect(modem.addresses).toEqual([])
    expect(modem.read('tools.log')).toMatch(
      /process gone\nnft delete table inet securenet\n(.*\n)*ip .* address del/,
    )
    expect(modem.has('var/etc/securenet.json')).toBe(false)
    expect(modem.has('var/run/securenet')).toBe(false)
    expect(modem.has('srv/securenet')).toBe(true)
  })
})

describe.skipIf(process.getuid?.() !== 0)('without nft', () => {
  beforeEach(() => {
    modem.without('nft')
    modem.put(
      'usr/lib/securenet/firewall-iptables.sh',
      'echo "rules $1 $SERVICE4 $SERVICE6 $DNS_PORT $PAGE_PORT $INTERFACES $LEASE" >>"$STUB_ROOT/tools.log"\n',
    )
  })

  it('has root install the static rules, and the firewall’s include put them back', () => {
    modem.init('start')
    const rules = 'rules add 198.18.53.53 fd53:5ec:4e7::53 5353 8053 br-lan 6'
    expect(modem.read('tools.log')).toContain(rules)
    modem.put('tools.log', '')
    expect(modem.ash('usr/lib/securenet/firewall-include.sh').code).toBe(0)
    expect(modem.read('tools.log')).toContain(rules)
    modem.init('stop')
    expect(modem.read('tools.log')).toContain('rules remove')
    modem.put('tools.log', '')
    modem.ash('usr/lib/securenet/firewall-include.sh')
    expect(modem.read('tools.log')).toBe('')
  })
})

const wrong: [option: string, value: string, name: string, reason: RegExp][] = [
  ['main.enabled', 'perhaps', 'securenet.main.enabled', /neither 0 nor 1/],
  ['main.modem_id', 'a b', 'securenet.main.modem_id', /pattern/],
  ['main.modem_id', '', 'securenet.main.modem_id', /pattern/],
  ['main.data_dir', '/usr', 'securenet.main.data_dir', /not the module's/],
  ['main.data_dir', 'srv', 'securenet.main.data_dir', /not the module's/],
  ['main.log_level', 'loud', 'securenet.main.log_level', /one of/],
  ['main.telemetry_seconds', '1', 'securenet.main.telemetry_seconds', />= 10/],
  ['main.node', '/nonexistent/node', 'securenet.main.node', /no Node.js/],
  ['main.nice', '1.5', 'securenet.main.nice', /whole number/],
  ['main.nise', '1', 'securenet.main.nise', /no such option/],
  ['@line[0].id', 'a b', 'securenet.@line[0].id', /pattern/],
  ['@line[0].access', 'fibre', 'securenet.@line[0].access', /one of/],
  ['@line[0].interface_name', 'wan', 'interface_name', /no such option/],
  ['dns.service_ipv4', '300.1.1', 'securenet.dns.service_ipv4', /format|address/],
  ['dns.service_ipv4', '0.0.0.0', 'securenet.dns.service_ipv4', /wildcard/],
  ['dns.service_ipv6', 'nonsense', 'securenet.dns.service_ipv6', /format|address/],
  ['dns.port', '70000', 'securenet.dns.port', /<= 65535/],
  ['dns.port', 'five', 'securenet.dns.port', /whole number/],
  ['dns.block_ttl', '99999', 'securenet.dns.block_ttl', /<= 3600/],
  ['dns.block_ttl', '-1', 'securenet.dns.block_ttl', /whole number/],
  ['dns.cache_bytes', '99999999999', 'securenet.dns.cache_bytes', /more than/],
  ['dns.rebind_protection', 'maybe', 'securenet.dns.rebind_protection', /neither 0 nor 1/],
  ['limits.burst', '0', 'securenet.limits.burst', />= 1/],
  ['upstream.mode', 'google', 'securenet.upstream.mode', /one of/],
  ['upstream.server', '127.0.0.1#x', 'securenet.upstream.server', /whole number/],
  ['upstream.server', 'resolver', 'securenet.upstream.server', /format|address/],
  ['upstream.timeout_ms', '5', 'securenet.upstream.timeout_ms', />= 100/],
  ['page.port', '0', 'securenet.page.port', />= 1/],
  ['branding.colour', '#ffff00', 'securenet.branding.colour', /contrast/],
  ['branding.help_url', 'http://plain.example', 'securenet.branding.help_url', /format/],
  ['interception.backend', 'pf', 'securenet.interception.backend', /one of/],
  ['interception.device', 'a-name-that-is-too-long', 'securenet.interception.device', /pattern/],
  ['interception.lease_ms', '2000', 'securenet.interception.lease_ms', /twice/],
  ['mqtt.url', 'https://broker', 'securenet.mqtt.url', /pattern/],
  ['mqtt.url', 'mqtt://broker.example:1883', 'securenet.mqtt.url', /loopback/],
  ['blocklist.name', 'UPPER', 'securenet.blocklist.name', /pattern/],
  ['blocklist.quota_bytes', '5', 'securenet.blocklist.quota_bytes', />= /],
]

describe.skipIf(process.getuid?.() !== 0)('a wrong option', () => {
  it.each(wrong)('%s=%s: name, reason, exit code, LAN left alone', (option, value, name, reason) => {
    modem.uci('set', `securenet.${option}=${value}`)
    const before = modem.files()
    const { code, err } = modem.init('start')
    expect(code).toBe(1)
    expect(err).toContain(`wrong option ${name.startsWith('securenet') ? name : ''}`)
    expect(err).toContain(name)
    expect(err).toMatch(reason)
    expect(modem.addresses).toEqual([])
    expect(modem.told('open_instance')).toEqual([])
    expect(modem.procd.some(([verb]) => verb === 'open_instance')).toBe(false)
    expect(modem.read('tools.log')).not.toMatch(/^(ip .*address|nft|iptables|ipset)/m)
    expect(modem.read('tools.log')).toContain(`logger -t securenet -p daemon.err wrong option`)
    // A corrected option starts it: the triggers are there.
    expect(modem.told('add_reload_trigger')).toEqual(['securenet', 'dhcp'])
    expect(modem.files().filter((file) => !before.includes(file))).toEqual(['/procd.log', '/tools.log'])
  })

  it('a runtime that cannot load the module is named in one line', () => {
    modem.put(`usr/lib/securenet/prebuilds/linux-${process.arch}/node.napi.glibc.node`, 'of another machine')
    modem.put(`usr/lib/securenet/prebuilds/linux-${process.arch}/node.napi.musl.node`, 'of another machine')
    const { code, err } = modem.init('start')
    expect(code).toBe(1)
    expect(err).toMatch(/wrong option securenet.main.node: .*cannot run .*Error/)
    expect(err.length).toBeLessThan(1000)
  })

  it.each([
    ["config securenet 'main'\n\toption enabled '1'\n\toptoin modem_id 'modem-1'\n", 'at line 3'],
    ["config securenet 'main'\n\toption enabled '1\n", 'at line 2'],
    [null, 'Entry not found'],
  ])('a file that uci cannot read is no modem that is switched off: %j', (text, complaint) => {
    modem.init('start')
    modem.startInstance()
    if (text === null) rmSync(modem.config)
    else modem.put('etc/config/securenet', text)
    const { code, err } = modem.init('reload')
    expect(code).toBe(1)
    expect(err).toMatch(`wrong option securenet: /etc/config/securenet: `)
    expect(err).toContain(complaint)
    // What runs goes on.
    expect(modem.procd.map(([call]) => call)).not.toContain('close_service')
    expect(modem.addresses).toEqual([service4, service6])
  })

  it('an unknown section is named', () => {
    modem.put('etc/config/securenet', `${modem.read('etc/config/securenet')}\nconfig dnss 'dnss'\n`)
    expect(modem.init('start').err).toContain("securenet.dnss: there is no section 'dnss' of type 'dnss'")
  })

  it('leaves the process that runs as it is', () => {
    modem.init('start')
    const json = readFileSync(modem.json, 'utf8')
    modem.startInstance()
    modem.uci('set', 'securenet.dns.block_ttl=99999')
    const { code, err } = modem.init('reload')
    expect(code).toBe(1)
    expect(err).toContain('securenet.dns.block_ttl')
    // procd hears nothing: a service message without the instance would end it.
    expect(modem.procd.map(([verb]) => verb)).toEqual(['open_service'])
    expect(readFileSync(modem.json, 'utf8')).toBe(json)
    expect(modem.addresses).toEqual([service4, service6])
  })
})

describe('extra commands', () => {
  it.each([
    ['status', []],
    ['check', ['example.com']],
    ['selftest', []],
    ['support', []],
  ])('%s asks the module', (verb, args) => {
    modem.put('usr/bin/securenet', '#!/bin/sh\necho "asked $*"\n', 0o755)
    expect(modem.init(verb, ...args).out.trim()).toBe(['asked', verb, ...args].join(' '))
  })

  it('help names them', () => {
    expect(modem.init('help').out).toMatch(/status.*check.*selftest.*support/s)
  })
})
