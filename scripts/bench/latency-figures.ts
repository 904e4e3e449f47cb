import { join } from 'node:path'
import { type Driven, drive, quantile } from './dnsperf.ts'
import { type Bench, inTurn, makeStock, module, up } from './field.ts'
import { BLOCK_ADDRESS } from './peers.ts'
import type { Goal } from './report.ts'
import type { ServerProcess } from './server-process.ts'
import { type Kind, linesOf, writeTraffic } from './traffic.ts'

const shares = [
  ['p50', 0.5],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const

interface LatencyFigure {
  figure: string
  kind: Kind
  rate: number
  /** What p99 may be above asking the stock resolver directly. */
  goal?: Goal
}

let runs = 0

async function measure(
  bench: Bench,
  servers: readonly ServerProcess[],
  options: LatencyFigure,
): Promise<void> {
  const { figure, kind, rate, goal } = options
  const seconds = bench.seconds * 2
  const once = (server: ServerProcess): Promise<Driven> => {
    const lines = linesOf(
      kind,
      bench.world,
      kind === 'cached' ? 2000 : rate * seconds,
      `l${(runs++).toString(36)}x`,
    )
    const file = writeTraffic(join(bench.folder, 'traffic-latency'), lines)
    return drive(server, { file, seconds, rate, clients: 4, latencies: true })
  }
  const warming = writeTraffic(
    join(bench.folder, 'traffic-warm'),
    linesOf('cached', bench.world, 2000, 'warm'),
  )
  for (const server of servers) await drive(server, { file: warming, seconds: 2, rate: 5000 })
  const samples = await inTurn(bench.rounds, servers, once)
  const [ours, theirs] = servers.map(({ name }) => samples.get(name)!)
  for (const [name, share] of shares) {
    const at = (driven: readonly Driven[]) => driven.map(({ latencies }) => quantile(latencies, share))
    bench.found({
      figure: `${figure}, ${rate} q/s: ${name}`,
      unit: 'ms',
      ours: at(ours!),
      peer: { name: servers[1]!.name, values: at(theirs!) },
      ...(goal && name === 'p99' ? { goal } : {}),
    })
  }
}

/** Against asking the stock resolver directly: what the household would have without us. */
export async function measureLatency(bench: Bench): Promise<void> {
  const stock = await up(await makeStock(bench), 'ready.example', '192.0.2.1')
  const ours = await up(
    await module(bench, { upstream: stock.port }),
    bench.prepared.names[0]!,
    BLOCK_ADDRESS,
  )
  const added = (ms: number): Goal => ({ of: 'difference', most: ms })
  try {
    const servers = [ours, stock]
    await measure(bench, servers, { figure: 'latency, hits', kind: 'cached', rate: 500, goal: added(0.3) })
    await measure(bench, servers, { figure: 'latency, hits', kind: 'cached', rate: 5000 })
    await measure(bench, servers, { figure: 'latency, misses', kind: 'misses', rate: 500, goal: added(1) })
    await measure(bench, servers, { figure: 'latency, mixed', kind: 'mixed', rate: 500 })
  } finally {
    await ours.stop()
    await stock.stop()
  }
}
