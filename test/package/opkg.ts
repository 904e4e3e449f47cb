import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ChrootModem } from './chroot.ts'

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Files and links below a folder, as `/etc/…`. */
function listOf(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = `${prefix}/${entry.name}`
    return entry.isDirectory() ? listOf(folder, path) : [path]
  })
}

/** What opkg does with a package, as far as ours can tell: scripts, file list, changed conffiles. */
export class Opkg {
  readonly #modem: ChrootModem
  readonly #name: string
  /** Conffiles as the package brought them. */
  readonly #original = new Map<string, string>()

  constructor(modem: ChrootModem, name: string) {
    this.#modem = modem
    this.#name = name
  }

  #info(kind: string): string {
    return join(this.#modem.root, 'usr/lib/opkg/info', `${this.#name}.${kind}`)
  }

  #script(kind: string, argument: string, upgrade: boolean): string {
    if (!existsSync(this.#info(kind))) return ''
    const { code, out, err } = this.#modem.run(`/usr/lib/opkg/info/${this.#name}.${kind} ${argument}`, {
      IPKG_INSTROOT: '',
      ...(upgrade && { PKG_UPGRADE: '1' }),
    })
    if (code !== 0) throw new Error(`${kind} ${argument}: ${code}\n${out}${err}`)
    return out + err
  }

  #list(): string[] {
    return readFileSync(this.#info('list'), 'utf8').split('\n').filter(Boolean)
  }

  #isChanged(path: string): boolean {
    const file = join(this.#modem.root, path)
    return this.#original.has(path) && existsSync(file) && digest(file) !== this.#original.get(path)
  }

  /** Installs or upgrades. @returns what the scripts printed */
  install(ipk: string): string {
    const work = mkdtempSync(join(tmpdir(), 'securenet-opkg-'))
    const upgrade = existsSync(this.#info('list'))
    for (const [archive, into] of [
      [ipk, 'outer'],
      [join(work, 'outer/control.tar.gz'), 'control'],
      [join(work, 'outer/data.tar.gz'), 'data'],
    ] as const) {
      mkdirSync(join(work, into))
      execFileSync('tar', ['-xpzf', archive, '-C', join(work, into)])
    }
    let printed = upgrade ? this.#script('prerm', 'upgrade', true) : ''
    const conffiles = readFileSync(join(work, 'control/conffiles'), 'utf8').split('\n').filter(Boolean)
    for (const path of listOf(join(work, 'data'))) {
      const kept = this.#isChanged(path) && conffiles.includes(path)
      const to = join(this.#modem.root, kept ? `${path}-opkg` : path)
      mkdirSync(dirname(to), { recursive: true })
      cpSync(join(work, 'data', path), to, { verbatimSymlinks: true })
    }
    for (const path of conffiles) this.#original.set(path, digest(join(work, 'data', path)))
    for (const kind of readdirSync(join(work, 'control')))
      cpSync(join(work, 'control', kind), this.#info(kind))
    writeFileSync(this.#info('list'), `${listOf(join(work, 'data')).join('\n')}\n`)
    rmSync(work, { recursive: true })
    printed += this.#script('postinst', 'configure', upgrade)
    return printed
  }

  remove(): string {
    let printed = this.#script('prerm', 'remove', false)
    for (const path of this.#list()) {
      if (this.#isChanged(path)) continue
      rmSync(join(this.#modem.root, path), { force: true })
      for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
        const full = join(this.#modem.root, folder)
        if (!existsSync(full)) continue
        if (!lstatSync(full).isDirectory() || readdirSync(full).length > 0) break
        rmdirSync(full)
      }
    }
    printed += this.#script('postrm', 'remove', false)
    for (const name of readdirSync(join(this.#modem.root, 'usr/lib/opkg/info')))
      if (name.startsWith(`${this.#name}.`)) rmSync(join(this.#modem.root, 'usr/lib/opkg/info', name))
    return printed
  }
}
