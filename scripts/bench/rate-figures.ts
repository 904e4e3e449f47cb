import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askDaemon } from '../../module/local/socket.ts'
import { type Driven, type DriveOptions, drive } from './dnsperf.ts'
import {
  type Bench,
  blockAddressOf,
  inTurn,
  makeFloor,
  makeKernelFloors,
  makePeer,
  makeStock,
  module,
  up,
  WAN_IN_FLIGHT,
} from './field.ts'
import { BLOCK_ADDRESS } from './peers.ts'
import { type Goal, median } from './report.ts'
import type { ServerProcess } from './server-process.ts'
import { type Kind, linesOf, writeTraffic } from './traffic.ts'

interface RateFigure {
  figure: string
  kind: Kind
  drive?: Partial<DriveOptions>
  /** Goals against a peer, by its name. */
  rate?: Readonly<Record<string, Goal>>
  cpu?: Readonly<Record<string, Goal>>
}

const least = (value: number): Goal => ({ of: 'ratio', least: value })
const most = (value: number): Goal => ({ of: 'ratio', most: value })

/** Questions enough for a drive at this rate, so that none is asked twice. */
const enough: Readonly<Record<Kind, number>> = {
  blocked: 120_000,
  cached: 2000,
  misses: 60_000,
  mixed: 60_000,
}

let runs = 0

/** One file a run: a server that has been asked for a new name would know it. */
function trafficFor(bench: Bench, kind: Kind): string {
  const count = kind === 'cached' ? enough.cached : enough[kind] * Math.ceil(bench.seconds)
  const mark = `${process.pid.toString(36)}x${(runs++).toString(36)}x`
  return writeTraffic(join(bench.folder, `traffic-${kind}`), linesOf(kind, bench.world, count, mark))
}

async function driveOnce(bench: Bench, server: ServerProcess, figure: RateFigure): Promise<Driven> {
  const file = trafficFor(bench, figure.kind)
  return drive(server, { file, seconds: bench.seconds, ...figure.drive })
}

async function warm(bench: Bench, servers: readonly ServerProcess[], figure: RateFigure): Promise<void> {
  const popular = writeTraffic(
    join(bench.folder, 'traffic-warm'),
    linesOf('cached', bench.world, 2000, 'warm'),
  )
  for (const server of servers) {
    if (figure.kind !== 'misses') await drive(server, { file: popular, seconds: 1 })
    await drive(server, { file: trafficFor(bench, figure.kind), seconds: 1, ...figure.drive })
  }
}

function record(
  bench: Bench,
  { figure, rate = {}, cpu = {} }: RateFigure,
  samples: Map<string, Driven[]>,
): void {
  const [own, ...others] = [...samples]
  const [ourName, ours] = own!
  if (others.length === 0)
    bench.found({ figure: `${figure}: rate`, unit: 'q/s', ours: ours.map((one) => one.queriesPerSecond) })
  const lost = (driven: readonly Driven[]) => driven.reduce((sum, one) => sum + one.lost, 0)
  for (const [name, theirs] of others) {
    const of = (field: 'queriesPerSecond' | 'cpuMicroseconds') => ({
      ours: ours.map((one) => one[field]),
      peer: { name, values: theirs.map((one) => one[field]) },
    })
    bench.found({
      figure: `${figure}: rate`,
      unit: 'q/s',
      ...of('queriesPerSecond'),
      ...(rate[name] ? { goal: rate[name] } : {}),
    })
    bench.found({
      figure: `${figure}: CPU a query`,
      unit: 'us',
      ...of('cpuMicroseconds'),
      ...(cpu[name] ? { goal: cpu[name] } : {}),
    })
    if (lost(theirs) > 0) bench.say(`${figure}: ${name} lost ${lost(theirs)} questions`)
  }
  bench.found({
    figure: `${figure}: lost`,
    unit: 'queries',
    ours: [lost(ours)],
    goal: { of: 'ours', most: 0 },
  })
  bench.say(`${figure}: ${ourName} ${Math.round(median(ours.map((one) => one.queriesPerSecond)))} q/s`)
}

async function measure(bench: Bench, servers: readonly ServerProcess[], figure: RateFigure): Promise<void> {
  await warm(bench, servers, figure)
  record(bench, figure, await inTurn(bench.rounds, servers, (server) => driveOnce(bench, server, figure)))
}

const blocked: RateFigure = {
  figure: 'blocked',
  kind: 'blocked',
  rate: { dnsmasq: least(1.6), dnsdist: least(0.8) },
  cpu: { dnsmasq: most(0.6), 'C echo in batches': most(2) },
}

const cached: RateFigure = {
  figure: 'cached',
  kind: 'cached',
  rate: { dnsmasq: least(1.4), 'node echo': least(1) },
  cpu: { dnsmasq: most(0.7), 'C echo in batches': most(2) },
}

const misses: RateFigure = {
  figure: 'misses (wan)',
  kind: 'misses',
  rate: { dnsmasq: least(6), 'node relay': least(1.3) },
  cpu: { dnsdist: most(1.2) },
}

