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
}

/** Whether the modem is there, by modem and not by line: a connection has one last will. */
export class Presence {
  readonly #topic: string
  readonly #bootId: string
  readonly #lines: readonly string[]
  #last: Buffer | undefined

  constructor({ modemId, bootId, lines }: PresenceOptions) {
    this.#topic = topics.presence(modemId)
    this.#bootId = bootId
    this.#lines = lines
  }

  /** For SessionOptions.presence. */
  readonly document = (session: number, online: boolean): { topic: string; payload: Buffer } => {
    const document: PresenceDocument = { bootId: this.#bootId, session, online, lines: this.#lines }
    return { topic: this.#topic, payload: Buffer.from(JSON.stringify(document)) }
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
      // Two modems under one name would answer each other for ever: the same stranger is answered once.
      if (this.#last?.equals(payload)) return undefined
      this.#last = payload
      session.publish(this.#topic, ours, { retain: true }).catch(() => undefined)
      return undefined
    })
  }
}
