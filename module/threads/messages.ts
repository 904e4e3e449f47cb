import type { Fields, Level } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { AnswerReason } from '../query/reason.ts'
import type { QueriesCounted } from '../telemetry/query-counts.ts'

/** A bound UDP socket of the main thread, by its descriptor. */
export interface SharedSocket {
  fd: number
  type: 'udp4' | 'udp6'
  address: string
  port: number
}

/** With what a query thread is made; nothing in it changes. */
export interface QueryThreadData {
  config: Config
  sockets: readonly SharedSocket[]
  /** This program's own file. */
  program: string
}

/** What verdicts and ways depend on; the main thread's word, sent whole whenever any of it changes. */
export interface QueryState {
  filtering: boolean
  /** The store that serves, as a path that nobody else makes anew; null while there is none. */
  list: string | null
  allow: readonly string[]
  /** `wan` mode: the operator's. */
  resolvers: readonly string[]
}

/** A block that the main thread must hear of by name: for the page, or for a notice. In memory alone, as there. */
export interface BlockedName {
  name: string
  category: number
  reason: AnswerReason
}

export type ToQueryThread =
  | { kind: 'state'; state: QueryState }
  /** A question of the self-test, through the thread's chain. */
  | { kind: 'probe'; id: number; question: Uint8Array }
  /** The line is terminated: nothing of the household stays. */
  | { kind: 'wipe' }
  | { kind: 'stop' }

export type FromQueryThread =
  /** It has the state and answers on every socket. */
  | { kind: 'serving' }
  /** All that was counted before is to be forgotten. */
  | { kind: 'wiped' }
  | { kind: 'counted'; counted: QueriesCounted; blocked: readonly BlockedName[] }
  | { kind: 'reply'; id: number; reply: Uint8Array | null }
  | { kind: 'log'; level: Level; event: string; fields: Fields }
