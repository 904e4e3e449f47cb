import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ServiceMessage } from '../rootfs/service-message.ts'

const stubs = join(import.meta.dirname, '..', 'rootfs', 'stubs')
const placed: readonly [from: string, to: string][] = [
  ['functions.sh', 'lib/functions.sh'],
  ['network.sh', 'lib/functions/network.sh'],
  ['procd.sh', 'lib/functions/procd.sh'],
  ['jshn.sh', 'usr/share/libubox/jshn.sh'],
  ['rc.common', 'etc/rc.common'],
]

/** The libraries of a program, as the loader finds them here. */
function librariesOf(program: string): string[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!)
}

/**
 * A root folder to change into: busybox, node and our stand-ins for OpenWrt's files at their own places, so that
 * packages are installed by their own scripts as they are. Needs root.
 * @param openwrt a root file system of OpenWrt, or as much of one as there is, to be laid over the stand-ins
 */
export class ChrootModem {
  readonly root = mkdtempSync(join(tmpdir(), 'securenet-chroot-'))

  constructor(openwrt?: string) {
    const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim()
    for (const [from, to] of [
      [busybox, '/bin/busybox'],
      [process.execPath, '/usr/bin/node'],
    ] as const) {
      this.#copy(from, to)
      for (const library of librariesOf(from)) this.#copy(library, library)
    }
    for (const folder of [
      'dev',
      'tmp',
      'srv',
      'var/run',
      'var/etc',
      'usr/sbin',
      'sbin',
      'etc/config',
      'etc/rc.d',
    ])
      mkdirSync(join(this.root, folder), { recursive: true })
    execFileSync('mknod', ['-m', '666', join(this.root, 'dev/null'), 'c', '1', '3'])
    execFileSync('mknod', ['-m', '666', join(this.root, 'dev/urandom'), 'c', '1', '9'])
    this.run('/bin/busybox --install -s /bin; ln -sf /bin/env /usr/bin/env')
    for (const [from, to] of placed) this.put(to, readFileSync(join(stubs, from), 'utf8'), 0o755)
    // Before busybox's own in PATH.
    cpSync(join(stubs, 'bin'), join(this.root, 'usr/sbin'), { recursive: true })
    this.put('etc/passwd', 'root:x:0:0:root:/root:/bin/ash\n')
    this.put('etc/shadow', 'root:::0:99999:7:::\n')
    this.put('etc/group', 'root:x:0:\n')
    this.put('etc/config/firewall', "config defaults\n\toption input 'REJECT'\n")
    this.put('sbin/ujail', '#!/bin/sh\n', 0o755)
    this.put('netifd/lan/device', 'br-lan')
    this.put('serial', '')
    this.put('lo', '')
    this.put('usr/lib/opkg/info/base.list', '')
    if (openwrt) this.#layOver(openwrt)
  }

  /** ubusd, netifd and procd do not run here: `ubus` stays the stand-in that writes down what it is asked. */
  #layOver(openwrt: string): void {
    cpSync(openwrt, this.root, { recursive: true, verbatimSymlinks: true, force: true })
    for (const folder of ['var/lock', 'var/state', 'tmp/.uci', 'usr/lib/opkg/info'])
      mkdirSync(join(this.root, folder), { recursive: true })
    if (existsSync(join(this.root, 'sbin/uci'))) rmSync(join(this.root, 'usr/sbin/uci'))
    else this.link('sbin/uci', '/usr/sbin/uci')
    // Applets of OpenWrt's own busybox; nobody else is here whom they would keep out.
    for (const applet of ['lock', 'flock'])
      if (this.run(`command -v ${applet}`).code !== 0) this.put(`bin/${applet}`, '#!/bin/sh\n', 0o755)
  }

  link(path: string, to: string): void {
    symlinkSync(to, join(this.root, path))
  }

  /** What procd was told, in its own words (`ubus call service VERB MESSAGE`), the oldest first. */
  get told(): { verb: string; message: ServiceMessage }[] {
    const lines = this.read('service.log').split('\n').filter(Boolean)
    return lines.map((line) => {
      const [verb = '', message = ''] = line.split(/ (.*)/s)
      return { verb, message: JSON.parse(message) }
    })
  }

  #copy(from: string, to: string): void {
    const file = join(this.root, to)
    mkdirSync(dirname(file), { recursive: true })
    if (!existsSync(file)) copyFileSync(from, file)
    chmodSync(file, 0o755)
  }

  put(path: string, text: string, mode = 0o644): void {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  read(path: string): string {
    const file = join(this.root, path)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  run(shell: string, env: NodeJS.ProcessEnv = {}): { code: number | null; out: string; err: string } {
    const { status, stdout, stderr } = spawnSync('chroot', [this.root, '/bin/busybox', 'ash', '-c', shell], {
      env: { PATH: '/usr/sbin:/bin:/sbin:/usr/bin', STUB_ROOT: '', ...env },
      encoding: 'utf8',
    })
    return { code: status, out: stdout, err: stderr }
  }

  /** Everything that is there, with its content: what a package must give back. */
  snapshot(folder = ''): Map<string, string> {
    const found = new Map<string, string>()
    for (const name of readdirSync(join(this.root, folder))) {
      const path = `${folder}/${name}`
      const file = join(this.root, path)
      const stat = lstatSync(file)
      if (stat.isDirectory()) {
        found.set(path, 'folder')
        for (const [inner, content] of this.snapshot(path)) found.set(inner, content)
      } else if (stat.isSymbolicLink()) found.set(path, readlinkSync(file))
      else if (stat.isFile())
        found.set(path, stat.size < 100_000 ? readFileSync(file, 'latin1') : `${stat.size}`)
    }
    return found
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
