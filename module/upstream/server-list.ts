import { backoff } from '../base/backoff.ts'
import { isOwnClientKey } from '../base/client-key.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Transaction, UpstreamServer } from './transaction.ts'
import type { ServerAddress } from './upstream.ts'

/** Of so many in flight one is kept for the module's own questions. */
const OWN_SHARE = 16
const probing = { firstMs: 1000, longestMs: 30_000 }

function rankOf(server: UpstreamServer, transaction: Transaction): number {
  const tried = transaction.tried.length > 0 && transaction.tried.includes(server)
  return (server.healthy ? 0 : 2) + (tried ? 1 : 0)
}

/** The servers in order of preference, and their health. */
export class ServerList {
  all: UpstreamServer[] = []
  readonly #limit: number
  /** What clients may have of it. */
  readonly #clientLimit: number
  readonly #clock: Clock
  readonly #log: Log
  readonly #probe: (server: UpstreamServer) => void

  constructor(options: {
    inFlight: number
    clock: Clock
    log: Log
    probe: (server: UpstreamServer) => void
  }) {
    this.#limit = options.inFlight
    this.#clientLimit = options.inFlight - Math.floor(options.inFlight / OWN_SHARE)
    this.#clock = options.clock
    this.#log = options.log
    this.#probe = options.probe
  }

  /** @returns the servers that are no longer in the list; the caller closes them */
  set(wanted: readonly ServerAddress[], make: (where: ServerAddress) => UpstreamServer): UpstreamServer[] {
    const before = this.all
    this.all = []
    for (const where of wanted) {
      const same = (server: UpstreamServer) => server.address === where.address && server.port === where.port
      if (!this.all.some(same)) this.all.push(before.find(same) ?? make(where))
    }
    const gone = before.filter((server) => !this.all.includes(server))
    for (const server of gone) server.removed = true
    return gone
  }

  /**
   * The first that is healthy and new to this question, else healthy, else any: with all of them failing, asking is
   * the quickest way to see one recover.
   *
   * @returns `full`: to wait for room; null: no server is left
   */
  pick(transaction: Transaction): UpstreamServer | 'full' | null {
    const limit = this.#limitOf(isOwnClientKey(transaction.clientKey))
    let best: UpstreamServer | null = null
    let bestRank = 4
    let full = false
    let healthyFull = false
    for (const server of this.all) {
      if (transaction.dead.length > 0 && transaction.dead.includes(server)) continue
      if (server.inFlight >= limit) {
        full = true
        if (server.healthy) healthyFull = true
        continue
      }
      const rank = rankOf(server, transaction)
      if (rank === 0) return server
      if (rank < bestRank) {
        best = server
        bestRank = rank
      }
    }
    if (best && (best.healthy || !healthyFull)) return best
    return full ? 'full' : null
  }

  #limitOf(isOwn: boolean): number {
    return isOwn ? this.#limit : this.#clientLimit
  }

  /** @returns whether a waiting question, the module's own or a client's, would be sent, or failed for want of any server, now */
  hasRoom(isOwn: boolean): boolean {
    if (this.all.length === 0) return true
    let failingRoom = false
    let healthyFull = false
    for (const server of this.all) {
      const room = server.inFlight < this.#limitOf(isOwn)
      if (server.healthy && room) return true
      if (server.healthy) healthyFull = true
      else if (room) failingRoom = true
    }
    return failingRoom && !healthyFull
  }

  /** @returns whether a healthy server other than this one could still be asked */
  another(server: UpstreamServer, transaction: Transaction): boolean {
    return this.all.some(
      (other) =>
        other !== server &&
        other.healthy &&
        !transaction.tried.includes(other) &&
        !transaction.dead.includes(other),
    )
  }

  failed(server: UpstreamServer, why: string, atOnce: boolean): void {
    if (!server.failed(atOnce)) return
    this.#log.warn('upstream-failing', { server: server.address, port: server.port, why })
    this.scheduleProbe(server)
  }

  answered(server: UpstreamServer): void {
    if (!server.answered()) return
    this.#log.info('upstream-recovered', { server: server.address, port: server.port })
  }

  /** A failing server is asked again and again, ever less often, until it answers. */
  scheduleProbe(server: UpstreamServer): void {
    if (server.healthy || server.removed) return
    this.#clock.after(backoff(++server.probes, probing), () => {
      if (!server.healthy && !server.removed) this.#probe(server)
    })
  }
}
