// A modem's list in a process of its own, so that memory, writes and pauses are its alone: takes versions from a folder
// of chunks, or serves what an earlier one took. Started by scripts/bench/list-scale.ts; prints one line of JSON a figure set.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Head } from '../../module/blocklist/head.ts'
import { createMatcher, type Matcher } from '../../module/blocklist/matcher.ts'
import type { Store } from '../../module/blocklist/store.ts'
import { Updater } from '../../module/blocklist/update.ts'
import { chunkTopic } from '../../module/control/topics.ts'
import { nameFromText } from '../../module/dns/name.ts'
import { systemClock } from '../../module/platform/clock.ts'

/** Of one version taken. Times in ms. */
export interface TakenFigures {
  version: number
  ms: number
  longestPauseMs: number
  /** Of the delays of a 1 ms timer: what a query may have to wait besides. */
  p99PauseMs: number
  /** As longestPauseMs, with what other processes took. */
  wallPauseMs: number
  /** Octets handed to write calls: what the flash is given to do. */
  writtenBytes: number
  wireBytes: number
}

export interface ServedFigures {
  /** From the start of the process to the first verdict, and of that what start() took. */
  firstVerdictMs: number
  startMs: number
  verdictUs: number
  privateKiB: number
  residentKiB: number
}

const numbersOf = (path: string) => readFileSync(path, 'latin1')
const field = (text: string, name: string) =>
  Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0)
const written = () => field(numbersOf('/proc/self/io'), 'wchar')
/** ms that this thread was at work: on a busy machine, what others took is not our pause. */
const workedMs = () => Number(numbersOf(`/proc/self/task/${process.pid}/schedstat`).split(' ')[0]) / 1e6

/**
 * How late a 1 ms timer comes: longest and 99th percentile of the time between two ticks that this thread was at work,
 * and the longest time by the clock on the wall.
 */
function watchPauses(): { stop(): { longest: number; p99: number; wall: number } } {
  const late: number[] = []
  let wall = 0
  let last = performance.now()
  let worked = workedMs()
  const timer = setInterval(() => {
    const now = performance.now()
    const workedNow = workedMs()
    const lateness = Math.max(0, now - last - 1)
    if (process.env['SHOW'] && lateness > 8) console.error(lateness, workedNow - worked)
    wall = Math.max(wall, lateness)
    late.push(Math.min(lateness, workedNow - worked))
    last = now
    worked = workedNow
  }, 1)
  return {
    stop() {
      clearInterval(timer)
      late.sort((a, b) => a - b)
      return { longest: late.at(-1) ?? 0, p99: late[Math.floor(late.length * 0.99)] ?? 0, wall }
    },
  }
}

const silent = () => undefined
const [mode, folder, published, ...heads] = process.argv.slice(2) as [string, string, string, ...string[]]
const matcher: Matcher = createMatcher({ store: null, allow: [], core: ['core.example'] })
let wireBytes = 0
const updater = new Updater({
  folder,
  list: 'bench',
  modemId: 'modem-1',
  lineId: 'line-1',
  quotaBytes: 400_000_000,
  probationSeconds: 0,
  source: {
    async fetch(ref) {
      // As over MQTT: a chunk does not come in the turn that asks for it.
      await sleep(1)
      const chunk = readFileSync(join(published, encodeURIComponent(chunkTopic(ref))))
      wireBytes += chunk.length
      return chunk
    },
  },
  clock: systemClock,
  floor: () => 0,
  log: { debug: silent, info: silent, warn: silent, error: (_, fields) => console.error(fields) },
  gate: () => null,
  onSwitch: (store: Store | null) => matcher.setStore(store),
})
const say = (figures: object) => process.stdout.write(`${JSON.stringify(figures)}\n`)

async function take(file: string): Promise<void> {
  const head = JSON.parse(readFileSync(file, 'utf8')) as Head
  const before = { written: written(), wire: wireBytes, at: performance.now() }
  const pauses = watchPauses()
  await updater.onHead(head)
  await updater.settled()
  const ms = performance.now() - before.at
  const { longest, p99, wall } = pauses.stop()
  const { version, lastError } = updater.status()
  if (version !== head.stable.version) throw new Error(`version ${version} serves: ${lastError}`)
  const figures: TakenFigures = {
    version,
    ms,
    longestPauseMs: longest,
    p99PauseMs: p99,
    wallPauseMs: wall,
    writtenBytes: written() - before.written,
    wireBytes: wireBytes - before.wire,
  }
  say(figures)
}

const asked = 300_000

function serve(): void {
  const from = performance.now()
  updater.start()
  const first = nameFromText('www.first.example') as Buffer
  matcher.verdict(first, 0)
  const firstVerdictMs = performance.now()
  // One buffer for all: what is weighed here is the list, not the questions.
  const name = nameFromText('www.aaaaaaaa.example.com') as Buffer
  const ask = (i: number) => {
    for (let at = 5, left = i; at < 13; at += 1, left >>>= 4) name[at] = 97 + (left & 15)
    matcher.verdict(name, 0)
  }
  for (let i = 0; i < asked; i += 1) ask(i)
  const begin = performance.now()
  for (let i = 0; i < asked; i += 1) ask(i)
  const verdictUs = ((performance.now() - begin) * 1000) / asked
  const memory = numbersOf('/proc/self/smaps_rollup')
  const figures: ServedFigures = {
    firstVerdictMs,
    startMs: firstVerdictMs - from,
    verdictUs,
    privateKiB: field(memory, 'Private_Dirty'),
    residentKiB: field(memory, 'Rss'),
  }
  say(figures)
}

const alive = setInterval(() => undefined, 1000)
if (mode === 'serve') serve()
else {
  updater.start()
  for (const head of heads) await take(head)
}
await updater.stop()
clearInterval(alive)
