import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { drive } from './dnsperf.ts'
import {
  type Bench,
  blockAddressOf,
  makeFloor,
  makePeer,
  makeStock,
  module,
  up,
  WAN_IN_FLIGHT,
} from './field.ts'
import { BLOCK_ADDRESS } from './peers.ts'
import { openBroker } from './prepared-list.ts'
import type { Memory, ServerProcess } from './server-process.ts'
import { linesOf, writeTraffic } from './traffic.ts'

const goals = { resident: 72, unreclaimable: 30, startMs: 500, idlePercent: 0.5, megabytes: 2 } as const

/** The most of several looks while it is at work. */
async function memoryUnderLoad(bench: Bench, server: ServerProcess): Promise<Memory> {
  const most = { residentMb: 0, privateMb: 0, unreclaimableMb: 0 }
  const look = () => {
    const { residentMb, privateMb, unreclaimableMb } = server.memory()
    most.residentMb = Math.max(most.residentMb, residentMb)
    most.privateMb = Math.max(most.privateMb, privateMb)
    most.unreclaimableMb = Math.max(most.unreclaimableMb, unreclaimableMb)
  }
  const timer = setInterval(look, 200)
  const { seconds } = bench
  for (const kind of ['blocked', 'mixed', 'misses'] as const) {
    const lines = linesOf(kind, bench.world, 60_000 * seconds, `m${server.pid}`)
    await drive(server, {
      file: writeTraffic(join(bench.folder, 'traffic-memory'), lines),
      seconds: seconds * 2,
    })
  }
  clearInterval(timer)
  look()
  return most
}

const sizeText = (names: number) => (names >= 1e6 ? `${names / 1e6} M names` : `${names / 1e3} k names`)

/** Every start is a new process; the list's pages are in the page cache, as they are on a modem that restarts a daemon. */
async function startTimes(
  bench: Bench,
  make: () => Promise<ServerProcess>,
  address: string,
): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < bench.rounds; round++) {
    const server = await make()
    server.spawn()
    times.push(await server.answering(bench.prepared.names[round]!, address))
    await server.stop()
  }
  return times
}

export async function measureStart(bench: Bench): Promise<void> {
  const size = sizeText(bench.prepared.names.length)
  const ours = await startTimes(bench, () => module(bench), BLOCK_ADDRESS)
  const goal = { of: 'ours', most: goals.startMs } as const
  if (bench.peers.length === 0)
    bench.found({ figure: `start to first verdict, ${size}`, unit: 'ms', ours, goal })
  for (const [i, name] of bench.peers.entries()) {
    const values = await startTimes(bench, () => makePeer(bench, name), blockAddressOf(name, BLOCK_ADDRESS))
    bench.found({
      figure: `start to first verdict, ${size}`,
      unit: 'ms',
      ours,
      peer: { name, values },
      ...(i === 0 ? { goal } : {}),
    })
  }
}

const memoryFields = [
  ['resident memory under load', 'residentMb', goals.resident],
  ['private memory under load', 'privateMb', goals.unreclaimable],
  ['unreclaimable memory under load', 'unreclaimableMb', goals.unreclaimable],
] as const

export async function measureMemory(bench: Bench): Promise<void> {
  const listed = bench.prepared.names[0]!
  const size = sizeText(bench.prepared.names.length)
  const measured = async (server: ServerProcess, address: string) => {
    await up(server, listed, address)
    const memory = await memoryUnderLoad(bench, server)
    await server.stop()
    return memory
  }
  const ours = await measured(await module(bench, { inFlight: WAN_IN_FLIGHT }), BLOCK_ADDRESS)
  const others = new Map<string, Memory>()
  for (const name of bench.peers) {
    others.set(name, await measured(await makePeer(bench, name), blockAddressOf(name, BLOCK_ADDRESS)))
  }
  others.set('node relay', await measured(await makeFloor(bench, 'relay'), ''))
  for (const [what, field, most] of memoryFields) {
    for (const [i, [name, memory]] of [...others].entries()) {
      bench.found({
        figure: `${what}, ${size}`,
        unit: 'MB',
        ours: [ours[field]],
        peer: { name, values: [memory[field]] },
        // One goal, however many peers stand beside it.
        ...(i === 0 ? { goal: { of: 'ours', most } as const } : {}),
      })
    }
  }
}

const IDLE_SECONDS = 30

/** Connected to a broker, nothing asked; without interception, whose renewals need a kernel's tables. */
export async function measureIdle(bench: Bench): Promise<void> {
  const { url, stop } = await openBroker()
  const stock = await up(await makeStock(bench), 'ready.example', '192.0.2.1')
  const ours = await module(bench, { upstream: stock.port, mqttUrl: url })
  await up(ours, bench.prepared.names[0]!, BLOCK_ADDRESS)
  await sleep(5000)
  const before = ours.cpuSeconds()
  await sleep(IDLE_SECONDS * 1000)
  const percent = ((ours.cpuSeconds() - before) / IDLE_SECONDS) * 100
  bench.found({
    figure: `idle CPU over ${IDLE_SECONDS} s, broker connected, no interception`,
    unit: '% of a core',
    ours: [percent],
    goal: { of: 'ours', most: goals.idlePercent },
  })
  const { residentMb } = ours.memory()
  bench.found({ figure: 'resident memory, idle', unit: 'MB', ours: [residentMb] })
  await ours.stop()
  await stock.stop()
  await stop()
}

export async function measureSize(bench: Bench): Promise<void> {
  const folder = dirname(bench.bundle)
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const bytes = files
    .filter((file) => file.isFile())
    .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
  bench.found({
    figure: 'bundle with lmdb, beside the runtime',
    unit: 'MB',
    ours: [bytes / 1e6],
    goal: { of: 'ours', most: goals.megabytes },
  })
}
