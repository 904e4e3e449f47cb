import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { findProgram } from './peers.ts'
import type { ServerProcess } from './server-process.ts'

export interface DriveOptions {
  /** Names and types, a question a line. */
  file: string
  seconds: number
  /** Sockets, each with a port of its own. */
  clients?: number
  /** Questions in flight, all clients together. */
  outstanding?: number
  /** Questions a second; as fast as it goes, unless told. */
  rate?: number
  mode?: 'udp' | 'tcp'
  /** Take the time of every question. */
  latencies?: boolean
}

export interface Driven {
  queriesPerSecond: number
  completed: number
  lost: number
  /** CPU of the server, microseconds a query. */
  cpuMicroseconds: number
  /** Ascending ms; empty unless asked for. */
  latencies: Float64Array
}

/** @param printed what dnsperf said, with `-v` a line a reply: `> NOERROR name type seconds` */
export function latenciesIn(printed: string): Float64Array {
  const times: number[] = []
  for (const [, seconds] of printed.matchAll(/^> \S+ \S+ \S+ ([\d.]+)$/gm)) times.push(Number(seconds) * 1000)
  return Float64Array.from(times).sort()
}

/** @param sorted ascending */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function figureIn(printed: string, label: string): number {
  return Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(printed)?.[1] ?? Number.NaN)
}

function argumentsFor(port: number, options: DriveOptions): string[] {
  const { file, seconds, clients = 16, outstanding = 100, rate, mode = 'udp', latencies = false } = options
  return [
    ...['-s', '127.0.0.1', '-p', String(port), '-d', file, '-l', String(seconds), '-m', mode],
    ...['-c', String(clients), '-q', String(outstanding), '-e', '-t', '3'],
    ...(rate ? ['-Q', String(rate)] : []),
    ...(latencies ? ['-v'] : []),
  ]
}

/** Runs dnsperf against one server and reads its CPU before and after. */
export async function drive(server: ServerProcess, options: DriveOptions): Promise<Driven> {
  const before = server.cpuSeconds()
  const child = spawn(findProgram('dnsperf')!, argumentsFor(server.port, options), {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(child, 'close')
  const cpu = server.cpuSeconds() - before
  const printed = Buffer.concat(chunks).toString()
  const completed = figureIn(printed, 'Queries completed')
  if (!(completed > 0))
    throw new Error(`dnsperf got no answer from ${server.name}:\n${printed.slice(-2000)}\n${server.log()}`)
  return {
    queriesPerSecond: figureIn(printed, 'Queries per second'),
    completed,
    lost: figureIn(printed, 'Queries lost'),
    cpuMicroseconds: (cpu * 1e6) / completed,
    latencies: options.latencies ? latenciesIn(printed) : new Float64Array(0),
  }
}
