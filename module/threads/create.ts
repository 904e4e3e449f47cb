import type { Config } from '../config/config.ts'
import type { UdpListener } from '../listener/udp.ts'
import type { SharedSocket } from './messages.ts'
import { QueryThreads, type QueryThreadsOptions } from './query-threads.ts'
import { startWorker } from './worker.ts'

/**
 * @param program this program's own file
 * @returns null where the main thread answers alone
 */
export function createQueryThreads(
  config: Config,
  program: string,
  options: Omit<QueryThreadsOptions, 'count' | 'make'>,
): QueryThreads | null {
  if (config.dns.threads === 1) return null
  return new QueryThreads({
    ...options,
    count: config.dns.threads - 1,
    make: (sockets) => startWorker(program, { role: 'queries', config, sockets, program }),
  })
}

/** @returns none where this Node does not tell a socket's descriptor: then there is nothing to share */
export function sharedSockets(listeners: readonly UdpListener[]): SharedSocket[] {
  return listeners.flatMap(({ address, port, descriptor }) =>
    descriptor === null
      ? []
      : [{ fd: descriptor, type: address.includes(':') ? 'udp6' : 'udp4', address, port } as const],
  )
}
