import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function run(command, args, options = {}) {
  const { status, error, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}

function matches(file, integrity) {
  const [algorithm, digest] = integrity.split(/-(.*)/s)
  return createHash(algorithm).update(readFileSync(file)).digest('base64') === digest
}

/** The registry's archive of a package as package-lock.json pins it; the network is asked once. */
function archiveOf(root, cache, name) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entry = lock.packages[`node_modules/${name}`]
  if (!entry) throw new Error(`package-lock.json has no ${name}`)
  const file = join(cache, `${name.replace('@', '').replace('/', '-')}-${entry.version}.tgz`)
  if (!existsSync(file) || !matches(file, entry.integrity)) {
    rmSync(file, { force: true })
    run('npm', ['pack', `${name}@${entry.version}`, '--silent', '--pack-destination', cache])
  }
  if (!matches(file, entry.integrity)) throw new Error(`${file} is not what package-lock.json pins`)
  return file
}

/** The prebuilt of this machine is installed already; that of another comes from the registry. */
function original(root, cache, { npm, prebuilt }) {
  const installed = join(root, 'node_modules', npm, prebuilt)
  if (existsSync(installed)) return installed
  const folder = join(cache, npm.replace('@', '').replace('/', '-'))
  const file = join(folder, 'package', prebuilt)
  const archive = archiveOf(root, cache, npm)
  mkdirSync(folder, { recursive: true })
  run('tar', ['-xzf', archive, '-C', folder, `package/${prebuilt}`])
  return file
}

/**
 * Takes away what a debugger needs: 3.5 of lmdb's 4.2 MB.
 * @returns {boolean} false where no tool here can do it for that machine
 */
export function strip(file, tools) {
  for (const tool of tools) {
    const fresh = `${file}.stripped`
    const { status } = spawnSync(tool, ['--strip-unneeded', '-o', fresh, file], { stdio: 'ignore' })
    if (status === 0) {
      renameSync(fresh, file)
      return true
    }
    rmSync(fresh, { force: true })
  }
  return false
}

/**
 * lmdb's native module for a target. Its name carries no libc: the loader takes every Linux but Alpine for glibc, so that
 * on OpenWrt `node.napi.musl.node` would not be found.
 * @param {{root: string, cache: string, target: import('./targets.mjs').Target, into: string}} options
 * @returns {boolean} whether it is stripped
 */
export function putPrebuilt({ root, cache, target, into }) {
  mkdirSync(cache, { recursive: true })
  if (!existsSync(join(cache, '.gitignore'))) writeFileSync(join(cache, '.gitignore'), '*\n')
  const folder = join(into, 'prebuilds', target.node)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'node.napi.node')
  copyFileSync(original(root, cache, target), file)
  return strip(file, target.strip)
}
