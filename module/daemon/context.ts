import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config/config.ts'
import type { LogRing } from '../diagnostics/log-ring.ts'
import type { RunCommand } from '../platform/spawn.ts'

/** What every part of a modem may be given. */
export interface Context {
  readonly config: Config
  readonly log: Log
  /** The newest lines of `log`, for support bundles. */
  readonly ring: LogRing
  /** This program's own file, of which threads are made. */
  readonly program: string
  /** Names this start of the process. */
  readonly bootId: string
  readonly clock: Clock
  readonly run: RunCommand
  /** 0 <= x < 1, for jitter. */
  readonly random: () => number
}
