import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type FloorRole, floor, kernelFloors } from './floors.ts'
import { type ModuleOptions, startModule } from './module-under-test.ts'
import { dnsdist, dnsmasq, findProgram, type PeerOptions, unbound, unboundOrigin } from './peers.ts'
import type { PreparedList } from './prepared-list.ts'
import type { Measured } from './report.ts'
import type { ServerProcess } from './server-process.ts'
import type { World } from './traffic.ts'

/** What one run of the bench has: settings, the list and what of the field is up. */
export interface Bench {
  /** Temporary; gone after the run. */
  folder: string
  /** The bundle of this tool: floors are children of it. */
  script: string
  bundle: string
  rounds: number
  /** Of one drive. */
  seconds: number
  peers: readonly string[]
  prepared: PreparedList
  world: World
  origin: ServerProcess
  say: (text: string) => void
  /** Whole figures, as they are found. */
  found: (measured: Measured) => void
}

const peerMakers: Readonly<Record<string, (options: PeerOptions) => Promise<ServerProcess>>> = {
  dnsmasq,
  unbound,
  dnsdist,
}

let made = 0

/** A folder of its own for each process. */
export function ownFolder({ folder }: Pick<Bench, 'folder'>, name: string): string {
  const path = join(folder, `${name.replaceAll(' ', '-')}-${made++}`)
  mkdirSync(path, { recursive: true })
  return path
}

export async function makeOrigin(folder: string, script: string): Promise<ServerProcess> {
  if (findProgram('unbound')) return unboundOrigin(folder)
  return floor('origin', script, folder)
}

export async function module(
  bench: Bench,
  options: Partial<ModuleOptions> & { upstream?: number } = {},
): Promise<ServerProcess> {
  const name = options.name ?? 'securenet'
  return startModule({
    home: bench.prepared.home,
    bundle: bench.bundle,
    folder: ownFolder(bench, name),
    upstream: bench.origin.port,
    ...options,
  })
}

/** In-flight limit of `wan` mode's figures: the operator's resolvers take more than a dnsmasq's 150. */
export const WAN_IN_FLIGHT = 2000

/** Up and answering, with the list in force. */
export async function up(server: ServerProcess, listed: string, address: string): Promise<ServerProcess> {
  server.spawn()
  await server.answering(listed, address)
  return server
}

export async function makePeer(bench: Bench, name: string): Promise<ServerProcess> {
  const folder = ownFolder(bench, name)
  return peerMakers[name]!({ folder, listed: bench.prepared.names, upstream: bench.origin.port })
}

/** The modem's own resolver: a dnsmasq without a list. */
export async function makeStock(bench: Bench): Promise<ServerProcess> {
  return dnsmasq(
    { folder: ownFolder(bench, 'stock'), listed: [], upstream: bench.origin.port },
    'stock dnsmasq',
  )
}

export async function makeFloor(bench: Bench, role: FloorRole): Promise<ServerProcess> {
  return floor(role, bench.script, ownFolder(bench, role), bench.origin.port)
}

export async function makeKernelFloors(bench: Bench): Promise<ServerProcess[]> {
  return kernelFloors(ownFolder(bench, 'kernel floors'), bench.say)
}

/** unbound's always_null says 0.0.0.0. */
export function blockAddressOf(peer: string, blockAddress: string): string {
  return peer === 'unbound' ? '0.0.0.0' : blockAddress
}

/** Runs in turn, round by round (A B A B); one short drive each beforehand, for caches and compilers. */
export async function inTurn<T>(
  rounds: number,
  servers: readonly ServerProcess[],
  once: (server: ServerProcess, round: number) => Promise<T>,
): Promise<Map<string, T[]>> {
  const samples = new Map<string, T[]>(servers.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) samples.get(server.name)!.push(await once(server, round))
  }
  return samples
}
