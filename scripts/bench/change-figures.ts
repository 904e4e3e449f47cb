import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { household } from '../household/module-config.ts'
import { ModuleWatch } from '../household/watch-module.ts'
import { drive, quantile } from './dnsperf.ts'
import { type Bench, makeStock, module, up } from './field.ts'
import { BLOCK_ADDRESS } from './peers.ts'
import { announce, openBroker, publish, publishOnlyChunks } from './prepared-list.ts'
import { linesOf, writeTraffic } from './traffic.ts'

const RATE = 500
const STILL_SECONDS = 30
/** Longer than the change: what is measured is all of it, and little else. */
const CHANGE_SECONDS = 70

/** @throws Error where the module has not reported the version by the end of the drive that began at `from` */
async function untilReported(
  watch: ModuleWatch,
  version: number,
  from: number,
  ours: { log(): string },
): Promise<void> {
  while (watch.reported?.list?.version !== version) {
    if (performance.now() - from > CHANGE_SECONDS * 1000)
      throw new Error(
        `the list did not change within ${CHANGE_SECONDS} s (${household.lineId}):\n${ours.log()}`,
      )
    await sleep(50)
  }
}

/** The whole list is replaced by a snapshot under another key while the household goes on asking. */
export async function measureChange(bench: Bench): Promise<void> {
  const { broker, url, stop } = await openBroker()
  await publish(bench.prepared.home, broker, 1)
  const stock = await up(await makeStock(bench), 'ready.example', '192.0.2.1')
  const ours = await module(bench, { upstream: stock.port, mqttUrl: url })
  await up(ours, bench.prepared.names[0]!, BLOCK_ADDRESS)
  const watch = new ModuleWatch(() => undefined)
  await watch.start(broker)
  const file = writeTraffic(join(bench.folder, 'traffic-change'), linesOf('cached', bench.world, 2000, 'c'))
  const options = { file, rate: RATE, clients: 4, latencies: true }
  try {
    await publishOnlyChunks(bench.prepared.home, broker, 2)
    await drive(ours, { file, seconds: 2 })
    await sleep(1000)
    const still = await drive(ours, { ...options, seconds: STILL_SECONDS })
    const before = ours.cpuSeconds()
    const driven = drive(ours, { ...options, seconds: CHANGE_SECONDS })
    const from = performance.now()
    await announce(bench.prepared.home, broker, 2)
    await untilReported(watch, 2, from, ours)
    const changeMs = performance.now() - from
    const changing = await driven
    const found = (figure: string, share: number) =>
      bench.found({
        figure: `list change, ${RATE} q/s: ${figure}`,
        unit: 'ms',
        ours: [quantile(changing.latencies, share)],
        peer: { name: 'no change', values: [quantile(still.latencies, share)] },
        ...(share === 0.99 ? { goal: { of: 'ratio', most: 2 } as const } : {}),
        ...(share === 1 ? { goal: { of: 'ours', most: 20 } as const } : {}),
      })
    for (const [figure, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
      ['p99.9', 0.999],
      ['longest', 1],
    ] as const)
      found(figure, share)
    bench.found({ figure: 'list change: publication to report', unit: 'ms', ours: [changeMs] })
    bench.found({ figure: 'list change: CPU', unit: 's', ours: [ours.cpuSeconds() - before] })
    bench.found({
      figure: 'list change: lost',
      unit: 'queries',
      ours: [changing.lost],
      goal: { of: 'ours', most: 0 },
    })
  } finally {
    await ours.stop()
    await stock.stop()
    await stop()
  }
}
