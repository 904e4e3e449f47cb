import type { Query, StepResult } from '../query/query.ts'

/** The query chain, as listeners see it. */
export type Handler = (query: Query) => StepResult

export interface Listener {
  /** @throws SecureNetError LISTEN_IN_USE, LISTEN_FAILED naming address and port */
  start(): Promise<void>
  stop(): Promise<void>
}
