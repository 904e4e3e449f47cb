import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, setPriority, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../module/base/error.ts'
import { measureAllocations } from './bench/allocations.ts'
import { measureArmed } from './bench/armed-figures.ts'
import { measureChange } from './bench/change-figures.ts'
import { type Bench, makeOrigin } from './bench/field.ts'
import { serveFloor } from './bench/floors.ts'
import { measureIdle, measureMemory, measureSize, measureStart } from './bench/footprint-figures.ts'
import {
  allocationsInChild,
  committedPath,
  compareAllocations,
  compareRatios,
  ratioKey,
  readCommitted,
} from './bench/guard.ts'
import { measureLatency } from './bench/latency-figures.ts'
import { measureList } from './bench/list-figures.ts'
import { measureListScale, writeScale } from './bench/list-scale.ts'
import { scaleTable } from './bench/list-scale-report.ts'
import { makeNames, realNames } from './bench/names.ts'
import { missingPrograms } from './bench/peers.ts'
import { ratioPlot } from './bench/plot.ts'
import { prepareList } from './bench/prepared-list.ts'
import { measureBehindStock, measureRates, measureThreads, rateFigures } from './bench/rate-figures.ts'
import {
  type Measured,
  numberText,
  type Row,
  rowOf,
  tableMarkdown,
  tableText,
  writeReport,
} from './bench/report.ts'
import { makeWorld } from './bench/traffic.ts'
import { projectRoot } from './household/settings.ts'

const others = ['latency', 'start', 'memory', 'idle', 'armed', 'change', 'list', 'size'] as const
const figures = [...rateFigures, ...others]
const scaleSizes: readonly number[] = [10_000, 100_000, 1_000_000, 5_000_000]
const quick = {
  names: 20_000,
  rounds: 2,
  seconds: 1,
  peers: ['dnsmasq'],
  only: ['blocked', 'cached', 'misses', 'size'],
}

interface Options {
  quick?: boolean
  only?: string[]
  names: number
  rounds: number
  seconds: number
  peers: string[]
  namesFile?: string
  bundle: string
  scale?: boolean | number[]
  nice?: number
  install?: boolean
  commit?: boolean
  docs?: boolean
  floor?: string
  allocations?: boolean
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('a whole number above 0 is wanted')
}

/** With the time since the start: the full run takes about twenty minutes. */
function say(text: string): void {
  const seconds = Math.floor(performance.now() / 1000)
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  process.stderr.write(`${clock.padStart(5)}  ${text}\n`)
}

/** Lists that were taken before, by size; made anew when the bundle is. */
const listFolder = (names: number, namesFile?: string) =>
  join(projectRoot, 'dist', 'bench', 'lists', `${names}${namesFile ? '-file' : ''}`)

/** Copied first: somebody may build while this runs, and one run must measure one bundle. */
function ownBundle(bundle: string, folder: string): string {
  if (!existsSync(bundle)) throw new Error(`${bundle} is not there: run \`npm run build\``)
  cpSync(dirname(resolve(bundle)), join(folder, 'bundle'), { recursive: true, preserveTimestamps: true })
  return join(folder, 'bundle', 'securenet.cjs')
}

async function openBench(options: Options, names: number, found: (measured: Measured) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-bench-'))
  // Also where it breaks off: unbound's and dnsdist's lists are large.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const script = process.argv[1]!
  const bundle = ownBundle(options.bundle, folder)
  const origin = await makeOrigin(folder, script)
  origin.spawn()
  await origin.answering('ready.example', '192.0.2.1')
  const real = realNames(options.namesFile)
  say(`names       ${numberText(names)}, of which ${numberText(Math.min(names, real.length))} real`)
  const listed = makeNames(names, real)
  const prepared = await prepareList({
    folder: listFolder(names, options.namesFile),
    names: listed,
    bundle,
    upstream: origin.port,
  })
  if (!Number.isNaN(prepared.firstListMs))
    say(`list        first list over MQTT, to protection: ${Math.round(prepared.firstListMs)} ms`)
  const { rounds, seconds, peers } = options
  const world = makeWorld(listed, real)
  const bench: Bench = { folder, script, bundle, rounds, seconds, peers, prepared, world, origin, say, found }
  const close = () => origin.stop()
  return { bench, close }
}

const parts: readonly [string, (bench: Bench) => Promise<void>][] = [
  ['threads', measureThreads],
  ['stock', measureBehindStock],
  ['latency', measureLatency],
  ['start', measureStart],
  ['memory', measureMemory],
  ['idle', measureIdle],
  ['armed', measureArmed],
  ['change', measureChange],
  ['list', (bench) => measureList(bench.prepared.names.length, bench.found)],
  ['size', measureSize],
]

async function measureAll(bench: Bench, wanted: ReadonlySet<string>): Promise<void> {
  const apart = new Set(parts.map(([name]) => name))
  const rates = rateFigures.filter((figure) => !apart.has(figure) && wanted.has(figure))
  if (rates.length > 0) await measureRates(bench, new Set(rates))
  for (const [name, measure] of parts) {
    if (!wanted.has(name)) continue
    bench.say(`${name} …`)
    await measure(bench)
  }
}

