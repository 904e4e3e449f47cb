/** UCI -> init script -> service message -> jail: the module as procd would run it, on real packets. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { messageOfCalls } from '../rootfs/message-of-calls.ts'
import { StubModem } from '../rootfs/modem.ts'
import { faultsOf } from '../rootfs/service-message.ts'
import { addresses, Household, lacking, type Started, who } from './household-in-namespaces.ts'
import { askAll, pairs } from './interception-list.ts'
import { innerPid, instanceOf, jailed } from './jail.ts'
import { lines, Modem } from './modem.ts'

const tools = ['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'unshare', 'openssl', 'mosquitto', 'busybox', 'ldd']
const missing = lacking(tools)
if (missing.length > 0)
  console.log(`skipped: the jail that procd is asked for: missing ${missing.join(', ')}`)

describe.skipIf(missing.length > 0)('in the jail that procd is asked for', () => {
  const home = new Household()
  const modem = new Modem(home)
  let router: StubModem
  let instance: ReturnType<typeof instanceOf>
  let started: Started
  const inJail = (command: string[]) => home.attempt('modem', jailed(instance, newRoot(), command))
  let roots = 0
  const newRoot = () => {
    const root = join(home.dir, `jail-${roots++}`)
    mkdirSync(root)
    return root
  }
  const askLan = () => home.ask('lan', { server: addresses.modem.lan4 })

  beforeAll(async () => {
    await home.open()
    // The line is enabled and the list is there, as on a modem that starts again.
    await modem.protect(['who.example'])
    await modem.stop()

    router = new StubModem().overlay('dist/securenet').provision()
    router.put('netifd/guest/device', 'br-guest')
    const { operator4 } = addresses.wan
    for (const [name, device, gateway] of [
      ['wan', 'wan0', operator4],
      ['wwan', 'be0', addresses.backend4],
    ] as const) {
      router.put(`netifd/${name}/device`, device)
      router.put(`netifd/${name}/gateway4`, gateway)
    }
    const mobile = [
      'config line',
      `option id '${lines.mobile}'`,
      "option access 'mobile'",
      "option interface 'wwan'",
    ]
    router.put('etc/config/securenet', `${router.read('etc/config/securenet')}\n${mobile.join('\n\t')}\n`)
    router.put('etc/securenet/trust/roots.json', readFileSync(join(home.dir, 'roots.json'), 'utf8'))
    router.uci('set', `securenet.@line[0].id=${lines.fixed}`)
    execFileSync('cp', ['-a', `${modem.dataDir}/.`, join(router.root, 'srv/securenet/')])
    execFileSync('chown', ['-R', 'daemon:daemon', join(router.root, 'srv/securenet')])
    // Where nothing but its owner's user may pass, nobody else can be tried.
    execFileSync('chmod', ['755', router.root])
    const { code, err } = router.init('start')
    if (code !== 0) throw new Error(err)
    const message = messageOfCalls(router.procd, '/etc/init.d/securenet')
    expect(faultsOf(message)).toEqual([])
    instance = instanceOf(message)
    // The init script ran with stand-ins for the kernel's tools; the module gets the real ones, where `command -v` finds them.
    const mount = Object.entries(instance.jail.mount).filter(([path]) => !path.includes('/stub-bin/'))
    const real = ['nft', 'ip'].map((tool) =>
      execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
    )
    instance.jail.mount = Object.fromEntries([...mount, ...real.map((path) => [path, '0'])])
    started = home.start('modem', jailed(instance, newRoot()))
    await started.line((line) => line.startsWith('info started '))
  })
  afterAll(async () => {
    await home.close()
    router?.remove()
  })

  test('it protects: every source and destination, UDP and TCP', async () => {
    await home.until(
      () => askLan(),
      (answer) => answer === addresses.service4,
    )
    const answers = await askAll(home, pairs())
    expect([...answers].filter(([, answer]) => answer !== addresses.service4)).toEqual([])
    expect(await home.ask('lan', { server: addresses.public4, name: 'true.example' })).toBe('203.0.113.80')
  })

  test('own user, CAP_NET_ADMIN alone, no new privileges, a root of its own', () => {
    const status = readFileSync(`/proc/${innerPid(started.child.pid!)}/status`, 'utf8')
    const netAdmin = (1 << 12).toString(16).padStart(16, '0')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\\s${netAdmin}$`, 'm'))
    expect(status).toMatch(/^NoNewPrivs:\s1$/m)
    expect(status).toMatch(/^Uid:\s1\s1\s1\s1$/m)
    expect(status).toMatch(/^Groups:\s*$/m)
    const root = execFileSync('readlink', [`/proc/${innerPid(started.child.pid!)}/root`], {
      encoding: 'utf8',
    })
    expect(root).toContain('/jail-')
  })

  test('a child with the same credentials writes nowhere but in the data and run folders', () => {
    const writable = [join(router.root, 'srv/securenet'), join(router.root, 'var/run/securenet')]
    const lib = join(router.root, 'usr/lib/securenet')
    const program = `
      const fs = require('fs')
      const outcome = {}
      const attempt = (what, act) => { try { act(); outcome[what] = 'done' } catch (error) { outcome[what] = error.code } }
      for (const folder of ${JSON.stringify(['/', '/etc', '/usr', '/tmp', '/dev', '/proc', '/sys', lib, ...writable])})
        attempt('file in ' + folder, () => fs.writeFileSync(folder + '/trial', 'x'))
      for (const file of ${JSON.stringify([`${lib}/securenet.cjs`, join(router.root, 'var/etc/securenet.json'), join(router.root, 'etc/securenet/trust/roots.json'), '/etc/passwd', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger'])})
        attempt('change ' + file, () => fs.appendFileSync(file, 'x'))
      attempt('chown', () => fs.chownSync(${JSON.stringify(writable[0])}, 0, 0))
      attempt('setuid', () => process.setuid(0))
      attempt('chroot', () => { process.chroot ? process.chroot('/') : require('child_process').execFileSync('/usr/sbin/chroot', ['/']) })
      for (const path of ['/home', '/root', '/var/log', '/etc/shadow']) attempt('see ' + path, () => fs.statSync(path))
      console.log(JSON.stringify(outcome))`
    const { stdout, stderr } = inJail([instance.command[0]!, '-e', program])
    expect(stderr).toBe('')
    const outcome = JSON.parse(stdout)
    const done = Object.keys(outcome).filter((what) => outcome[what] === 'done')
    // /dev is the jail's own, and goes with it.
    expect(done.sort()).toEqual(['/dev', ...writable].map((folder) => `file in ${folder}`).sort())
  })

  test('the default route moves to the mobile line and back: hotplug tells the module, protection follows', async () => {
    const hotplug = (action: string, device: string) => {
      const env = { ...router.env, ACTION: action, INTERFACE: 'wan', DEVICE: device }
      const script = `. ${join(router.root, 'etc/hotplug.d/iface/95-securenet')}`
      const argv = [
        'env',
        ...Object.entries(env).map((pair) => pair.join('=')),
        'busybox',
        'ash',
        '-c',
        script,
      ]
      const { status, stdout, stderr } = home.attempt('modem', argv)
      expect([status, stdout, stderr]).toEqual([0, '', ''])
    }
    const move = (from: string, to: string, gateway: string) => {
      home.exec('modem', ['ip', '-4', 'route', 'del', 'default', 'dev', from])
      home.exec('modem', ['ip', '-4', 'route', 'add', 'default', 'via', gateway, 'dev', to])
    }
    router.without('ip')
    move('wan0', 'be0', addresses.backend4)
    hotplug('ifdown', 'wan0')
    // Nobody has ordered protection for the mobile line.
    await home.until(
      () => askLan(),
      (answer) => answer === who.stock,
    )
    move('be0', 'wan0', addresses.wan.operator4)
    hotplug('ifup', 'wan0')
    await home.until(
      () => askLan(),
      (answer) => answer === addresses.service4,
    )
  })

  test('the first process of its PID namespace still stops when it is asked to, and disarms', async () => {
    process.kill(innerPid(started.child.pid!), 'SIGTERM')
    await new Promise((resolve) => started.child.once('close', resolve))
    expect(await askLan()).toBe(who.stock)
    expect(started.child.exitCode).toBe(0)
  })

  test('killed, then stopped by the init script with the real tools: nothing is left', async () => {
    started = home.start('modem', jailed(instance, newRoot()))
    await home.until(
      () => askLan(),
      (answer) => answer === addresses.service4,
    )
    process.kill(innerPid(started.child.pid!), 'SIGKILL')
    await new Promise((resolve) => started.child.once('close', resolve))
    const addressesNow = () => home.exec('modem', ['ip', '-o', 'address'])
    expect(addressesNow()).toMatch(new RegExp(`br-lan .*${addresses.service6}/128`))
    router.without('nft')
    const env = { ...router.env, PATH: `${router.env['PATH']}:/usr/sbin:/usr/bin` }
    const rc = join(router.root, 'etc/rc.common')
    const init = join(router.root, 'etc/init.d/securenet')
    // busybox's own `ip`, as on a modem; nft is the real one.
    const stopped = home.attempt('modem', [
      ...['env', ...Object.entries(env).map((pair) => pair.join('='))],
      ...['busybox', 'ash', rc, init, 'stop'],
    ])
    expect([stopped.status, stopped.stderr]).toEqual([0, ''])
    for (const address of [addresses.service4, addresses.service6])
      expect(addressesNow()).not.toContain(address)
    expect(home.exec('modem', ['nft', 'list', 'tables'])).not.toContain('securenet')
    expect(await askLan()).toBe(who.stock)
    expect(router.has('var/run/securenet')).toBe(false)
  })
})
