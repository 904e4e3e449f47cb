// Every write, flush and rename of an update fails: once, or from there on for good; with EIO, or with ENOSPC. Each call
// gets one of the four in turn; SECURENET_FAULTS=all: all four. The same of an update that goes on where the power failed.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
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
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { longTestLimitMs } from '../../helpers/limits.ts'
import { keyA, keyB, Publisher, someNames } from '../update/update-world.ts'

import type { Outcome } from './failing-disk-child.ts'

const root = mkdtempSync(join(tmpdir(), 'securenet-failing-'))
const child = join(root, 'child.mjs')
const shim = join(root, 'failing-disk.so')
const published = join(root, 'published')
const base = join(root, 'base', 'list')
let compiled: SpawnSyncReturns<Buffer>

interface Failing {
  at: number
  /** A number: of calls, and then the disk works again. */
  on: 'once' | 'on' | 'die' | number
  errno: number
}

interface Ran {
  code: number | null
  signal: string | null
  outcome: Outcome | null
  said: string
  calls: number
}

let runs = 0

/**
 * An update in a process of its own, on the folder as it is.
 * @param watched so many errors are waited for
 */
function update(folder: string, head: string, failing: Failing | null, watched = 3): Promise<Ran> {
  runs += 1
  const count = join(root, `count-${runs}`)
  const env = {
    ...process.env,
    UV_USE_IO_URING: '0',
    LD_PRELOAD: shim,
    FAILING_FOLDER: folder,
    FAILING_AT: String(failing?.at ?? 0),
    FAILING_ON: String(failing?.on),
    FAILING_ERRNO: String(failing?.errno ?? 0),
    FAILING_COUNT: count,
  }
  return new Promise((resolve) => {
    const running = spawn(process.execPath, [child, folder, published, join(root, head), String(watched)], {
      env,
    })
    let [out, said] = ['', '']
    running.stdout.on('data', (data) => {
      out += data
    })
    running.stderr.on('data', (data) => {
      said += data
    })
    running.on('close', (code, signal) => {
      const calls = code === 0 ? Number(readFileSync(count, 'latin1')) : 0
      rmSync(count, { force: true })
      const outcome = out === '' ? null : (JSON.parse(out) as Outcome)
      resolve({ code, signal, outcome, said, calls })
    })
  })
}

