import { type Clock, systemClock, type Timer } from './base/clock.ts'
import { LocalNetworks } from './base/local-networks.ts'
import { type Fields, type Level, type Log, levels } from './base/log.ts'
import { ListPolicy } from './blocklist/list-policy.ts'
import { createMatcher, type Matcher } from './blocklist/matcher.ts'
import { neverBlockCore } from './blocklist/never-block.ts'
import { openStore, type Store } from './blocklist/store/store.ts'
import type { Config } from './config/config.ts'
import { nameToText } from './dns/name.ts'
import { Question } from './dns/question.ts'
import { UdpListener } from './listener/udp.ts'
import { addonBeside, type BatchAddon, loadBatchAddon } from './platform/batch/addon.ts'
import { DROP, PENDING, Query } from './query/query.ts'
import { createQueryCounts, createQueryPipeline, type QueryPipeline } from './query-pipeline.ts'
import type { QueryCounts } from './telemetry/query-counts.ts'
import type {
  BlockedName,
  FromQueryThread,
  QueryState,
  QueryThreadData,
  SharedSocket,
  ToQueryThread,
} from './threads/messages.ts'
import { type TakeSockets, takeSharedSockets } from './threads/shared-sockets.ts'
import { type Channel, parentOf } from './threads/worker.ts'
import { ModemUpstream } from './upstream/modem-upstream.ts'

/** Counts go to the main thread so long after the first query that they hold. */
const REPORT_MS = 250
/** A flood of names is no news to a person; the page and notices keep no more than that either. */
const MAX_NAMES = 256

export interface QueryThreadOptions {
  config: Config
  sockets: readonly SharedSocket[]
  takeSockets: TakeSockets
  /** Null: datagrams go one by one. */
  addon: BatchAddon | null
  channel: Channel<FromQueryThread, ToQueryThread>
  /** It has stopped as it was told to. */
  onStopped: () => void
  clock: Clock
  log: Log
}

/**
 * One thread that answers queries with a chain, a cache, an upstream and a mapping of the list of its own. It decides
 * nothing: what it needs to know comes from the main thread, and what it has counted goes back.
 */
export class QueryThread {
  readonly #options: QueryThreadOptions
  readonly #matcher: Matcher
  readonly #policy: ListPolicy
  readonly #upstream: ModemUpstream
  readonly #counts: QueryCounts
  readonly #serving: QueryPipeline
  readonly #listeners: UdpListener[] = []
  #state: QueryState = { filtering: false, list: null, allow: [], resolvers: [] }
  #store: Store | null = null
  #starting: Promise<void> | null = null
  #timer: Timer | null = null
  #blocked: BlockedName[] = []

