import type { Config } from '../config/config.ts'
import type { UdpListener } from '../listener/udp.ts'
import type { Log } from '../log.ts'
import type { Clock } from '../platform/clock.ts'
import type { SharedSocket } from './messages.ts'
import { QueryThreads, type QueryThreadsOptions } from './query-threads.ts'
import { startWorker } from './worker.ts'

export interface CreateOptions extends Pick<QueryThreadsOptions, 'onCounted' | 'onBlocked'> {
  config: Config
  /** This program's own file. */
  program: string
  /** Listening already, in the order of `dns.listen`. */
  sockets: readonly UdpListener[]
  clock: Clock
  log: Log
}

/** @returns null where Node does not tell a socket's descriptor: then the main thread serves alone */
export function createQueryThreads(options: CreateOptions): QueryThreads | null {
  const { config, program, sockets, clock, log, onCounted, onBlocked } = options
  const shared: SharedSocket[] = []
  for (const [i, { address, port }] of config.dns.listen.entries()) {
    const fd = sockets[i]?.descriptor ?? null
    if (fd === null) {
      log.error('threads-off', { why: 'this Node does not tell the descriptor of a socket' })
      return null
    }
    shared.push({ fd, type: address.includes(':') ? 'udp6' : 'udp4', address, port })
  }
  const data = { role: 'queries', config, sockets: shared } as const
  return new QueryThreads({
    count: config.dns.threads - 1,
    make: () => startWorker(program, data),
    clock,
    log,
    onCounted,
    onBlocked,
  })
}
