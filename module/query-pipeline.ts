import { randomInt } from 'node:crypto'
import { addressBytes } from './base/address.ts'
import { isLoopback } from './base/address-class.ts'
import { Clients } from './base/clients.ts'
import type { Clock } from './base/clock.ts'
import { SecureNetError } from './base/error.ts'
import type { LocalNetworks } from './base/local-networks.ts'
import type { Config } from './config/config.ts'
import { isWithin, nameFromText } from './dns/name.ts'
import type { Handler } from './listener/handler.ts'
import { createAnswerInspector } from './query/answer-inspector.ts'
import { createBlockedReply } from './query/blocked.ts'
import { Cache } from './query/cache.ts'
import { createChain } from './query/chain.ts'
import type { UpstreamPort } from './query/forward.ts'
import { Nat64 } from './query/nat64.ts'
import type { QueryPolicy } from './query/policy.ts'
import type { Query } from './query/query.ts'
import { createRateLimit } from './query/rate-limit.ts'
import { type OwnDataPort, SecondLook } from './query/second-look.ts'
import { QueryCounts } from './telemetry/query-counts.ts'

/** One thread's way of a query, from config. */
export interface QueryPipeline {
  /** For listeners: what clients ask is counted. */
  handle: Handler
  /** For the self-test's own questions, which are nobody's browsing. */
  handleUncounted: Handler
  cache: Cache
  clients: Clients
  /** As `Pace.waitMs`, for connections. */
  waitMs: (address: string) => number
}

export interface QueryPipelineOptions {
  config: Config
  policy: QueryPolicy
  /** With whose upstream a client gets; null: all get the same. */
  upstream: UpstreamPort & {
    readonly viewOf: ((client: string) => number) | null
    readonly ownData: OwnDataPort
  }
  counts: QueryCounts
  networks: LocalNetworks
  clock: Clock
}

/** The service addresses: the self-test asks from them. */
const serviceAddressesOf = ({ dns }: Config): string[] =>
  dns.listen.map(({ address }) => address).filter((address) => !isLoopback(address))

/** @throws SecureNetError CONFIG_INVALID */
function wireOf(text: string): Buffer {
  const name = nameFromText(text)
  if (!name)
    throw new SecureNetError('CONFIG_INVALID', `"${text}" is not a name`, 'Correct it in the configuration.')
  return name
}

/** @param onBlocked something of a client's was blocked; `Question.name` is its name */
export function createQueryCounts(
  config: Config,
  clock: Clock,
  onBlocked: (query: Query) => void,
): QueryCounts {
  return new QueryCounts({
    clock,
    ownAddresses: serviceAddressesOf(config),
    testZone: wireOf(config.dns.testZone),
    onBlocked,
  })
}

/**
 * Puts the parts of the chain together, in the main thread and in each query thread alike. What the household may use in
 * all (cache, limits) is shared out evenly: the kernel gives a datagram to whichever thread is free.
 */
export function createQueryPipeline({
  config,
  policy,
  upstream,
  counts,
  networks,
  clock,
}: QueryPipelineOptions): QueryPipeline {
  const { dns, page } = config
  const blocked = createBlockedReply({
    ipv4: addressBytes(page.ipv4),
    ipv6: page.ipv6 === undefined ? null : addressBytes(page.ipv6),
    pageUrl: `http://${page.ipv4}/`,
    ttl: dns.blockTtl,
    structuredErrors: dns.structuredErrors,
    operator: page.branding.service,
  })
  const { zones, hosts, asked, rebindProtection } = dns.household
  const localZones = [...dns.localZones, ...zones]
  const exempt = [...localZones, ...dns.rebindExempt, ...asked].map(wireOf)
  const rebindExempt = (name: Uint8Array, length: number) =>
    exempt.some((zone) => isWithin(name, length, zone))
  const nat64 = new Nat64()
  const cache = new Cache({
    clock,
    bytes: Math.floor(dns.cacheBytes / dns.threads),
    seed: randomInt(2 ** 32),
  })
  const clients = new Clients(networks, serviceAddressesOf(config))
  const rateLimit = createRateLimit({
    clock,
    clients,
    queriesPerSecond: dns.limits.queriesPerSecond,
    burst: dns.limits.burst,
    sharedBy: dns.threads,
  })
  const chain = createChain({
    ...{ policy, clock, clients, blocked, upstream, rateLimit },
    cache,
    inspect: createAnswerInspector({
      ...{ policy, blocked, rebindProtection: dns.rebindProtection, rebindExempt, nat64 },
      warningPages: config.upstream.warningPages,
      heldByStock:
        rebindProtection &&
        config.upstream.mode === 'stock' &&
        config.upstream.servers.every(({ address }) => isLoopback(address)),
    }),
    secondLook: new SecondLook({ upstream, ownData: upstream.ownData, nat64, clock }),
    localZones,
    household: { hosts, asked },
    refuseBypass: dns.resolverBypass,
    viewOf: upstream.viewOf,
    observe: (query) => counts.observe(query),
  })
  return {
    ...{ cache, clients },
    waitMs: (address) => rateLimit.waitMs(address),
    handleUncounted: chain,
    handle: (query) => {
      counts.receive(query)
      return chain(query)
    },
  }
}
