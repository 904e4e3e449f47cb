import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { whyNotCompiled } from '../../scripts/compile-batch.mjs'
import { modemRuntime } from '../../scripts/household/runtime.ts'
import { waitLimitMs } from '../helpers/limits.ts'
import { ChrootModem } from './chroot.ts'
import { Opkg } from './opkg.ts'

const project = join(import.meta.dirname, '..', '..')
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
const here = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-glibc`
const opkgName = process.arch === 'arm64' ? 'aarch64_generic' : 'x86_64'
const all = ['aarch64-musl', 'aarch64-glibc', 'x86_64-musl', 'x86_64-glibc', 'armv7-glibc']

const cache = join(project, 'dist/cache')
const cached = ['lmdb-lmdb-linux-arm64', 'lmdb-lmdb-linux-arm'].every((name) => {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))
  const { version: lmdb } = lock.packages['node_modules/lmdb']
  return existsSync(join(cache, `${name}-${lmdb}.tgz`))
})
/** Prebuilts of other machines come from the npm registry once; without either only this machine's are made. */
const names =
  cached || spawnSync('npm', ['ping'], { stdio: 'ignore', timeout: waitLimitMs }).status === 0 ? all : [here]
if (names !== all)
  console.log(`packages of other machines not tested: no npm registry and nothing in ${cache}`)

for (const cpu of ['x64', 'arm64', 'arm']) {
  const why = whyNotCompiled(cpu)
  if (why !== null) console.log(`packages for ${cpu} are without batch.node: ${why}`)
}

let folder: string
function build(into: string, ...more: string[]): string {
  const out = join(folder, into)
  execFileSync(
    process.execPath,
    [
      join(project, 'build.mjs'),
      ...['--out', join(folder, `${into}-bundle`), '--packages', '--packages-out', out],
      ...names.flatMap((name) => ['--only', name]),
      ...more,
    ],
    { stdio: 'pipe', env: { ...process.env, TZ: into === 'second' ? 'Asia/Tokyo' : 'UTC' } },
  )
  return out
}
const ipkOf = (out: string, target = here) =>
  join(out, target, `securenet_${version}-1_${target === here ? opkgName : ''}.ipk`)

let first: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'securenet-packages-test-'))
  first = build('first')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tar = (...args: string[]) =>
  execFileSync('tar', args, { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
function unpack(ipk: string): string {
  const into = mkdtempSync(join(folder, 'ipk-'))
  tar('-xzf', ipk, '-C', into)
  for (const part of ['control', 'data']) {
    mkdirSync(join(into, part))
    tar('-xzf', join(into, `${part}.tar.gz`), '-C', join(into, part))
  }
  return into
}

describe('packages', () => {
  it('are byte-identical on a second build, elsewhere, at another time and umask', () => {
    const sumsOf = (out: string) => readFileSync(join(out, 'SHA256SUMS'), 'utf8')
    const elsewhere = () => {
      const umask = process.umask(0o077)
      try {
        return sumsOf(build('second'))
      } finally {
        process.umask(umask)
      }
    }
    const sums = elsewhere()
    // Where module/ was edited meanwhile, the two are of two sources: the first once more, then.
    if (sums !== sumsOf(first)) expect(sums).toBe(sumsOf(build('third')))
    expect(sums.match(/\.ipk$/gm)).toHaveLength(names.length)
    expect(sums.match(/rootfs.*\.tar\.gz$/gm)).toHaveLength(2 * names.length)
  })

  it('are what opkg reads', () => {
    const ipk = ipkOf(first)
    expect(tar('-tzf', ipk).trim().split('\n')).toEqual([
      './debian-binary',
      './data.tar.gz',
      './control.tar.gz',
    ])
    const into = unpack(ipk)
    expect(readFileSync(join(into, 'debian-binary'), 'utf8')).toBe('2.0\n')
    const control = readFileSync(join(into, 'control/control'), 'utf8')
    expect(control).toContain(`Package: securenet\nVersion: ${version}-1\nDepends: libc, `)
    expect(control).toMatch(/^Require-User: securenet:securenet$/m)
    expect(control).toContain(`Architecture: ${opkgName}\n`)
    expect(readFileSync(join(into, 'control/conffiles'), 'utf8')).toBe('/etc/config/securenet\n')
    for (const script of ['postinst', 'prerm'])
      expect(readFileSync(join(into, `control/${script}`), 'utf8')).toContain(`default_${script} "$0" "$@"`)
  })

  it('hold files of root with fixed modes and one time', () => {
    const into = unpack(ipkOf(first))
    const lines = tar('--numeric-owner', '-tvzf', join(into, 'data.tar.gz')).trim().split('\n')
    for (const line of lines)
      expect(line).toMatch(/^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) 0\/0 .* 2026-11-22 00:00 \.\//)
    const modeOf = (path: string) => lines.find((line) => line.endsWith(` .${path}`))?.slice(0, 10)
    expect(modeOf('/etc/init.d/securenet')).toBe('-rwxr-xr-x')
    expect(modeOf('/usr/libexec/rpcd/securenet')).toBe('-rwxr-xr-x')
    expect(modeOf('/etc/config/securenet')).toBe('-rw-r--r--')
    expect(modeOf('/usr/lib/securenet/securenet.cjs')).toBe('-rwxr-xr-x')
  })

  it.each(names)('%s has the native modules of its machine, under a name that musl finds too', (target) => {
    const listed = tar('-tzf', join(first, target, `securenet-${version}-rootfs-${target}.tar.gz`))
    const cpu = { aarch64: 'arm64', x86_64: 'x64', armv7: 'arm' }[target.split('-')[0]!]
    expect(listed.match(/\S+\.node$/gm)).toEqual([
      ...(whyNotCompiled(cpu!) === null ? ['./usr/lib/securenet/batch.node'] : []),
      `./usr/lib/securenet/prebuilds/linux-${cpu}/node.napi.node`,
    ])
    for (const program of ['securenet', 'list-builder'])
      expect(listed).toContain(`./usr/lib/securenet/${program}.cjs\n`)
    expect(listed).toContain('./etc/rc.d/S95securenet\n')
  })

  it('have a feed for image builders', () => {
    const makefile = readFileSync(join(first, 'feed/securenet/Makefile'), 'utf8')
    expect(makefile).toContain(`PKG_VERSION:=${version}\n`)
    expect(makefile).not.toContain('@VERSION@')
    for (const target of names)
      expect(
        existsSync(join(first, `feed/securenet/files/securenet-${version}-rootfs-${target}.tar.gz`)),
      ).toBe(true)
  })

  it('refuse a runtime of no target', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        join(project, 'build.mjs'),
        '--out',
        join(folder, 'x'),
        '--packages',
        '--packages-out',
        join(folder, 'y'),
        '--with-node',
        '/etc/passwd',
      ],
      { encoding: 'utf8' },
    )
    expect(status).not.toBe(0)
    expect(stderr).toContain('is no ELF program')
  })
})

const mayChroot = process.getuid?.() === 0 && spawnSync('chroot', ['/', 'true']).status === 0
if (!mayChroot) console.log('install, upgrade and remove not tested: needs root, to change the root folder')

describe.skipIf(!mayChroot)('on a modem', () => {
  let modem: ChrootModem
  let opkg: Opkg
  beforeEach(() => {
    modem = new ChrootModem()
    opkg = new Opkg(modem, 'securenet')
  })
  afterEach(() => modem.remove())

  const enable = () => {
    modem.put('etc/securenet/trust/roots.json', '{}')
    for (const option of ['enabled=1', 'modem_id=modem-1']) modem.run(`uci set securenet.main.${option}`)
  }

  it('installing makes the user, enables the service, and starts nothing that is not provisioned', () => {
    opkg.install(ipkOf(first))
    expect(modem.read('etc/passwd')).toMatch(/^securenet:x:/m)
    expect(modem.run('ls /etc/rc.d').out.split('\n').filter(Boolean)).toEqual([
      'K05securenet',
      'S95securenet',
    ])
    expect(modem.run('ls /etc/uci-defaults 2>/dev/null').out).toBe('')
    expect(modem.read('procd.log')).not.toContain('open_instance')
    expect(modem.read('lo')).toBe('')
  })

  it('a provisioned one starts by its own shebang and configuration', () => {
    opkg.install(ipkOf(first))
    enable()
    expect(modem.run('/etc/init.d/securenet start')).toEqual({ code: 0, out: '', err: '' })
    expect(modem.read('procd.log')).toContain(
      `set_param\tcommand\t/usr/bin/node\t${modemRuntime().flags.join('\t')}\t/usr/lib/securenet/securenet.cjs\trun\t--config\t/var/etc/securenet.json\n`,
    )
    // The stand-in modem has no /proc, so no IPv6.
    expect(modem.read('lo')).toBe('198.18.53.53/32\n')
    expect(modem.run('/usr/bin/securenet version').out).toBe(`${version}\n`)
  })

  it('is enabled by an image builder, from outside the image', () => {
    const lists = join(project, 'test/rootfs/stubs/rc.common')
    const image = mkdtempSync(join(folder, 'image-'))
    tar('-xzf', join(unpack(ipkOf(first)), 'data.tar.gz'), '-C', image)
    for (const [from, to] of [
      ['functions.sh', 'lib/functions.sh'],
      ['procd.sh', 'lib/functions/procd.sh'],
      ['jshn.sh', 'usr/share/libubox/jshn.sh'],
    ] as const)
      cpSync(join(project, 'test/rootfs/stubs', from), join(image, to))
    const { status, stderr } = spawnSync('bash', [lists, join(image, 'etc/init.d/securenet'), 'enable'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], STUB_ROOT: image, IPKG_INSTROOT: image },
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(readdirSync(join(image, 'etc/rc.d')).sort()).toEqual(['K05securenet', 'S95securenet'])
  })

  it('upgrading keeps a changed configuration, the accepted orders and the user', () => {
    opkg.install(ipkOf(first))
    enable()
    modem.run('/etc/init.d/securenet start')
    modem.put('srv/securenet/lines.state', 'orders')
    modem.put('srv/securenet/list/active', 'list')
    const config = modem.read('etc/config/securenet')
    modem.put('procd.log', '')
    expect(opkg.install(ipkOf(first))).toBe('')
    expect(modem.read('etc/config/securenet')).toBe(config)
    expect(modem.read('etc/config/securenet-opkg')).not.toBe('')
    expect(modem.read('srv/securenet/lines.state')).toBe('orders')
    expect(modem.read('srv/securenet/list/active')).toBe('list')
    expect(modem.read('etc/passwd').match(/^securenet:/gm)).toHaveLength(1)
    // Stopped, so that the LAN is on its own resolver meanwhile, and started again.
    expect(modem.read('procd.log')).toMatch(/kill\tsecurenet\n(.*\n)*open_instance/)
  })

  it('removing leaves nothing behind but what keep.d names', () => {
    const before = modem.snapshot()
    opkg.install(ipkOf(first))
    enable()
    const keep = modem.read('lib/upgrade/keep.d/securenet').split('\n').filter(Boolean)
    modem.run('/etc/init.d/securenet start')
    modem.put('srv/securenet/lines.state', 'orders')
    modem.put('srv/securenet/lines.state.bak', 'orders')
    modem.put('srv/securenet/list/active', 'list')
    modem.put('etc/securenet/tls/client.pem', 'certificate')
    opkg.remove()
    const after = modem.snapshot()
    const notes = new Set(['/procd.log', '/tools.log'])
    // The image put the roots there, not the package.
    const provisioned = new Set(['/etc/securenet/trust', '/etc/securenet/trust/roots.json'])
    const left = [...after].filter(([path, content]) => before.get(path) !== content && !notes.has(path))
    const named = ([path]: [string, string]) =>
      keep.some((kept) => `${path}/`.startsWith(kept) || path === kept || kept.startsWith(`${path}/`))
    expect(left.filter((entry) => !named(entry) && !provisioned.has(entry[0]))).toEqual([])
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual([])
    expect(after.get('/lo')).toBe('')
    expect(after.has('/srv/securenet')).toBe(false)
    expect(modem.read('etc/config/securenet')).toContain('modem-1')
  })

  it('removing without any change leaves not even the configuration’s folder entries', () => {
    const before = modem.snapshot()
    opkg.install(ipkOf(first))
    opkg.remove()
    const after = modem.snapshot()
    const differing = [...after].filter(([path, content]) => before.get(path) !== content)
    // uci-defaults has stamped the modem's name or version into it, or not changed it at all.
    expect(differing.map(([path]) => path).filter((path) => !/^\/(procd|tools)\.log$/.test(path))).toEqual(
      after.has('/etc/config/securenet') ? ['/etc/config/securenet'] : [],
    )
  })
})
