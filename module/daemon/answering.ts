import { LocalNetworks } from '../base/local-networks.ts'
import { TcpListener } from '../listener/tcp.ts'
import { UdpListener } from '../listener/udp.ts'
import { addonBeside, loadBatchAddon } from '../platform/batch/addon.ts'
import type { Cache } from '../query/cache.ts'
import type { QueryPolicy } from '../query/policy.ts'
import type { Query } from '../query/query.ts'
import { createQueryCounts, createQueryPipeline } from '../query-pipeline.ts'
import type { QueryCounts } from '../telemetry/query-counts.ts'
import type { BlockedName } from '../threads/messages.ts'
import { createQueryThreads, type QueryThreads } from '../threads/query-threads.ts'
import { sharedSockets } from '../threads/shared-sockets.ts'
import { ModemUpstream } from '../upstream/modem-upstream.ts'
import type { Context } from './context.ts'
import type { Part } from './lifecycle.ts'
import { OperatorResolvers } from './operator-resolvers.ts'

export interface AnsweringOptions {
  readonly policy: QueryPolicy
  /** Logical interfaces that may carry the traffic now. */
  readonly uplinks: () => readonly string[]
  /** A name was blocked for a client, in this thread or another. */
  readonly onBlocked: (blocked: Query | BlockedName) => void
}

/** What answers queries, from the sockets to the resolver upstream. */
export interface Answering {
  readonly counts: QueryCounts
  readonly threads: QueryThreads | null
  readonly upstream: ModemUpstream
  readonly resolvers: OperatorResolvers
  readonly cache: Cache
  readonly networks: LocalNetworks
  /** In order of start. */
  readonly parts: readonly (readonly [string, Part])[]
}

/** Query threads beside this one, if the configuration asks for them. Told of changes before they run, too. */
function createThreads(context: Context, counts: QueryCounts, onBlocked: AnsweringOptions['onBlocked']) {
  const { config, program, clock, log } = context
  const onCounted: QueryCounts['add'] = (counted) => counts.add(counted)
  return createQueryThreads(config, program, { clock, log, onCounted, onBlocked })
}

export function createAnswering(context: Context, options: AnsweringOptions): Answering {
  const { config, clock, log, program } = context
  const { dns } = config
  const { policy, uplinks, onBlocked } = options
  const counts = createQueryCounts(config, clock, onBlocked)
  const threads = createThreads(context, counts, onBlocked)
  const networks = new LocalNetworks({ clock })
  const upstream = new ModemUpstream({
    ...config.upstream,
    networks,
    sharedBy: dns.threads,
    clock,
    log,
  })
  const resolvers = new OperatorResolvers({
    areAsked: upstream.asksOperator,
    interfaces: uplinks,
    use: (addresses) => {
      upstream.setResolvers(addresses)
      threads?.change({ resolvers: addresses })
    },
    log,
  })
  const serving = createQueryPipeline({ config, policy, upstream, counts, networks, clock })
  const { handle, cache, clients, waitMs } = serving
  const addon = loadBatchAddon(addonBeside(program), (why) => log.info('udp-batch-off', { why }))
  const onUnanswerable = () => counts.receiveUnanswerable()
  const udp = dns.listen.map(
    ({ address, port }) => new UdpListener({ address, port, handle, onUnanswerable, log, addon }),
  )
  const tcp = dns.listen.map(
    ({ address, port }) =>
      new TcpListener({
        ...{ address, port, handle, clients, waitMs, clock, log },
        connections: dns.limits.tcpConnections,
        connectionsPerClient: dns.limits.tcpConnectionsPerClient,
        idleSeconds: dns.limits.tcpIdleSeconds,
      }),
  )
  const parts: [string, Part][] = [
    ['upstream', upstream],
    ['resolvers', resolvers],
    ...udp.map((part): [string, Part] => [`udp ${part.address}`, part]),
    ...tcp.map((part, i): [string, Part] => [`tcp ${dns.listen[i]?.address}`, part]),
  ]
  if (threads)
    parts.push(['threads', { start: () => threads.start(sharedSockets(udp)), stop: () => threads.stop() }])
  return { counts, threads, upstream, resolvers, cache, networks, parts }
}
