// A modem's list in a process of its own, so that memory, writes and pauses are its alone. Started by
// scripts/bench/list-scale.ts: `take` takes every head whose file it reads from its input, and answers questions on a
// UDP port meanwhile; `serve` starts from what was taken. Prints one line of JSON a figure set.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../module/base/clock.ts'
import type { Head } from '../../module/blocklist/format/head.ts'
import { createMatcher, type Matcher } from '../../module/blocklist/matcher.ts'
import { buildHere } from '../../module/blocklist/store/builder.ts'
import type { Store } from '../../module/blocklist/store/store.ts'
import { CHUNK_PAUSE_MS } from '../../module/blocklist/update/downloader.ts'
import { Updater } from '../../module/blocklist/update/updater.ts'
import { chunkTopic } from '../../module/control/mqtt/topics.ts'
import { nameFromText } from '../../module/dns/name.ts'
import { buildOnThread, startBuilderThread } from '../../module/threads/builder-thread.ts'

/** Of one version taken. Times in ms. */
export interface TakenFigures {
  version: number
  /** ms since 1970. */
  began: number
  ended: number
  /** The longest time between two ticks of a 1 ms timer in which the thread that answers was at work. */
  longestPauseMs: number
  /** Octets handed to write calls: what the flash is given to do. */
  writtenBytes: number
}

export interface ServedFigures {
  /** From the start of the process to the first verdict, and of that what start() took. */
  firstVerdictMs: number
  startMs: number
  verdictUs: number
  privateKiB: number
  residentKiB: number
}

const textOf = (path: string) => readFileSync(path, 'latin1')
const field = (text: string, name: string) =>
  Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0)
/** Octets handed to the kernel. write_bytes of proc(5), which counts pages, came to 1.6 times as many (ext4). */
const written = () => field(textOf('/proc/self/io'), 'wchar')
/** ms that the main thread was at work: on a busy machine, what others took is not our pause. */
const workedMs = () => Number(textOf(`/proc/self/task/${process.pid}/schedstat`).split(' ')[0]) / 1e6
const wall = () => performance.timeOrigin + performance.now()

function watchPauses(): { stop(): number } {
  let longest = 0
  let last = performance.now()
  let worked = workedMs()
  const timer = setInterval(() => {
    const now = performance.now()
    const workedNow = workedMs()
    longest = Math.max(longest, Math.min(now - last - 1, workedNow - worked))
    last = now
    worked = workedNow
  }, 1)
  return {
    stop() {
      clearInterval(timer)
      return longest
    },
  }
}

const silent = () => undefined
const say = (figures: object) => process.stdout.write(`${JSON.stringify(figures)}\n`)

function createUpdater(folder: string, published: string, matcher: Matcher): Updater {
  return new Updater({
    folder,
    lockFolder: `${folder}.locks`,
    list: 'bench',
    modemId: 'modem-1',
    lineId: 'line-1',
    quotaBytes: 400_000_000,
    probationSeconds: 0,
    source: {
      async fetch(ref) {
        // As over MQTT: a chunk does not come in the turn that asks for it.
        await sleep(1)
        return readFileSync(join(published, encodeURIComponent(chunkTopic(ref))))
      },
    },
    pauseMs: CHUNK_PAUSE_MS,
    openBuilder: process.env['SECURENET_BUILD_HERE']
      ? buildHere
      : buildOnThread(startBuilderThread(join(import.meta.dirname, 'list-builder.mjs'))),
    clock: systemClock,
    floor: () => 0,
    log: { debug: silent, info: silent, warn: silent, error: (_, fields) => console.error(fields) },
    gate: () => null,
    onSwitch: (store: Store | null) => matcher.setStore(store),
  })
}

async function take(updater: Updater, file: string): Promise<void> {
  const head = JSON.parse(readFileSync(file, 'utf8')) as Head
  const writtenBefore = written()
  const pauses = watchPauses()
  const began = wall()
  await updater.offerHead(head)
  await updater.settled()
  const ended = wall()
  const longestPauseMs = pauses.stop()
  const { version, lastError } = updater.status()
  if (version !== head.stable.version) throw new Error(`version ${version} serves: ${lastError}`)
  const figures: TakenFigures = {
    version,
    began,
    ended,
    longestPauseMs,
    writtenBytes: written() - writtenBefore,
  }
  say(figures)
}

async function takeAll(updater: Updater, matcher: Matcher): Promise<void> {
  const name = nameFromText('www.first.example') as Buffer
  const socket = createSocket('udp4', (question, { port, address }) => {
    matcher.verdict(name, 0)
    socket.send(question, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  updater.start()
  say({ port: socket.address().port })
  for await (const head of createInterface({ input: process.stdin })) await take(updater, head)
  socket.close()
}

const ASKED = 300_000

function serve(updater: Updater, matcher: Matcher): void {
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
  for (let i = 0; i < ASKED; i += 1) ask(i)
  const begin = performance.now()
  for (let i = 0; i < ASKED; i += 1) ask(i)
  const verdictUs = ((performance.now() - begin) * 1000) / ASKED
  const memory = textOf('/proc/self/smaps_rollup')
  const figures: ServedFigures = {
    firstVerdictMs,
    startMs: firstVerdictMs - from,
    verdictUs,
    privateKiB: field(memory, 'Private_Dirty'),
    residentKiB: field(memory, 'Rss'),
  }
  say(figures)
}

async function main(): Promise<void> {
  const [mode, folder, published] = process.argv.slice(2) as [string, string, string]
  const matcher = createMatcher({ store: null, allow: [], core: ['core.example'] })
  const updater = createUpdater(folder, published, matcher)
  const alive = setInterval(() => undefined, 1000)
  if (mode === 'serve') serve(updater, matcher)
  else await takeAll(updater, matcher)
  await updater.stop()
  clearInterval(alive)
}

await main()
