import { backoff } from '../../base/backoff.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { codeOf, messageOf } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Link } from './link.ts'

/** Something that the broker has not done, however often it was asked. */
export interface Trouble {
  readonly topic: string
  /** MQTT_SUBSCRIBE_REFUSED, MQTT_PUBLISH_REFUSED, MQTT_ANSWER_TIMEOUT, MQTT_PACKET_LIMIT */
  readonly code: string
}

export interface UntilAnsweredOptions {
  /** `subscribe` or `publish`: for the log. */
  readonly what: string
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** Asks for all of them; what it returns by topic has failed. */
  readonly ask: (link: Link, topics: readonly string[]) => Promise<ReadonlyMap<string, unknown>>
  /** The troubles are others than before. */
  readonly onChange: () => void
  /** Asking again does not help: another connection may, to another node of the broker. */
  readonly onPersists: (code: string) => void
}

const ASK_AGAIN = { firstMs: 2000, longestMs: 120_000 }
/** An access list that is loaded late, a node that starts: they need no other connection. */
const PERSISTS_MS = 300_000
/** What is denied for good is not worth a connection every five minutes, of every modem. */
const LONGEST_PERSISTS_MS = 3_600_000
/** A broker that does not answer twice is not there, though TCP be. */
const MAX_UNANSWERED = 2

interface State {
  readonly code: string
  readonly since: number
  readonly unanswered: number
}

/**
 * What was refused, or not answered, is asked again with back-off, for as long as it is wanted: a broker whose access list
 * was not ready must not leave a modem connected and deaf.
 */
export class UntilAnswered {
  readonly #options: UntilAnsweredOptions
  readonly #troubles = new Map<string, State>()
  #link: Link | undefined
  #timer: Timer | undefined
  #failures = 0
  #persistsMs = PERSISTS_MS

  constructor(options: UntilAnsweredOptions) {
    this.#options = options
  }

  get troubles(): readonly Trouble[] {
    return [...this.#troubles].map(([topic, { code }]) => ({ topic, code }))
  }

  /** @param wanted everything that the new connection is to be asked for */
  connected(link: Link, wanted: readonly string[]): void {
    this.#link = link
    this.want(wanted)
  }

  disconnected(): void {
    this.#link = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    this.#failures = 0
  }

  /** Asked for at once; without a connection at the next one. */
  want(topics: readonly string[]): void {
    const link = this.#link
    if (!link || topics.length === 0) return
    this.#options.ask(link, topics).then(
      (failed) => link === this.#link && this.#judge(topics, failed),
      () => undefined,
    )
  }

  /** It is not wanted any more. */
  forget(topic: string): void {
    if (this.#troubles.delete(topic)) this.#options.onChange()
  }

  #judge(topics: readonly string[], failed: ReadonlyMap<string, unknown>): void {
    const { log, what, onChange } = this.#options
    const before = JSON.stringify(this.troubles)
    for (const topic of topics) {
      const error = failed.get(topic)
      const known = this.#troubles.get(topic)
      if (error !== undefined) this.#note(topic, error, known)
      else if (known) {
        this.#troubles.delete(topic)
        log.info('mqtt-answered', { kind: what, topic })
      }
    }
    if (this.#troubles.size === 0) {
      this.#failures = 0
      this.#persistsMs = PERSISTS_MS
    }
    if (JSON.stringify(this.troubles) !== before) onChange()
    if (failed.size > 0) this.#again()
  }

  /** Said once, and again where it is another trouble. */
  #note(topic: string, error: unknown, known: State | undefined): void {
    const { clock, log, what } = this.#options
    const code = codeOf(error)
    if (known?.code !== code) log.warn('mqtt-refused', { kind: what, topic, code, message: messageOf(error) })
    const unanswered = code === 'MQTT_ANSWER_TIMEOUT' ? (known?.unanswered ?? 0) + 1 : 0
    this.#troubles.set(topic, { code, since: known?.since ?? clock.monotonic(), unanswered })
  }

  #again(): void {
    const { clock, random, onPersists } = this.#options
    const persists = [...this.#troubles.values()].find(
      ({ since, unanswered }) =>
        unanswered >= MAX_UNANSWERED || clock.monotonic() - since >= this.#persistsMs,
    )
    if (persists) {
      const now = clock.monotonic()
      for (const [topic, { code }] of this.#troubles)
        this.#troubles.set(topic, { code, since: now, unanswered: 0 })
      this.#persistsMs = Math.min(this.#persistsMs * 2, LONGEST_PERSISTS_MS)
      onPersists(persists.code)
      return
    }
    if (this.#timer) return
    this.#failures++
    const wait = backoff(this.#failures, ASK_AGAIN)
    this.#timer = clock.after((wait * (1 + random())) / 2, () => {
      this.#timer = undefined
      this.want([...this.#troubles.keys()])
    })
  }
}
