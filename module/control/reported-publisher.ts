import type { Clock, Timer } from '../base/clock.ts'
import type { Session } from './mqtt/session.ts'
import { topics } from './mqtt/topics.ts'
import type { Reported } from './reported.ts'

export interface ReportedPublisherOptions {
  session: Pick<Session, 'keep'>
  clock: Clock
  /** Measures and builds; called at the moment of publication, so that nothing old is said. */
  build: (lineId: string) => Reported
}

/** Changes of one moment become one report. */
const GATHER_MS = 20
const RATE = { perSecond: 5, burst: 3 }

interface LineFeed {
  timer?: Timer
  /** Reports that may go out now; below one, the next waits. */
  tokens: number
  filled: number
  last: string
  forced: boolean
}

/**
 * Reports soon after a change (20 ms), and only where something differs; where changes keep coming, five times a second
 * with the newest.
 */
export class ReportedPublisher {
  readonly #options: ReportedPublisherOptions
  readonly #feeds = new Map<string, LineFeed>()
  #stopped = false

  constructor(options: ReportedPublisherOptions) {
    this.#options = options
  }

  /** @param force report even where nothing differs: a repeated order asks for it */
  changed(lineId: string, force = false): void {
    if (this.#stopped) return
    const { clock } = this.#options
    const now = clock.monotonic()
    const feed = this.#feeds.get(lineId) ?? { tokens: RATE.burst, filled: now, last: '', forced: false }
    this.#feeds.set(lineId, feed)
    feed.forced ||= force
    if (feed.timer) return
    feed.tokens = Math.min(RATE.burst, feed.tokens + ((now - feed.filled) / 1000) * RATE.perSecond)
    feed.filled = now
    const missing = Math.max(0, 1 - feed.tokens)
    feed.timer = clock.after(Math.max(GATHER_MS, (missing / RATE.perSecond) * 1000), () => {
      delete feed.timer
      this.#publish(lineId, feed)
    })
  }

  stop(): void {
    this.#stopped = true
    for (const feed of this.#feeds.values()) feed.timer?.cancel()
  }

  #publish(lineId: string, feed: LineFeed): void {
    const report = this.#options.build(lineId)
    const content = JSON.stringify({ ...report, at: 0, clock: { ...report.clock, floor: 0 } })
    if (content === feed.last && !feed.forced) return
    feed.last = content
    feed.forced = false
    feed.tokens--
    this.#options.session.keep(topics.reported(lineId), Buffer.from(JSON.stringify(report)))
  }
}
