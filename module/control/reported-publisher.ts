import type { Clock, Timer } from '../platform/clock.ts'
import type { Reported } from './reported.ts'
import type { Session } from './session.ts'
import { topics } from './topics.ts'

export interface ReportedPublisherOptions {
  session: Pick<Session, 'keep'>
  clock: Clock
  /** Measures and builds; called at the moment of publication, so that nothing old is said. */
  build: (lineId: string) => Reported
}

/** Changes of one moment become one report. */
const GATHER_MS = 20
const LEAST_MS = 200

interface LineFeed {
  timer?: Timer
  at: number
  last: string
  forced: boolean
}

/** Reports soon after a change (20 ms), five times a second at most, and only where something differs. */
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
    const feed = this.#feeds.get(lineId) ?? { at: Number.NEGATIVE_INFINITY, last: '', forced: false }
    this.#feeds.set(lineId, feed)
    feed.forced ||= force
    if (feed.timer) return
    const { clock } = this.#options
    const wait = Math.max(GATHER_MS, feed.at + LEAST_MS - clock.monotonic())
    feed.timer = clock.after(wait, () => {
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
    feed.at = this.#options.clock.monotonic()
    this.#options.session.keep(topics.reported(lineId), Buffer.from(JSON.stringify(report)))
  }
}
