import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { modemRuntime } from '../household/runtime.ts'
import { projectRoot } from '../household/settings.ts'
import type { Asked } from './list-asker.ts'
import type { ServedFigures, TakenFigures } from './list-child.ts'
import { publishVersions } from './list-published.ts'
import { type ScaleRow, scalePlot, scaleTable, type Waits } from './list-scale-report.ts'

/** As the init script starts the module (docs/adr/0005). */
const { flags, env } = modemRuntime()
const environment = { ...process.env, ...env }
/** Without an update, for comparison. */
const IDLE_MS = 5000

async function buildScript(root: string, folder: string, name: string): Promise<string> {
  const outfile = join(root, `${name}.mjs`)
  await build({
    entryPoints: [join(projectRoot, folder, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    packages: 'external',
    minify: true,
    logLevel: 'error',
  })
  return outfile
}

interface Scripts {
  child: string
  asker: string
}

function start(script: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [...flags, script, ...args], { env: environment })
  child.stderr.pipe(process.stderr)
  return child
}

/** Private, dirty memory of a process, looked at from outside; the most of it is kept. */
function watchMemory(pid: number): { before: number; stop(): number } {
  const look = () =>
    Number(/^Private_Dirty:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1])
  const before = look()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, look())
  }, 100)
  return {
    before,
    stop() {
      clearInterval(timer)
      return most
    },
  }
}

function waitsBetween(asked: readonly Asked[], windows: readonly (readonly [number, number])[]): Waits {
  const within = asked.filter(([sent]) => windows.some(([from, to]) => sent >= from && sent <= to))
  const waits = within.flatMap(([, wait]) => (wait === null ? [] : [wait])).sort((a, b) => a - b)
  return {
    p99: waits[Math.floor(waits.length * 0.99)] ?? Number.NaN,
    longest: waits.at(-1) ?? Number.NaN,
    lost: within.length - waits.length,
  }
}

/** A modem takes a snapshot, a delta and a snapshot under another key, the last two while it is asked. */
async function takeVersions(
  scripts: Scripts,
  folder: string,
  published: { folder: string; heads: Record<'first' | 'delta' | 'snapshot', string> },
) {
  const child = start(scripts.child, ['take', folder, published.folder])
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the measured process ended')
    return JSON.parse(value) as T
  }
  const take = (head: string) => {
    child.stdin.write(`${head}\n`)
    return next<TakenFigures>()
  }
  const { port } = await next<{ port: number }>()
  await take(published.heads.first)
  const asker = start(scripts.asker, [String(port)])
  const answers = text(asker.stdout)
  await sleep(1000)
  // Looked at without an update too: looking holds the process up a little.
  const memory = watchMemory(child.pid as number)
  const idleFrom = performance.timeOrigin + performance.now()
  await sleep(IDLE_MS)
  const idleTo = idleFrom + IDLE_MS
  const delta = await take(published.heads.delta)
  await sleep(500)
  const snapshot = await take(published.heads.snapshot)
  const maxKiB = memory.stop()
  await sleep(500)
  asker.stdin.end()
  const asked = JSON.parse(await answers) as Asked[]
  child.stdin.end()
  await once(child, 'exit')
  const windows = [delta, snapshot].map(({ began, ended }) => [began, ended] as const)
  return {
    delta,
    snapshot,
    idle: waitsBetween(asked, [[idleFrom, idleTo]]),
    updating: waitsBetween(asked, windows),
    beforeKiB: memory.before,
    maxKiB,
  }
}

async function serveAgain(scripts: Scripts, folder: string, published: string): Promise<ServedFigures> {
  return JSON.parse(await text(start(scripts.child, ['serve', folder, published]).stdout)) as ServedFigures
}

async function measureOne(root: string, scripts: Scripts, names: number): Promise<ScaleRow> {
  const published = await publishVersions(join(root, `published-${names}`), names)
  const folder = join(root, `list-${names}`)
  const taken = await takeVersions(scripts, folder, published)
  const served = await serveAgain(scripts, folder, published.folder)
  const storeBytes = statSync(join(folder, '3-0.mdb')).size
  rmSync(published.folder, { recursive: true })
  rmSync(folder, { recursive: true })
  const { snapshotBytes, deltaBytes } = published
  return { names, storeBytes, snapshotBytes, deltaBytes, served, ...taken }
}

/** @param say one line of progress */
export async function measureListScale(
  sizes: readonly number[],
  say: (text: string) => void,
): Promise<ScaleRow[]> {
  const root = mkdtempSync(join(tmpdir(), 'securenet-scale-'))
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'))
  const scripts = {
    child: await buildScript(root, 'scripts/bench', 'list-child'),
    asker: await buildScript(root, 'scripts/bench', 'list-asker'),
  }
  await buildScript(root, 'module', 'list-builder')
  const rows: ScaleRow[] = []
  for (const [i, names] of sizes.entries()) {
    const from = performance.now()
    say(`scale       ${i + 1} of ${sizes.length}: ${names.toLocaleString('en')} names …`)
    rows.push(await measureOne(root, scripts, names))
    say(`scale       … ${((performance.now() - from) / 1000).toFixed(0)} s`)
  }
  return rows
}

/** Puts table and plot into docs/measures.md and docs/list-scale.svg. */
export function writeScale(rows: readonly ScaleRow[], about: string): void {
  const page = join(projectRoot, 'docs', 'measures.md')
  const before = readFileSync(page, 'utf8')
  const after = before.replace(
    /(?<=<!-- scale -->\n)[\s\S]*(?=<!-- end of scale -->)/,
    () => `${about}\n\n${scaleTable(rows)}`,
  )
  if (after === before) throw new Error(`${page} has no place for the table`)
  writeFileSync(page, after)
  writeFileSync(join(projectRoot, 'docs', 'list-scale.svg'), scalePlot(rows))
}
