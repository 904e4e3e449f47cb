import type { ClientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Answer } from '../dns/answer.ts'
import type { FillRandom } from './random-pool.ts'

/*
 * The way of a question, down, and of its reply, up:
 *
 *     exchange(question, done)                                          done(reply)
 *         |  the same question in flight? room to wait?                     ^
 *     Exchanger -> Transaction                                   Exchanger.settle
 *         |  no room at any server: FairQueue                               ^  accept
 *     Dispatcher.dispatch -> ServerList.pick   <-- ask again --   afterReply (retry-policy)
 *         |                                                                 ^
 *     Attempt: ID, case, OPT, cookie                             Receiver: its attempt by ID,
 *         |                                                      matchReply, ReplyFacts
 *     UdpSockets, TcpConnections                                            ^
 *         |                                                      UdpSockets, TcpConnections
 *         +------------------------> the resolver ---------------------------+
 *
 * A Transaction is one question and everyone who waits for it; an Attempt is one sending of it to one server. Silence and
 * broken sockets go the same way up: Dispatcher.onDue, afterSilence (retry-policy), then the next attempt or Exchanger.settle.
 */

/**
 * What came of one exchange. `answer` has been matched as RFC 5452 §9.1 says; its ID is arbitrary, and its question
 * is spelt as in the first of the exchanges that shared it. All of them get the same object: copy before patching.
 */
export type OnExchanged = (answer: Answer | null, failure: ExchangeFailure | null) => void

/** `timeout`: nobody answered in time; `network`: sockets failed; `overload`: our own in-flight limit; `unusable`: what came cannot be read. */
export type ExchangeFailure = 'timeout' | 'network' | 'overload' | 'stopped' | 'unusable'

export interface Exchange {
  /** Identical questions in flight share one exchange: equal keys, equal questions (name lower-cased, type, class, DO, CD). */
  key: string
  /** A well-formed query with exactly one question and one OPT (no options) as its last record; never modified. */
  message: Buffer
  /** Whom to count it against. */
  clientKey: ClientKey
  /** Over TCP at once: the client asked over TCP and wants the whole reply. */
  tcp: boolean
  /** Whose upstream is asked (`Views`); none: the common one. Exchanges of different views have different keys. */
  view?: number
  /** A name of the stock resolver's own, which none of the operator's resolvers knows. @default false */
  local?: boolean
}

export interface Upstream {
  /** Calls `done` exactly once, never before it returns. */
  exchange(exchange: Exchange, done: OnExchanged): void
  start(): Promise<void>
  stop(): Promise<void>
}

/** Where a resolver listens: a numeric address (a link-local one with its %zone) and a port. */
export interface ServerAddress {
  readonly address: string
  readonly port: number
}

export interface ServerStats extends ServerAddress {
  healthy: boolean
  inFlight: number
  replies: number
  timeouts: number
  refused: number
}

export interface UpstreamCounts {
  /** Exchanges asked for; `shared` of them joined one that was in flight. */
  exchanges: number
  shared: number
  timeouts: number
  retries: number
  /** Questions sent over TCP. */
  tcp: number
  /** Replies with an ID that nobody waits for: a guess at ours (RFC 5452 §9.2). */
  wrongId: number
  /** Everything else that was ignored: QR=0, header only, wrong question, wrong case, wrong cookie. */
  junk: number
  overloads: number
}

export interface UpstreamStats extends UpstreamCounts {
  inFlight: number
  queued: number
  servers: ServerStats[]
}

/** An upstream with a list of servers of its own. */
export interface ServersUpstream extends Upstream {
  /** Replaces the list; exchanges with a server that is gone move to another. */
  setServers(servers: readonly ServerAddress[]): void
  /** False while the list is empty: every exchange would fail with `network`. */
  readonly hasServers: boolean
  stats(): UpstreamStats
}

export interface UpstreamOptions {
  /** In order of preference: the first that is healthy and has room is asked. */
  servers: readonly ServerAddress[]
  /** For one try. */
  timeoutMs: number
  /** Questions in flight to one server. */
  inFlight: number
  clock: Clock
  log: Log
  random?: FillRandom
  /** UDP sockets to one server, 1 to 256. */
  sockets?: number
  tries?: number
  /** Everybody who may wait at once, queued ones included; half of them may be queued. */
  maxWaiting?: number
  tcpConnections?: number
  tcpIdleMs?: number
  /** What beyond-this-machine servers get (0x20, cookies, TCP after a wrong ID), for loopback too. */
  hardenLoopback?: boolean
}