  constructor(options: QueryThreadOptions) {
    const { config, clock, log } = options
    const { dns, upstream } = config
    this.#options = options
    this.#matcher = createMatcher({ store: null, allow: [], core: [...neverBlockCore, ...dns.neverBlock] })
    this.#policy = new ListPolicy(this.#matcher, dns.resolverBypass)
    const networks = new LocalNetworks({ clock })
    this.#upstream = new ModemUpstream({
      ...upstream,
      networks,
      sharedBy: dns.threads,
      clock,
      log,
    })
    this.#counts = createQueryCounts(config, clock, (query) => this.#onBlocked(query))
    this.#serving = createQueryPipeline({
      config,
      policy: this.#policy,
      upstream: this.#upstream,
      counts: this.#counts,
      networks,
      clock,
    })
  }

  /** Serves once the first state has come; what throws ends the thread. */
  start(): void {
    this.#options.channel.onMessage((message) => this.#onMessage(message))
  }

  #onMessage(message: ToQueryThread): void {
    switch (message.kind) {
      case 'state':
        this.#apply(message.state)
        this.#starting ??= this.#serve()
        // Unhandled, it would end the thread all the same, without its cause.
        this.#starting.catch((error: unknown) =>
          setImmediate(() => {
            throw error
          }),
        )
        return
      case 'probe':
        this.#probe(message.id, message.question)
        return
      case 'wipe':
        this.#counts.wipe()
        this.#serving.cache.clear()
        this.#blocked = []
        this.#options.channel.post({ kind: 'wiped' })
        return
      case 'stop':
        void this.#stop()
    }
  }

  /** The list before the switch: a name must not be let through for want of it. */
  #apply(state: QueryState): void {
    const before = this.#state
    this.#state = state
    if (state.list !== before.list) {
      const former = this.#store
      this.#store = state.list === null ? null : openStore(state.list)
      this.#matcher.setStore(this.#store)
      void former?.close()
    }
    if (state.allow.join() !== before.allow.join()) this.#matcher.setAllow(state.allow)
    if (state.resolvers.join() !== before.resolvers.join()) this.#upstream.setResolvers(state.resolvers)
    this.#policy.filtering = state.filtering
  }

  async #serve(): Promise<void> {
    const { sockets, takeSockets, addon, channel, log } = this.#options
    await this.#upstream.start()
    await takeSockets(sockets, (socket, { address, port }) => {
      const listener = new UdpListener({
        ...{ address, port, log, addon },
        handle: (query) => this.#handle(query),
        onUnanswerable: () => {
          this.#reportSoon()
          this.#counts.receiveUnanswerable()
        },
      })
      listener.serve(socket)
      this.#listeners.push(listener)
    })
    channel.post({ kind: 'serving' })
  }

  #handle(query: Query) {
    this.#reportSoon()
    return this.#serving.handle(query)
  }

  #reportSoon(): void {
    this.#timer ??= this.#options.clock.after(REPORT_MS, () => this.#report())
  }

  #onBlocked(query: Query): void {
    const { category, reason, nameLength } = query
    if (reason === 'resolver-bypass' || this.#blocked.length >= MAX_NAMES) return
    this.#blocked.push({ name: nameToText(Question.name.subarray(0, nameLength)), category, reason })
  }

  #report(): void {
    this.#timer = null
    const blocked = this.#blocked
    this.#blocked = []
    this.#options.channel.post({ kind: 'counted', counted: this.#counts.take(), blocked })
  }

  #probe(id: number, question: Uint8Array): void {
    const reply = (bytes: Uint8Array | null) =>
      this.#options.channel.post({ kind: 'reply', id, reply: bytes })
    const query = new Query(Buffer.from(question), '127.0.0.1', 'udp')
    query.respond = reply
    const outcome = this.#serving.handleUncounted(query)
    if (outcome === PENDING) return
    reply(outcome === DROP || typeof outcome === 'symbol' ? null : outcome)
  }

  async #stop(): Promise<void> {
    await this.#starting
    for (const listener of this.#listeners) await listener.stop()
    await this.#upstream.stop()
    this.#timer?.cancel()
    this.#report()
    await this.#store?.close()
    this.#options.onStopped()
  }
}

/** Lines are the main thread's to write: support bundles want them too. */
function forwardingLog(least: Level, post: (message: FromQueryThread) => void): Log {
  const at =
    (level: Level) =>
    (event: string, fields: Fields = {}) => {
      if (levels.indexOf(level) >= levels.indexOf(least)) post({ kind: 'log', level, event, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** What this program does where it is loaded as a worker. */
export function runThread(): void {
  const { data, channel } = parentOf<QueryThreadData, FromQueryThread, ToQueryThread>()
  const { config, sockets, program } = data
  const log = forwardingLog(config.logLevel, channel.post)
  const thread = new QueryThread({
    config,
    sockets,
    takeSockets: takeSharedSockets,
    addon: loadBatchAddon(addonBeside(program), (why) => log.info('udp-batch-off', { why })),
    channel,
    onStopped: () => channel.close(),
    clock: systemClock,
    log,
  })
  thread.start()
}
