import type { Clock, Timer } from '../base/clock.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import { outgoingJson } from './mqtt/outgoing-json.ts'
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
  /** Of reports that may go out. */
  readonly bucket: TokenBucket
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
    const feed = this.#feeds.get(lineId) ?? {
      bucket: new TokenBucket(RATE, clock),
      last: '',
      forced: false,
    }
    this.#feeds.set(lineId, feed)
    feed.forced ||= force
    if (feed.timer) return
    feed.timer = clock.after(Math.max(GATHER_MS, feed.bucket.waitMs), () => {
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
    feed.bucket.take()
    this.#options.session.keep(topics.reported(lineId), Buffer.from(outgoingJson(report)))
  }
}
