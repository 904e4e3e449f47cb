// Starts a tool of this project: `node scripts/run.mjs <tool> [arguments]`. Every npm script comes through here.
// Plain old JavaScript on purpose: a Node that is too old must get as far as printing that it is too old.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bundle = join(root, 'dist', 'securenet', 'securenet.cjs')
const MIN_NODE = [20, 19]

function fail(message) {
  process.stderr.write(`securenet: ${message}\n`)
  process.exit(1)
}

function say(message) {
  process.stderr.write(`${message}\n`)
}

function checkNode() {
  const parts = process.versions.node.split('.').map(Number)
  if (parts[0] > MIN_NODE[0] || (parts[0] === MIN_NODE[0] && parts[1] >= MIN_NODE[1])) return
  fail(
    `Node ${process.versions.node} is too old: this project needs Node ${MIN_NODE.join('.')} or newer. ` +
      'Install Node 20, 22 or 24 (https://nodejs.org/) and run the same command again.',
  )
}

function readJson(path) {
  try {
    return JSON.parse(fs.readFileSync(path, 'utf8'))
  } catch (_) {
    return undefined
  }
}

/** npm writes `.package-lock.json` last of all: an install that broke off has none. */
function installed() {
  const wanted = readJson(join(root, 'package-lock.json'))
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))
  if (!wanted) fail(`package-lock.json is missing or broken in ${root}; restore it with git.`)
  if (!present) return false
  return Object.keys(wanted.packages).every((path) => {
    if (path === '') return true
    const here = present.packages[path]
    return here ? here.version === wanted.packages[path].version : wanted.packages[path].optional === true
  })
}

function install() {
  if (installed()) return
  say('installing  the packages of package-lock.json (npm ci), once …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const isScript = npm !== undefined && /\.c?js$/.test(npm)
  const command = isScript ? process.execPath : 'npm'
  const done = spawnSync(command, isScript ? [npm, ...args] : args, {
    cwd: root,
    stdio: ['ignore', process.stderr, 'inherit'],
  })
  if (done.error) fail(`npm could not be started (${done.error.message}). Install npm, then run this again.`)
  if (done.signal) process.exit(130)
  if (done.status !== 0)
    fail(
      'npm ci failed; its own message is above. Check that the package registry can be reached ' +
        `(npm config get registry), that ${root} may be written and has room, then run this again.`,
    )
}

function newestIn(path) {
  let info
  try {
    info = fs.statSync(path)
  } catch (_) {
    return 0
  }
  if (!info.isDirectory()) return info.mtimeMs
  return fs.readdirSync(path).reduce((newest, name) => Math.max(newest, newestIn(join(path, name))), 0)
}

function buildBundle() {
  const scripts = ['compile-schema.mjs', 'compile-batch.mjs', 'bundle'].map((name) => join('scripts', name))
  const sources = ['module', 'build.mjs', 'package.json', 'package-lock.json', ...scripts]
  const newest = Math.max(...sources.map((source) => newestIn(join(root, source))))
  if (newestIn(bundle) > newest) return
  say('building    dist/securenet …')
  const done = spawnSync(process.execPath, [join(root, 'build.mjs')], {
    cwd: root,
    stdio: ['ignore', process.stderr, 'inherit'],
  })
  if (done.signal) process.exit(130)
  if (done.status !== 0) fail('the build failed; the reason is above.')
}

/** @returns the path of the tool as one ES module; renamed into place, so that two starts at once do no harm */
async function bundleTool(tool) {
  const { build } = await import('esbuild')
  const { esbuildSchemas } = await import('./compile-schema.mjs')
  const folder = join(root, 'dist', 'tools')
  const fresh = join(folder, `${tool}.${process.pid}.mjs`)
  const outfile = join(folder, `${tool}.mjs`)
  fs.mkdirSync(folder, { recursive: true })
  try {
    await build({
      entryPoints: [join(root, 'scripts', `${tool}.ts`)],
      outfile: fresh,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'error',
      plugins: [esbuildSchemas],
    })
    fs.renameSync(fresh, outfile)
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    if (error.code === 'EACCES' || error.code === 'EROFS')
      fail(`${folder} cannot be written (${error.code}); give yourself the right to write there.`)
    throw error
  }
  return outfile
}

/** The shipped bundle, with the household's control socket unless another is named. */
function runBundle(args) {
  const home = resolve(process.env.SECURENET_HOME || join(root, '.household'))
  const household = readJson(join(home, 'household.json'))
  const named = args.some((arg) => arg === '--run-dir' || arg.startsWith('--run-dir=')) || args[0] === 'run'
  const verb = args.some((arg) => !arg.startsWith('-'))
  const where = !named && verb && household ? ['--run-dir', household.runDir] : []
  const child = spawn(process.execPath, [bundle, ...args, ...where], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`${bundle} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : code))
}

async function main() {
  const tool = process.argv[2]
  const args = process.argv.slice(3)
  checkNode()
  if (!tool || (tool !== 'securenet' && !fs.existsSync(join(root, 'scripts', `${tool}.ts`))))
    fail(`there is no tool "${tool || ''}"; known are securenet and the .ts files of scripts/`)
  install()
  if (tool === 'securenet' || tool === 'household' || tool === 'bench') buildBundle()
  if (tool === 'securenet') return runBundle(args)
  const outfile = await bundleTool(tool)
  process.setSourceMapsEnabled(true)
  process.argv = [process.execPath, outfile, ...args]
  await import(pathToFileURL(outfile).href)
}

main().catch((error) => {
  process.stderr.write(`securenet: ${error.stack || error}\n`)
  process.exit(1)
})
