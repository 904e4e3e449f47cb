import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { FillRandom } from './random-pool.ts'
import type { ServerAddress } from './upstream.ts'

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