beforeAll(async () => {
  compiled = spawnSync('cc', [
    '-shared',
    '-fPIC',
    '-o',
    shim,
    join(import.meta.dirname, 'failing-disk.c'),
    '-ldl',
  ])
  await build({
    entryPoints: [join(import.meta.dirname, 'failing-disk-child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: child,
    packages: 'external',
    logLevel: 'error',
  })
  symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
  const names = ['first.example', ...someNames(10_000)]
  const source = new Publisher()
  const heads = {
    one: source.head(await source.version(1, names)),
    delta: source.head(await source.version(2, [...names.slice(0, -10), 'added.example'], { key: keyA })),
  }
  mkdirSync(published)
  const publish = () => {
    for (const [topic, chunk] of source.retained)
      writeFileSync(join(published, encodeURIComponent(topic)), chunk)
  }
  publish()
  const other = new Publisher()
  await other.version(1, names)
  const snapshot = other.head(await other.version(3, [...names, 'added.example'], { key: keyB }))
  for (const [topic, chunk] of other.retained) source.retained.set(topic, chunk)
  publish()
  for (const [name, head] of Object.entries({ ...heads, snapshot: { ...snapshot, sequence: 3 } }))
    writeFileSync(join(root, `${name}.json`), JSON.stringify(head))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const every = process.env['SECURENET_FAULTS'] === 'all'
const seed = Number(process.env['SECURENET_SEED'] ?? 0)
const { EIO, ENOSPC, EROFS } = constants.errno
const kinds = [
  { name: 'EIO', errno: EIO, on: 'once' },
  { name: 'ENOSPC', errno: ENOSPC, on: 'on' },
  { name: 'ENOSPC', errno: ENOSPC, on: 'once' },
  { name: 'EIO', errno: EIO, on: 'on' },
] as const

const cannotRun = () =>
  compiled.status === 0
    ? undefined
    : `skipped: no C compiler (${compiled.error?.message ?? compiled.stderr}); apt-get install gcc libc6-dev`

function afresh(to: string, from = base): void {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}

/** Two at a time, each in a place of its own. */
async function tryAll<T>(all: readonly T[], place: string, tryOne: (one: T, place: string) => Promise<void>) {
  const queue = [...all]
  const worker = async (own: string) => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await tryOne(one, own)
  }
  await Promise.all([worker(`${place}-a`), worker(`${place}-b`)])
}

interface Expected {
  head: string
  version: number
  fault: Failing & { name: string }
  strange: string[]
}

/** What must hold while the disk fails, whatever was there before. @returns what serves then */
function look(hurt: Ran, { version, fault, strange }: Expected): number | null {
  const note = (what: string) => strange.push(sentence(what, fault, hurt))
  if (diedOfLmdb(hurt)) return null
  if (hurt.code !== 0 || !hurt.outcome) {
    note('it died')
    return null
  }
  const { version: serving, blocked, added, codes } = hurt.outcome
  if (!blocked || added !== (serving === version)) note('it answers wrongly')
  if (serving !== 1 && serving !== version) note('no list serves')
  if (!codes.every((code) => /^LIST_(STORE_IO|DISK_FULL)$/.test(code)) || codes.length === 0)
    note('it says otherwise')
  return serving
}

/**
 * lmdb 3.5 tells of a page that it could not write by a sprintf into too few octets: the heap is damaged, and glibc ends the
 * process. A disk that stays broken is seen before (module/blocklist/store/room.ts); that one write alone is refused cannot be.
 */
function diedOfLmdb({ signal, said }: Ran): boolean {
  return /^SIG(ABRT|SEGV)$/.test(signal ?? '') && /^failed: pwrite/.test(said.slice(said.indexOf('failed: ')))
}

function sentence(what: string, { name, on, at }: Failing & { name: string }, ran: Ran): string {
  return `${name} ${on} at ${at}: ${what} ${ran.code} ${ran.signal} ${JSON.stringify(ran.outcome)} ${ran.said.slice(-200)}`
}

/** The next start, on a disk that works again. */
async function mends(place: string, { head, version, fault, strange }: Expected): Promise<void> {
  const mended = await update(place, `${head}.json`, null)
  const found = mended.outcome
  // A pointer that went out although its flush failed may name a file that is gone: the list before serves.
  const damaged = found?.codes.every((code) => code === 'LIST_DAMAGED') && found.codes.length <= 1
  if (found?.version !== version || !found.added || !damaged)
    strange.push(sentence('it is not mended', fault, mended))
  if (found?.atStart !== 1 && found?.atStart !== version)
    strange.push(sentence('no list serves at the next start', fault, mended))
}

beforeAll(async () => {
  if (cannotRun() === undefined)
    expect((await update(base, 'one.json', null)).outcome).toMatchObject({ version: 1, codes: [] })
})

describe.each(['snapshot', 'delta'])('an update by %s', (head) => {
  const version = head === 'delta' ? 2 : 3

  it(
    'of which any write, flush or rename fails: no crash, a list serves, the fault is told, the next update mends it',
    async (context) => {
      const why = cannotRun()
      if (why !== undefined) {
        console.log(why)
        return context.skip()
      }
      const folder = join(root, `list-${head}`)
      afresh(folder)
      const whole = await update(folder, `${head}.json`, null)
      expect(whole.outcome).toEqual({ atStart: 1, version, codes: [], blocked: true, added: true })
      // Or the shim sees nothing.
      expect(whole.calls).toBeGreaterThan(15)

      const faults = Array.from({ length: whole.calls }, (_, i) => i + 1).flatMap((at) =>
        every
          ? kinds.map((kind) => ({ at, ...kind }))
          : [{ at, ...(kinds[(at + seed) % kinds.length] as (typeof kinds)[number]) }],
      )
      const strange: string[] = []
      let switched = 0
      await tryAll(faults, folder, async (fault, place) => {
        const expected = { head, version, fault, strange }
        afresh(place)
        if (look(await update(place, `${head}.json`, fault), expected) === version) switched += 1
        await mends(place, expected)
      })
      console.log(
        `${head}: ${whole.calls} calls, ${faults.length} faults, ${switched} of them got through by themselves`,
      )
      expect(strange).toEqual([])
      // Once alone heals by itself; for good it cannot but for the last calls of all.
      expect(switched).toBeGreaterThan(faults.length / 3)
      expect(switched).toBeLessThan((faults.length * 3) / 4)
    },
    longTestLimitMs,
  )
})

const whileKinds = [
  ...kinds,
  // It works again while the updater waits: nobody has to help.
  { name: 'EIO', errno: EIO, on: 12 },
  { name: 'ENOSPC', errno: ENOSPC, on: 12 },
  { name: 'EROFS', errno: EROFS, on: 12 },
] as const

describe.each(['snapshot', 'delta'])('an update by %s that the power has interrupted', (head) => {
  const version = head === 'delta' ? 2 : 3
  const file = head === 'delta' ? '2-1.mdb' : '3-0.mdb'

  it(
    'goes on with a disk that fails at any call: no crash, a list serves, and it completes by itself once the disk works',
    async (context) => {
      const why = cannotRun()
      if (why !== undefined) {
        console.log(why)
        return context.skip()
      }
      const halfBuilt: { cut: number; folder: string; calls: number }[] = []
      for (let cut = 1 + (seed % 3); ; cut += every ? 1 : 3) {
        const folder = join(root, `${head}-cut-${cut}`)
        afresh(folder)
        const ran = await update(folder, `${head}.json`, { at: cut, on: 'die', errno: EIO })
        if (ran.signal !== 'SIGKILL') break
        const path = join(folder, file)
        if (!existsSync(path) || statSync(path).size === 0) continue
        const probe = `${folder}-probe`
        afresh(probe, folder)
        const { outcome, calls } = await update(probe, `${head}.json`, null)
        expect(outcome).toMatchObject({ version, codes: [] })
        halfBuilt.push({ cut, folder, calls })
      }
      expect(halfBuilt.length).toBeGreaterThan(2)
      // Of each moment a few faults, other ones with another seed: all are some thousand runs.
      const faults = halfBuilt.flatMap(({ cut, folder, calls }, i) =>
        Array.from({ length: calls }, (_, j) => j + 1).flatMap((at) => {
          if (every) return whileKinds.map((kind) => ({ at, cut, folder, ...kind }))
          if ((at + i + seed) % 8 !== 0) return []
          const kind = whileKinds[(at + i + seed) % whileKinds.length] as (typeof whileKinds)[number]
          return [{ at, cut, folder, ...kind }]
        }),
      )
      const strange: string[] = []
      let died = 0
      await tryAll(faults, join(root, `resumed-${head}`), async (fault, place) => {
        const found: string[] = []
        const expected = { head, version, fault, strange: found }
        afresh(place, fault.folder)
        const passes = typeof fault.on === 'number' || fault.on === 'once'
        const hurt = await update(place, `${head}.json`, fault, passes ? 20 : 3)
        const serving = look(hurt, expected)
        if (diedOfLmdb(hurt)) died += 1
        else if (passes && serving !== version) found.push(`${JSON.stringify(fault)}: it does not complete`)
        await mends(place, expected)
        strange.push(...found.map((what) => `cut at ${fault.cut}: ${what}`))
      })
      console.log(
        `${head}: ${halfBuilt.length} moments of a power cut, ${faults.length} faults after them, ${died} deaths in lmdb`,
      )
      expect(strange).toEqual([])
    },
    longTestLimitMs,
  )
})
