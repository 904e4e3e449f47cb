import { setTimeout as sleep } from 'node:timers/promises'
import { SecureNetError } from '../../module/base/error.ts'
import { type FleetBackend, now } from './backend.ts'
import { perSecond, type Quantiles, quantiles } from './figures.ts'
import type { Mosquitto } from './mosquitto.ts'
import type { FleetEvent } from './worker.ts'
import type { Workers } from './workers.ts'

export interface FleetOptions {
  modems: number
  /** Modems that start, and orders that go out, a second. */
  rate: number
  /** Names of the list. */
  names: number
  /** Seconds over which the snapshot is spread. */
  spreadSeconds: number
  restart: boolean
  /** Seconds that the broker is away. */
  outageSeconds: number
}

/** What the broker has counted (MQTT bytes, without TCP and TLS), and what it took of the machine. */
export interface Cost {
  toModems: number
  fromClients: number
  brokerCpuMs: number
  brokerRssBytes: number
  fleetCpuMs: number
}

export interface PhaseResult {
  phase: string
  seconds: number
  cost?: Cost
  quantiles: Record<string, Quantiles>
  perSecond: Record<string, number[]>
  figures: Record<string, number>
}

/** Counters since the broker's start. */
type Reading = { received: number; sent: number; rssBytes: number; cpuMs: number; fleetMs: number }

export interface Fleet {
  /** At the end of the phase before. */
  reading?: Reading
  options: FleetOptions
  mosquitto: Mosquitto
  backend: FleetBackend
  workers: Workers
}

const PHASE_MS = 90_000

/** What is missing is an error: a figure of a part of the fleet would be read as that of the whole. */
async function allOf(
  { workers, options }: Fleet,
  what: string,
  since: number,
  matches: (event: FleetEvent) => boolean,
): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  const end = now() + PHASE_MS
  let seen = since
  for (;;) {
    for (; seen < workers.events.length; seen++) {
      const event = workers.events[seen]
      if (event && matches(event) && !found.has(event.index)) found.set(event.index, event.at)
    }
    if (found.size === options.modems) return found
    if (now() > end) {
      const why = [...new Set(workers.errors)].slice(0, 5).join('; ')
      const told = `${what}: ${found.size} of ${options.modems} modems within ${PHASE_MS / 1000} s. ${why}`
      throw new SecureNetError('FLEET_INCOMPLETE', told, 'Fewer modems, or a machine with less to do.')
    }
    await sleep(50)
  }
}

async function read({ backend, mosquitto, workers }: Fleet): Promise<Reading> {
  const traffic = await backend.traffic()
  return { ...traffic, ...mosquitto.use(), fleetMs: workers.total('cpuMs') }
}

/** Runs one phase between two readings of the counters. */
async function measured(
  fleet: Fleet,
  phase: string,
  act: () => Promise<Pick<PhaseResult, 'quantiles' | 'perSecond' | 'figures'>>,
): Promise<PhaseResult> {
  const before = fleet.reading ?? (await read(fleet))
  const begin = now()
  const result = await act()
  const seconds = Math.round((now() - begin) / 100) / 10
  const after = await read(fleet)
  fleet.reading = after
  const cost = {
    toModems: after.sent - before.sent,
    fromClients: after.received - before.received,
    brokerCpuMs: Math.round(after.cpuMs - before.cpuMs),
    brokerRssBytes: after.rssBytes,
    fleetCpuMs: Math.round(after.fleetMs - before.fleetMs),
  }
  return { phase, seconds, cost, ...result }
}

/** Modems start one after the other, as a region after a power cut does at best. */
export function join(fleet: Fleet, program: string, processes: number): Promise<PhaseResult> {
  return measured(fleet, 'join', async () => {
    const { workers, backend, mosquitto, options } = fleet
    const begin = now()
    workers.start(program, processes, {
      count: options.modems,
      url: mosquitto.url,
      rootsFile: backend.rootsFile,
      list: backend.list,
      keepaliveSeconds: 60,
      rate: options.rate,
    })
    const connected = await allOf(fleet, 'connected', 0, ({ version }) => version === undefined)
    return {
      quantiles: {},
      perSecond: { connections: perSecond([...connected.values()], begin) },
      figures: {},
    }
  })
}

/** @param rate orders a second */
export function order(
  fleet: Fleet,
  phase: string,
  service: 'enabled' | 'disabled',
  rate: number,
): Promise<PhaseResult> {
  return measured(fleet, phase, async () => {
    const { backend, options } = fleet
    const { applied, settled } = await backend.orderAll(options.modems, service, {
      rate,
      timeoutMs: PHASE_MS,
    })
    if (settled.length < options.modems)
      throw new SecureNetError(
        'FLEET_INCOMPLETE',
        `${phase}: ${applied.length} applied and ${settled.length} settled of ${options.modems}`,
        'Fewer modems, or a machine with less to do.',
      )
    return {
      quantiles: { 'order -> reported': quantiles(applied), 'order -> as ordered': quantiles(settled) },
      perSecond: {},
      figures: { ordersPerSecond: Number.isFinite(rate) ? rate : 0 },
    }
  })
}

export function publishList(
  fleet: Fleet,
  phase: string,
  list: { names: number; newKey: boolean; spreadSeconds: number },
): Promise<PhaseResult> {
  return measured(fleet, phase, async () => {
    const { backend, workers } = fleet
    const since = workers.events.length
    const { release, headAt } = await backend.publishList(list.names, list)
    const took = await allOf(fleet, phase, since, ({ version }) => version === release.version)
    const moments = [...took.values()]
    const [delta] = release.deltas
    const { bytes, chunks } = list.newKey || !delta ? release.snapshot : delta
    return {
      quantiles: { 'head -> taken': quantiles(moments.map((at) => at - headAt)) },
      perSecond: { taken: perSecond(moments, headAt) },
      figures: { listBytes: bytes, chunks: chunks.length, spreadSeconds: list.spreadSeconds },
    }
  })
}

/** The broker stops and starts: everybody is thrown out at one moment. */
export async function restart(fleet: Fleet): Promise<PhaseResult> {
  const { backend, mosquitto, workers, options } = fleet
  await backend.stop()
  const begin = now()
  await mosquitto.halt()
  await sleep(options.outageSeconds * 1000)
  const since = workers.events.length
  const attempts = workers.total('attempts')
  const up = now()
  await mosquitto.resume()
  const back = await allOf(fleet, 'back after the restart', since, ({ version }) => version === undefined)
  await backend.connect()
  const moments = [...back.values()]
  return {
    phase: 'broker restart',
    seconds: Math.round((now() - begin) / 100) / 10,
    quantiles: { 'broker back -> connected': quantiles(moments.map((at) => at - up)) },
    perSecond: { connections: perSecond(moments, up) },
    figures: { outageSeconds: options.outageSeconds, attempts: workers.total('attempts') - attempts },
  }
}
