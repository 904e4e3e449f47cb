// One file that builds: bundle, schemas, native prebuilt, byte budget; `--packages` makes what is installed on modems.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { aliases } from './scripts/bundle/aliases.mjs'
import { BATCH_FILE, compileBatch } from './scripts/compile-batch.mjs'
import { esbuildSchemas } from './scripts/compile-schema.mjs'
import { buildPackages } from './scripts/package/packages.mjs'

const root = import.meta.dirname
const require = createRequire(import.meta.url)
const { version, releaseDate } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Bytes that may lie on the modem's flash beside the runtime; more fails the build. */
const budget = { bundle: 750_000, total: 2_000_000 }

/** Names of the programs, and their main modules. */
const programs = { securenet: 'main.ts', 'list-builder': 'list-builder.ts' }
const files = Object.keys(programs).map((name) => `${name}.cjs`)

function hostTarget() {
  const glibc = process.report.getReport().header.glibcVersionRuntime
  return `linux-${process.arch}-${glibc ? 'glibc' : 'musl'}`
}

async function bundle(out) {
  mkdirSync(out, { recursive: true })
  const fresh = join(out, `.${process.pid}`)
  const result = await build({
    entryPoints: Object.entries(programs).map(([name, main]) => ({
      in: join(root, 'module', main),
      out: name,
    })),
    outdir: fresh,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minify: true,
    // Else what is not ASCII stays in them as it is, and V8 keeps the whole source with two octets a character.
    supported: { 'template-literal': false },
    // Node prints the line where an error was thrown.
    lineLimit: 500,
    legalComments: 'none',
    sourcemap: 'external',
    metafile: true,
    alias: aliases,
    define: {
      SECURENET_VERSION: JSON.stringify(version),
      SECURENET_RELEASED: String(
        Math.floor(
          Date.parse(
            process.env.SOURCE_DATE_EPOCH
              ? new Date(process.env.SOURCE_DATE_EPOCH * 1000).toISOString()
              : releaseDate,
          ) / 1000,
        ),
      ),
    },
    banner: { js: '#!/usr/bin/env node' },
    plugins: [esbuildSchemas],
    logLevel: 'warning',
  })
  const maps = join(root, 'dist', 'maps')
  mkdirSync(maps, { recursive: true })
  for (const file of files) {
    renameSync(join(fresh, `${file}.map`), join(maps, `${file}.map`))
    renameSync(join(fresh, file), join(out, file))
  }
  rmSync(fresh, { recursive: true })
  chmodSync(join(out, 'securenet.cjs'), 0o755)
  writeFileSync(join(maps, 'bundle-inputs.json'), JSON.stringify(result.metafile))
}

/** The N-API prebuilt alone: it serves every supported Node, and one file is what flash has room for. */
function nativeModule(target, out) {
  const [platform, arch, libc] = target.split('-')
  const folder = dirname(require.resolve(`@lmdb/lmdb-${platform}-${arch}/package.json`))
  const name = ['armv7', 'arm'].includes(arch) ? 'node.napi.glibc.node' : `node.napi.${libc}.node`
  const into = join(out, 'prebuilds', `${platform}-${arch}`)
  mkdirSync(into, { recursive: true })
  const file = join(into, name)
  const fresh = `${file}.${process.pid}`
  cpSync(join(folder, name), fresh)
  const strip = spawnSync('strip', ['--strip-unneeded', fresh], { stdio: 'ignore' })
  renameSync(fresh, file)
  return { file, stripped: strip.status === 0 }
}

/** @returns {number} bytes; 0 where there is no compiler for the target: datagrams then go one by one */
function batchAddon(target, out) {
  const [, arch] = target.split('-')
  const file = join(out, BATCH_FILE)
  const missing = compileBatch(arch === 'armv7' ? 'arm' : arch, file, { root })
  if (missing === null) return statSync(file).size
  console.error(`no ${BATCH_FILE}: ${missing}; it answers datagrams one by one`)
  return 0
}

/** One other character, and V8 keeps the whole source with two octets for each: 0.6 MB more of the modem's memory. */
function checkAscii(file) {
  const at = readFileSync(file).findIndex((octet) => octet > 0x7f)
  if (at < 0) return
  console.error(`not ASCII at octet ${at} of ${file} (docs/adr/0005-memory.md)`)
  process.exit(1)
}

function checkBudget(out, native, batch) {
  const bundle = files.reduce((sum, file) => sum + statSync(join(out, file)).size, 0)
  const bytes = { bundle, native: statSync(native.file).size + batch }
  const total = bytes.bundle + bytes.native
  console.error(
    `bundle ${bytes.bundle} bytes, native ${bytes.native} bytes${native.stripped ? '' : ' (not stripped: no `strip` here)'}, budget ${budget.bundle} / ${budget.total}`,
  )
  if (bytes.bundle > budget.bundle || (native.stripped && total > budget.total)) {
    console.error('over the byte budget: see dist/maps/bundle-inputs.json for what is in it')
    process.exit(1)
  }
}

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: hostTarget() },
    out: { type: 'string', default: join(root, 'dist', 'securenet') },
    // What integrators take: .ipk files, root file system tarballs, a feed (docs/packaging.md).
    packages: { type: 'boolean', default: false },
    'packages-out': { type: 'string', default: join(root, 'dist', 'packages') },
    'with-node': { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    architecture: { type: 'string' },
  },
})
for (const stale of ['prebuilds', BATCH_FILE])
  rmSync(join(values.out, stale), { recursive: true, force: true })
await bundle(values.out)
for (const file of files) checkAscii(join(values.out, file))
checkBudget(values.out, nativeModule(values.target, values.out), batchAddon(values.target, values.out))
if (values.packages)
  buildPackages({
    root,
    version,
    releaseDate,
    programs: files.map((file) => join(values.out, file)),
    out: values['packages-out'],
    cache: join(root, 'dist', 'cache'),
    withNode: values['with-node'],
    only: values.only,
    architecture: values.architecture,
  })