/** The list alone, at several sizes: what must not grow with it. All four sizes also go into the documentation. */
async function measureScale(sizes: readonly number[]): Promise<void> {
  const rows = await measureListScale(sizes, say)
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? '?'}), Node ${process.version}`
  process.stdout.write(`${scaleTable(rows)}`)
  if (sizes !== scaleSizes) return
  writeScale(rows, `${date}, ${machine}, load ${loadavg()[0]!.toFixed(1)} at the end.`)
  process.stdout.write('written to docs/measures.md and docs/list-scale.svg\n')
}

function report(rows: readonly Row[], options: Options): void {
  const about = {
    date: new Date().toISOString(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? '?'}`,
    node: process.version,
    names: options.names,
    rounds: options.rounds,
    seconds: options.seconds,
    load: loadavg()[0]!,
  }
  const folder = join(projectRoot, 'dist', 'bench')
  const path = writeReport(folder, options.quick ? 'quick' : (options.only?.join('-') ?? 'full'), rows, about)
  writeFileSync(path.replace(/json$/, 'md'), `${tableMarkdown(rows)}\n`)
  process.stdout.write(`${tableText(rows)}\n\n`)
  const judged = rows.filter(({ met }) => met !== null)
  const missed = judged.filter(({ met }) => !met)
  process.stdout.write(`${judged.length - missed.length} of ${judged.length} goals met; written to ${path}\n`)
  if (!options.docs) return
  const title = `Secure Net against its peers: ratios, ${about.date.slice(0, 10)}, ${about.machine}`
  writeFileSync(join(projectRoot, 'docs', 'measures.svg'), ratioPlot(rows, title))
}

/** @returns whether the guard lets this pass */
function runGuard(rows: readonly Row[], options: Options): boolean {
  const path = committedPath(projectRoot)
  const committed = readCommitted(path)
  const allocations = allocationsInChild(process.argv[1]!, projectRoot)
  for (const { path: name, heapBytes, bufferBytes } of allocations)
    process.stdout.write(
      `allocated   ${name}: ${heapBytes} bytes of heap and ${bufferBytes} of buffers a query\n`,
    )
  if (options.commit) {
    const compared = rows.filter((row) => row.ratio !== null)
    const ratios = Object.fromEntries(compared.map((row) => [ratioKey(row), Number(row.ratio!.toFixed(3))]))
    const bytes = allocations.map(({ path: name, heapBytes, bufferBytes }) => [name, heapBytes + bufferBytes])
    writeFileSync(path, `${JSON.stringify({ ratios, allocations: Object.fromEntries(bytes) }, null, 2)}\n`)
    return true
  }
  for (const line of compareRatios(rows, committed)) process.stdout.write(`${line}\n`)
  const failures = compareAllocations(allocations, committed)
  for (const line of failures) process.stderr.write(`FAILED  ${line}\n`)
  return failures.length === 0
}

async function run(given: Options): Promise<void> {
  // Inherited by all that is started: peers, floors, module and driver.
  if (given.nice !== undefined) setPriority(given.nice)
  if (given.scale) return measureScale(given.scale === true ? scaleSizes : given.scale)
  const options = given.quick ? { ...given, ...quick, only: given.only ?? quick.only } : given
  const missing = missingPrograms(options.install ?? false)
  if (missing.includes('dnsperf'))
    throw new Error('dnsperf is missing: npm run bench -- --install, or apt-get install dnsperf')
  for (const name of missing) say(`missing     ${name}: left out (npm run bench -- --install brings it)`)
  options.peers = options.peers.filter((peer) => !missing.includes(peer))
  const rows: Row[] = []
  const found = (measured: Measured) => void rows.push(rowOf(measured))
  const { bench, close } = await openBench(options, options.names, found)
  try {
    await measureAll(bench, new Set(options.only ?? figures))
  } finally {
    await close()
  }
  report(rows, options)
  if (options.quick && !runGuard(rows, options)) process.exitCode = 1
}

const list = (text: string) => text.split(',').filter(Boolean)
const sizes = (text: string) => list(text).map(whole)

const program = new Command('bench')
  .description(
    'Measures the shipped bundle against dnsmasq, unbound, dnsdist and bare Node, in turn, in one run.',
  )
  .option(
    '--quick',
    'a minute at most, for CI: compares with scripts/bench/committed.json; fails on allocations only',
  )
  .option('--only <figures>', `of ${figures.join(', ')}`, list)
  .option('--names <count>', 'names on the list', whole, 1_000_000)
  .option('--rounds <count>', 'rounds of A B A B', whole, 3)
  .option('--seconds <count>', 'of one drive', whole, 3)
  .option('--peers <names>', 'of dnsmasq, unbound, dnsdist', list, ['dnsmasq', 'unbound', 'dnsdist'])
  .option('--names-file <file>', 'real names, one a line or hosts format, gzipped or not')
  .option('--bundle <file>', 'the module', join(projectRoot, 'dist', 'securenet', 'securenet.cjs'))
  .option(
    '--scale [sizes]',
    'the list alone at 10 k, 100 k, 1 M and 5 M names, written into docs/measures.md; or at some sizes, printed only',
    sizes,
  )
  .option('--nice <level>', 'of all that is measured alike, for a machine that others use: -20 to 19', Number)
  .option('--install', 'install missing peers with apt-get')
  .option('--commit', 'with --quick: keep the figures as scripts/bench/committed.json')
  .option('--docs', 'draw docs/measures.svg')
  .option('--floor <role>', 'a child of the bench')
  .option('--allocations', 'a child of the bench')
  .parse()

const options = program.opts<Options>()
const unknown = (options.only ?? []).filter((figure) => !(figures as readonly string[]).includes(figure))

async function main(): Promise<void> {
  if (unknown.length > 0)
    throw new Error(`no such figure: ${unknown.join(', ')}; known are ${figures.join(', ')}`)
  if (options.floor) {
    const [role = '', port, upstream] = options.floor.split(',')
    await serveFloor(role, Number(port), Number(upstream))
  } else if (options.allocations) process.stdout.write(JSON.stringify(await measureAllocations()))
  else await run(options)
}

process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))
main().catch((error) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`)
  process.exit(1)
})
