import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { OpenBuilder } from '../store/builder-client.ts'
import type { Store } from '../store/store.ts'
import type { HealthGate } from './acceptance.ts'
import type { ChunkSource } from './chunk-source.ts'

export interface UpdaterOptions {
  /** `<dataDir>/list`; the updater's alone. */
  folder: string
  /** For LMDB's lock files, on a tmpfs (runDir); beside the list unless told. */
  lockFolder?: string
  /** list.name */
  list: string
  modemId: string
  lineId: string
  quotaBytes: number
  probationSeconds: number
  source: ChunkSource
  /** Default: on this thread. */
  openBuilder?: OpenBuilder
  /** ms between two chunks while a list serves; 0 where left out. */
  pauseMs?: number
  clock: Clock
  /** The time that it is at least, ms since 1970: a clock that is behind does not count. */
  floor: () => number
  log: Log
  gate: HealthGate
  /** 0 <= x < 1, for the jitter of retries. */
  random?: () => number
  /** The list that serves from now on; the former store is closed once this returns. */
  onSwitch: (store: Store | null) => void
  /** The newest head's allow list, also at start. */
  onAllow?: (names: readonly string[]) => void
  /** Something in status() that is worth reporting has changed. */
  onStatus?: () => void
}

export type UpdatePhase = 'idle' | 'waiting' | 'downloading' | 'verifying' | 'probation'

export interface UpdateStatus {
  /** Of the list that serves, or null. */
  version: number | null
  names: number
  /** Of the newest head. */
  sequence: number
  /** Seconds since 1970; 0 while there was no head. */
  expires: number
  /** The newest head has expired; the list goes on serving. */
  stale: boolean
  phase: UpdatePhase
  /** Chunks of the update at work. */
  progress: { done: number; of: number }
  /** Stable code of what went wrong last, until an update succeeds. */
  lastError: string | null
  failedVersions: readonly number[]
}
