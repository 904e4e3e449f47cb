// `node build.mjs --packages`: what an integrator takes, from the bundle and rootfs/.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { BATCH_FILE, compileBatch } from '../compile-batch.mjs'
import { archive, filesBelow, setModes } from './archive.mjs'
import { programKind } from './elf.mjs'
import { writeIpk } from './ipk.mjs'
import { putPrebuilt, strip } from './prebuilt.mjs'
import { targets } from './targets.mjs'

const RELEASE = 1
const common = ['libc', 'libstdcpp6', 'libgcc1', 'jshn', 'ubus', 'procd-ujail']

function epochOf(releaseDate) {
  const asked = process.env.SOURCE_DATE_EPOCH
  return asked ? Number(asked) : Math.floor(Date.parse(releaseDate) / 1000)
}

/** The runtimes that were named, each with the targets that it runs on. */
function runtimesOf(paths) {
  return paths.map((path) => {
    const { machine, libc } = programKind(path)
    const fitting = targets.filter((t) => t.machine === machine && (libc === 'static' || t.libc === libc))
    if (fitting.length === 0)
      throw new Error(`--with-node ${path}: built for ELF machine ${machine} with ${libc}; no target is`)
    return { path, fitting }
  })
}

/** The files of one target as they land on the modem, and what is not as it should be. */
function stage({ root, programs, cache, work, target }) {
  const tree = join(work, 'tree')
  rmSync(tree, { recursive: true, force: true })
  cpSync(join(root, 'rootfs'), tree, { recursive: true })
  const into = join(tree, 'usr', 'lib', 'securenet')
  for (const program of programs) copyFileSync(program, join(into, basename(program)))
  const notes = []
  if (!putPrebuilt({ root, cache, target, into }))
    notes.push(`native module not stripped: none of ${target.strip.join(', ')} here`)
  const missing = compileBatch(target.node.replace('linux-', ''), join(into, BATCH_FILE), { root })
  if (missing !== null) notes.push(`no ${BATCH_FILE}: ${missing}`)
  setModes(tree)
  return { tree, notes }
}

function addRuntime(tree, runtime, target) {
  const node = join(tree, 'usr', 'lib', 'securenet', 'node')
  copyFileSync(runtime, node)
  const stripped = strip(node, target.strip)
  chmodSync(node, 0o755)
  return stripped
}

/** A tarball is unpacked by no package manager that would enable the service. */
function withStartLinks(tree, make) {
  const folder = join(tree, 'etc', 'rc.d')
  const init = readFileSync(join(tree, 'etc', 'init.d', 'securenet'), 'utf8')
  const number = (name) => new RegExp(`^\\s*${name}=(\\d\\d)$`, 'm').exec(init)?.[1]
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  symlinkSync('../init.d/securenet', join(folder, `S${number('START')}securenet`))
  symlinkSync('../init.d/securenet', join(folder, `K${number('STOP')}securenet`))
  make()
  rmSync(folder, { recursive: true })
}

/** A feed that an image builder links in: Makefile and what it installs. */
function writeFeed({ root, out, version, epoch }) {
  const folder = join(out, 'feed', 'securenet')
  const template = readFileSync(join(root, 'scripts', 'package', 'feed', 'Makefile'), 'utf8')
  writeFileSync(
    join(folder, 'Makefile'),
    template
      .replaceAll('@VERSION@', version)
      .replaceAll('@RELEASE@', String(RELEASE))
      .replaceAll('@EPOCH@', String(epoch)),
  )
}

function writeDigests(out) {
  const lines = filesBelow(out)
    .filter(({ path }) => path !== '/SHA256SUMS')
    .map(
      ({ path }) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, path)))
          .digest('hex')}  .${path}`,
    )
  writeFileSync(join(out, 'SHA256SUMS'), `${lines.join('\n')}\n`)
}

/** One target: package without runtime, tarball, and a package for each runtime that fits. */
function packTarget(target, options) {
  const { out, work, version, epoch, architecture, runtimes, say } = options
  const { tree, notes } = stage({ ...options, target })
  const folder = join(out, target.name)
  mkdirSync(folder, { recursive: true })
  const opkg = architecture ?? target.opkg
  const full = `${version}-${RELEASE}`
  const report = (file, installed, said = notes) => {
    const note = said.length > 0 ? ` (${said.join('; ')})` : ''
    say(`${relative(out, file)}: ${statSync(file).size} bytes, installed ${installed} bytes${note}`)
  }
  const file = join(folder, `securenet_${full}_${opkg}.ipk`)
  const fields = { tree, work, epoch, version: full, architecture: opkg }
  report(file, writeIpk({ ...fields, file, name: 'securenet', depends: [...common, 'node (>= 20.19)'] }))
  const tarball = join(folder, `securenet-${version}-rootfs-${target.name}.tar.gz`)
  withStartLinks(tree, () => archive({ folder: tree, members: ['.'], file: tarball, epoch }))
  const feedFiles = join(out, 'feed', 'securenet', 'files')
  mkdirSync(feedFiles, { recursive: true })
  copyFileSync(tarball, join(feedFiles, basename(tarball)))

  for (const { path, fitting } of runtimes) {
    if (!fitting.includes(target)) continue
    const nodeStripped = addRuntime(tree, path, target)
    const withNode = join(folder, `securenet-with-node_${full}_${opkg}.ipk`)
    const more = nodeStripped ? notes : [...notes, 'runtime not stripped']
    report(
      withNode,
      writeIpk({
        ...fields,
        file: withNode,
        name: 'securenet-with-node',
        provides: 'securenet',
        depends: common,
      }),
      more,
    )
  }
}

/**
 * @param {{root: string, programs: readonly string[], out: string, cache: string, version: string, releaseDate: string,
 *   withNode?: readonly string[], only?: readonly string[], architecture?: string, say?: (line: string) => void}} options
 *   `only`: names of targets; `architecture`: opkg's name for them where it is not the usual one
 */
export function buildPackages(options) {
  const { out, only, withNode = [], say = (line) => console.error(line) } = options
  const epoch = epochOf(options.releaseDate)
  const runtimes = runtimesOf(withNode)
  const unknown = only?.filter((name) => !targets.some((target) => target.name === name)) ?? []
  if (unknown.length > 0)
    throw new Error(
      `no such target: ${unknown.join(', ')}; there are ${targets.map((t) => t.name).join(', ')}`,
    )
  for (const program of options.programs) if (!existsSync(program)) throw new Error(`${program} is missing`)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'securenet-packages-'))
  try {
    for (const target of targets) {
      if (!only || only.includes(target.name)) packTarget(target, { ...options, work, epoch, runtimes, say })
    }
    writeFeed({ ...options, epoch })
    writeDigests(out)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
