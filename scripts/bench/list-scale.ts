import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { createEntrySetBuilder, type EntrySet } from '../../module/blocklist/entries.ts'
import type { Head, Release } from '../../module/blocklist/head.ts'
import { type EarlierVersion, makeRelease } from '../operator/list/release.ts'
import type { ServedFigures, TakenFigures } from './list-child.ts'
import { type ScaleRow, scalePlot, scaleTable } from './list-scale-report.ts'

const keys = ['00112233445566ff', 'ffeeddccbbaa9988'] as const
const changes = 1000

/** Uniform entries (xorshift64 as two halves), of five categories in the shares that lists have. */
function entriesOf(count: number, skip = 0): EntrySet {
  const set = createEntrySetBuilder(count)
  for (let i = skip; i < skip + count; i += 1) set.add(mixed(i * 2 + 1), mixed(i * 2 + 0x51ed270b), tagAt(i))
  return set.build()
}
function mixed(i: number): number {
  const a = Math.imul(i ^ (i >>> 16), 0x85ebca6b)
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return (b ^ (b >>> 16)) >>> 0
}
const tagAt = (i: number) => [0, 0, 0, 0, 0, 1, 1, 1, 2, 4][i % 10] as number

interface Published {
  folder: string
  heads: { first: string; delta: string; snapshot: string }
  snapshotBytes: number
  deltaBytes: number
}

/** Three versions: a snapshot, a delta of 1,000 + 1,000 on it, and a snapshot under another key. */
async function publish(folder: string, names: number): Promise<Published> {
  mkdirSync(folder, { recursive: true })
  const earlier: EarlierVersion[] = []
  const version = async (number: number, key: string, set: EntrySet): Promise<string> => {
    const { release, chunks } = await makeRelease({ list: 'bench', version: number, key, set, earlier })
    for (const [topic, chunk] of chunks) writeFileSync(join(folder, encodeURIComponent(topic)), chunk)
    earlier.push({ release, readSet: async () => set })
    const path = join(folder, `head-${number}.json`)
    writeFileSync(path, JSON.stringify(headOf(release)))
    return path
  }
  const heads = {
    first: await version(1, keys[0], entriesOf(names)),
    delta: await version(2, keys[0], entriesOf(names, changes)),
    snapshot: await version(3, keys[1], entriesOf(names, 7 * changes)),
  }
  const { snapshot, deltas } = (earlier[1] as EarlierVersion).release
  return { folder, heads, snapshotBytes: snapshot.bytes, deltaBytes: deltas[0]?.bytes ?? Number.NaN }
}

const headOf = (stable: Release): Head => ({
  list: 'bench',
  sequence: stable.version,
  issuedAt: 1,
  expires: 4_000_000_000,
  spreadSeconds: 0,
  stable,
  allow: [],
})

async function buildChild(root: string): Promise<string> {
  const outfile = join(root, 'child.mjs')
  await build({
    entryPoints: [join('scripts', 'bench', 'list-child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    packages: 'external',
    logLevel: 'error',
  })
  symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
  return outfile
}

function runChild<T>(child: string, args: readonly string[], flags: readonly string[] = []): T[] {
  const output = execFileSync(process.execPath, [...flags, child, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

async function measure(root: string, child: string, names: number): Promise<ScaleRow> {
  const published = await publish(join(root, `published-${names}`), names)
  const folder = join(root, `list-${names}`)
  const { first, delta, snapshot } = published.heads
  const flags = process.env['SECURENET_CHILD_FLAGS']?.split(' ') ?? []
  const args = ['take', folder, published.folder, first, delta, snapshot]
  const [, deltaTaken, snapshotTaken] = runChild<TakenFigures>(child, args, flags)
  const [served] = runChild<ServedFigures>(child, ['serve', folder, published.folder])
  const storeBytes = statSync(join(folder, '3-0.mdb')).size
  rmSync(published.folder, { recursive: true })
  rmSync(folder, { recursive: true })
  const { snapshotBytes, deltaBytes } = published
  return {
    names,
    storeBytes,
    snapshotBytes,
    deltaBytes,
    snapshot: snapshotTaken as TakenFigures,
    delta: deltaTaken as TakenFigures,
    served: served as ServedFigures,
  }
}

const sizesAsked = process.argv.slice(2).map(Number)
const sizes = sizesAsked.length > 0 ? sizesAsked : [10_000, 100_000, 1_000_000, 5_000_000]
const page = join('docs', 'list-updates.md')
const picture = join('docs', 'list-scale.svg')

/** Measures every size; the whole set also rewrites the table of docs/list-updates.md and its plot. */
async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'securenet-scale-'))
  const rows: ScaleRow[] = []
  try {
    const child = await buildChild(root)
    for (const names of sizes) {
      const row = await measure(root, child, names)
      rows.push(row)
      console.log(JSON.stringify(row))
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  if (sizesAsked.length > 0) return
  const text = readFileSync(page, 'utf8')
  writeFileSync(page, text.replace(/(?<=<!-- scale -->\n)[\s\S]*(?=<!-- end of scale -->)/, scaleTable(rows)))
  writeFileSync(picture, scalePlot(rows))
  console.log(`written: ${page}, ${picture}`)
}

await main()
