import type { Clock } from '../../base/clock.ts'
import { outgoingJson } from './outgoing-json.ts'
import type { Session } from './session.ts'
import { topics } from './topics.ts'

/** What `modem/{modemId}/presence` says (schemas/presence.json). */
export interface PresenceDocument {
  bootId: string
  session: number
  online: boolean
  /** Of this modem; those that no modem names are shown as such by the operator's tool. */
  lines: readonly string[]
}

export interface PresenceOptions {
  modemId: string
  bootId: string
  lines: readonly string[]
  clock: Clock
}

/** Two modems under one name, or a broker that forges, would have us answer for ever. */
const ANSWER_MS = 60_000

/** Whether the modem is there, by modem and not by line: a connection has one last will. */
export class Presence {
  readonly #topic: string
  readonly #bootId: string
  readonly #lines: readonly string[]
  readonly #clock: Clock
  #answeredAt = Number.NEGATIVE_INFINITY
  #isDue = false

  constructor({ modemId, bootId, lines, clock }: PresenceOptions) {
    this.#clock = clock
    this.#topic = topics.presence(modemId)
    this.#bootId = bootId
    this.#lines = lines
  }

  /** For SessionOptions.presence. */
  readonly document = (session: number, online: boolean): { topic: string; payload: Buffer } => {
    const document: PresenceDocument = { bootId: this.#bootId, session, online, lines: this.#lines }
    return { topic: this.#topic, payload: Buffer.from(outgoingJson(document)) }
  }

  /**
   * The broker may publish the last will of an older connection after this one has said that it is there; whoever
   * reads would take us for lost. So we read what stands there and say it again where it is not ours.
   */
  attach(session: Pick<Session, 'subscribe' | 'publish' | 'status'>): void {
    session.subscribe(this.#topic, ({ payload, retained }) => {
      const status = session.status()
      const ours = this.document(status.session, true).payload
      // The retained copy that comes with the subscription was there before us: the publish at connect is on its way.
      if (!status.connected || retained || payload.equals(ours)) return undefined
      this.#answerSoon(session)
      return undefined
    })
  }

  /** At once, or when the minute since the last answer is over: what stands there then may be wrong for long. */
  #answerSoon(session: Pick<Session, 'publish' | 'status'>): void {
    if (this.#isDue) return
    this.#isDue = true
    const wait = Math.max(0, this.#answeredAt + ANSWER_MS - this.#clock.monotonic())
    this.#clock.after(wait, () => {
      this.#isDue = false
      const { connected, session: number } = session.status()
      if (!connected) return
      this.#answeredAt = this.#clock.monotonic()
      const { topic, payload } = this.document(number, true)
      session.publish(topic, payload, { retain: true }).catch(() => undefined)
    })
  }
}