const mixed: RateFigure = {
  figure: 'mixed household',
  kind: 'mixed',
  rate: { unbound: least(1.3), dnsdist: least(1.3) },
}

const clientCounts = [1, 16, 64, 256]

export const rateFigures = [
  'blocked',
  'cached',
  'misses',
  'mixed',
  'tcp',
  'clients',
  'threads',
  'stock',
] as const

/** All that is asked as fast as it goes, directly before an origin: each server is started once. */
export async function measureRates(bench: Bench, wanted: ReadonlySet<string>): Promise<void> {
  const listed = bench.prepared.names[0]!
  const ours = await up(await module(bench, { inFlight: WAN_IN_FLIGHT }), listed, BLOCK_ADDRESS)
  const peers: ServerProcess[] = []
  for (const name of bench.peers) {
    bench.say(`${name} reads ${bench.prepared.names.length} names …`)
    peers.push(await up(await makePeer(bench, name), listed, blockAddressOf(name, BLOCK_ADDRESS)))
  }
  const echo = await up(await makeFloor(bench, 'echo'), listed, '')
  const echoes = [echo]
  for (const server of await makeKernelFloors(bench)) echoes.push(await up(server, listed, ''))
  const relay = await up(await makeFloor(bench, 'relay'), listed, '')
  try {
    if (wanted.has('blocked')) await measure(bench, [ours, ...peers, ...echoes], blocked)
    if (wanted.has('cached')) await measure(bench, [ours, ...peers, ...echoes], cached)
    if (wanted.has('misses')) await measure(bench, [ours, ...peers, relay], misses)
    if (wanted.has('mixed')) await measure(bench, [ours, ...peers], mixed)
    // dnsmasq forks for each connection and closes it after a hundred questions: dnsperf counts the rest as lost.
    const overTcp = peers.filter(({ name }) => name !== 'dnsmasq')
    if (wanted.has('tcp'))
      await measure(bench, [ours, ...overTcp], {
        figure: 'TCP, cached',
        kind: 'cached',
        drive: { mode: 'tcp', clients: 8 },
      })
    if (wanted.has('clients')) {
      const first = peers.slice(0, 1)
      for (const clients of clientCounts) {
        const figure = `mixed, ${clients} client${clients > 1 ? 's' : ''}`
        await measure(bench, [ours, ...first], { figure, kind: 'mixed', drive: { clients } })
      }
    }
  } finally {
    for (const server of [ours, ...peers, ...echoes, relay]) await server.stop()
  }
}

/** Behind the modem's dnsmasq, whose own rate is the ceiling. */
export async function measureBehindStock(bench: Bench): Promise<void> {
  const stock = await makeStock(bench)
  await up(stock, 'ready.example', '192.0.2.1')
  const ours = await up(
    await module(bench, { upstream: stock.port }),
    bench.prepared.names[0]!,
    BLOCK_ADDRESS,
  )
  try {
    await measure(bench, [ours, stock], { figure: 'misses (behind stock)', kind: 'misses' })
  } finally {
    await ours.stop()
    await stock.stop()
  }
}

/** Where there are cores to spare; on two cores the driver takes one of them. */
export async function measureThreads(bench: Bench): Promise<void> {
  const listed = bench.prepared.names[0]!
  const make = (threads: number, name: string) => module(bench, { inFlight: WAN_IN_FLIGHT, threads, name })
  const two = await up(await make(2, 'two threads'), listed, BLOCK_ADDRESS)
  const servers = [two, await up(await make(1, 'one thread'), listed, BLOCK_ADDRESS)]
  if (bench.peers.includes('dnsmasq'))
    servers.push(await up(await makePeer(bench, 'dnsmasq'), listed, BLOCK_ADDRESS))
  try {
    await twoServe(two)
    for (const [kind, ratio] of [
      ['blocked', 1.5],
      ['cached', 2],
      ['misses', 1.5],
    ] as const)
      await measure(bench, servers, { figure: `two threads, ${kind}`, kind, rate: { dnsmasq: least(ratio) } })
    const [ours, ...others] = servers.map((server) => ({ name: server.name, ...server.memory() }))
    for (const { name, residentMb, unreclaimableMb } of others) {
      const row = (what: string, mine: number, its: number) =>
        bench.found({
          figure: `two threads, ${what}`,
          unit: 'MB',
          ours: [mine],
          peer: { name, values: [its] },
        })
      row('resident memory after it', ours!.residentMb, residentMb)
      row('unreclaimable memory after it', ours!.unreclaimableMb, unreclaimableMb)
    }
  } finally {
    for (const server of servers) await server.stop()
  }
}

/** The second thread starts when the first serves already. */
async function twoServe(server: ServerProcess): Promise<void> {
  for (;;) {
    const status = (await askDaemon(server.runDir, '/status').catch(() => null)) as {
      threads?: { state: string }[]
    } | null
    if (status?.threads?.every(({ state }) => state === 'serving')) return
    await sleep(50)
  }
}
