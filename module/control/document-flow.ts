import type { Clock, Timer } from '../base/clock.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { DocumentTarget, RoleKind } from './documents/verify.ts'

/**
 * Documents of one flow that are looked at, a second and at once. A signature costs up to 3 ms on a modem, and whoever holds
 * the broker, or one topic of it, can send thousands a second.
 */
const LOOKED_AT = { perSecond: 4, burst: 20 }

export interface DocumentFlowOptions {
  readonly topic: string
  readonly kind: 'keys' | Exclude<RoleKind, 'request'>
  readonly target: DocumentTarget
  readonly clock: Clock
}

/** One subscribed document, of which only the newest counts. */
export class DocumentFlow {
  readonly topic: string
  readonly kind: DocumentFlowOptions['kind']
  readonly target: DocumentTarget
  readonly #clock: Clock
  readonly #bucket: TokenBucket
  #waiting: { timer: Timer; resolve: (isNewest: boolean) => void } | undefined
  /** The last one, to be judged again when keys change. */
  payload: Buffer | undefined
  refused = false
  /** Number of the keys that this payload was judged by; none while it waits for its turn. */
  judgedBy: number | undefined

  constructor({ topic, kind, target, clock }: DocumentFlowOptions) {
    this.topic = topic
    this.kind = kind
    this.target = target
    this.#clock = clock
    this.#bucket = new TokenBucket(LOOKED_AT, clock)
  }

  /** @returns true once it may be looked at; false where a newer one has come before its turn */
  admit(payload: Buffer): Promise<boolean> {
    this.payload = payload
    this.judgedBy = undefined
    this.stop()
    if (this.#bucket.take()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = this.#clock.after(Math.ceil(this.#bucket.waitMs), () => {
        this.#waiting = undefined
        this.#bucket.take()
        resolve(true)
      })
      this.#waiting = { timer, resolve }
    })
  }

  /** What waits is not looked at. */
  stop(): void {
    this.#waiting?.timer.cancel()
    this.#waiting?.resolve(false)
    this.#waiting = undefined
  }
}
