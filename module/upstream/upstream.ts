/** What came of one exchange. `reply` has been matched as RFC 5452 §9.1 says; its ID is arbitrary. */
export type ExchangeDone = (reply: Buffer | null, failure: ExchangeFailure | null) => void

/** `timeout`: nobody answered in time; `network`: sockets failed; `overload`: our own in-flight limit. */
export type ExchangeFailure = 'timeout' | 'network' | 'overload' | 'stopped'

export interface Exchange {
  /** Identical questions in flight share one exchange: equal keys, equal questions (name lower-cased, type, class, DO, CD). */
  key: string
  /** A well-formed query with exactly one question and one OPT (no options) as its last record; never modified. */
  message: Buffer
  /** Whom to count it against: the client's address, IPv6 as its /64. */
  clientKey: string
  /** Over TCP at once: the client asked over TCP and wants the whole reply. */
  tcp: boolean
}

export interface Upstream {
  /** Calls `done` exactly once, never before it returns. */
  exchange(exchange: Exchange, done: ExchangeDone): void
  start(): Promise<void>
  stop(): Promise<void>
}
