import type { Clock } from '../base/clock.ts'
import { SecureNetError } from '../base/error.ts'
import { SerialQueue } from '../base/serial-queue.ts'
import type { ChunkRef } from '../blocklist/format/chunk-ref.ts'
import type { ChunkSource } from '../blocklist/update/chunk-source.ts'
import type { Session } from './mqtt/session.ts'
import { chunkTopic } from './mqtt/topics.ts'

export interface ListFeedOptions {
  session: Pick<Session, 'subscribe' | 'unsubscribe'>
  clock: Clock
  /** list.chunkTimeoutMs */
  timeoutMs: number
}

/**
 * Chunks over MQTT: one topic at a time is subscribed until its retained message has come. Where the connection breaks
 * meanwhile, the session subscribes again at the next connect; the time-out runs on.
 */
export class ListFeed implements ChunkSource {
  readonly #options: ListFeedOptions
  readonly #queue = new SerialQueue()

  constructor(options: ListFeedOptions) {
    this.#options = options
  }

  /** @throws SecureNetError LIST_CHUNK_MISSING */
  fetch(ref: ChunkRef): Promise<Buffer> {
    return this.#queue.run(() => this.#fetch(chunkTopic(ref)))
  }

  #fetch(topic: string): Promise<Buffer> {
    const { session, clock, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => {
        session.unsubscribe(topic)
        reject(
          new SecureNetError(
            'LIST_CHUNK_MISSING',
            `${topic}: no chunk came within ${timeoutMs} ms`,
            'Publish the list again: every chunk must be retained before its head.',
          ),
        )
      })
      session.subscribe(topic, ({ payload }) => {
        // An empty retained message is the removal of one: no chunk.
        if (payload.length === 0) return undefined
        timer.cancel()
        session.unsubscribe(topic)
        resolve(payload)
        return undefined
      })
    })
  }
}
