import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Link, Message, MessageHandler } from './link.ts'
import { type Trouble, UntilAnswered } from './until-answered.ts'

export interface StandingOptions {
  readonly clock: Clock
  readonly log: Log
  /** In [0, 1). */
  readonly random: () => number
  /** What says that this modem is there, now. */
  readonly present: () => { topic: string; payload: Buffer }
  /** The troubles are others than before. */
  readonly onChange: () => void
  /** Only another connection may help. */
  readonly onPersists: (code: string) => void
}

/** What stands from one connection to the next: the subscriptions, and the messages that the broker is to retain. */
export class Standing {
  readonly #options: StandingOptions
  readonly #handlers = new Map<string, MessageHandler>()
  readonly #kept = new Map<string, Buffer>()
  readonly #subscriptions: UntilAnswered
  readonly #publications: UntilAnswered
  #link: Link | undefined

  constructor(options: StandingOptions) {
    this.#options = options
    this.#subscriptions = new UntilAnswered({
      ...options,
      what: 'subscribe',
      ask: (link, topics) => link.subscribe(topics),
    })
    this.#publications = new UntilAnswered({
      ...options,
      what: 'publish',
      ask: (link, topics) => this.#publish(link, topics),
    })
  }

  /** Topics that the broker does not let us hear. */
  get unheard(): readonly Trouble[] {
    return this.#subscriptions.troubles
  }

  /** Topics that the broker does not take from us. */
  get untold(): readonly Trouble[] {
    return this.#publications.troubles
  }

  connected(link: Link): void {
    this.#link = link
    this.#subscriptions.connected(link, [...this.#handlers.keys()])
    this.#publications.connected(link, [this.#options.present().topic, ...this.#kept.keys()])
  }

  disconnected(): void {
    this.#link = undefined
    this.#subscriptions.disconnected()
    this.#publications.disconnected()
  }

  subscribe(topic: string, handler: MessageHandler): void {
    this.#handlers.set(topic, handler)
    this.refresh([topic])
  }

  unsubscribe(topic: string): void {
    this.#handlers.delete(topic)
    this.#subscriptions.forget(topic)
    this.#link?.unsubscribe(topic).catch(() => undefined)
  }

  refresh(topics: readonly string[]): void {
    this.#subscriptions.want(topics)
  }

  keep(topic: string, payload: Buffer): void {
    this.#kept.set(topic, payload)
    this.#publications.want([topic])
  }

  sayPresent(): void {
    this.#publications.want([this.#options.present().topic])
  }

  dispatch(message: Message): Promise<void> | undefined {
    return this.#handlers.get(message.topic)?.(message)
  }

  /** The newest of each. @returns those that failed, with why */
  async #publish(link: Link, topics: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const failed = new Map<string, unknown>()
    const present = this.#options.present()
    const publish = (topic: string) => {
      const payload = topic === present.topic ? present.payload : this.#kept.get(topic)
      return payload && link.publish(topic, payload, { retain: true })
    }
    await Promise.all(topics.map((topic) => publish(topic)?.catch((error) => failed.set(topic, error))))
    return failed
  }
}
