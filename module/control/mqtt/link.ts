import type { IPublishPacket, MqttClient } from 'mqtt'
import type { Clock } from '../../base/clock.ts'
import { codeOf, SecureNetError } from '../../base/error.ts'
import { type BrokerLimits, mustFit, noLimits } from './broker-limits.ts'

/** One message as it came. */
export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly retained: boolean
  /** MQTT 5 §3.3.2.3.5; nothing on 3.1.1. */
  readonly responseTopic?: string
  readonly correlationData?: Buffer
}

/**
 * Takes a message. What it returns is acknowledged (PUBACK) when it resolves, and refused when it rejects; it must
 * return at once in either case.
 */
export type MessageHandler = (message: Message) => Promise<void> | undefined

export interface PublishOptions {
  retain?: boolean
  correlationData?: Buffer
}

/** More messages than this wait for nothing of ours: TCP itself then slows the broker down. */
export const MAX_UNSETTLED = 32
const PUBLISH_TIMEOUT_MS = 30_000
const IMPLEMENTATION_ERROR = 0x83
/** Some brokers take no more in one SUBSCRIBE (AWS IoT). */
const MAX_FILTERS = 8
/** Reason codes of refusals begin here. */
const REFUSED = 0x80

interface Acknowledgement {
  readonly messageId: number
  outcome?: 'taken' | 'failed'
}

/**
 * One connection's life, from the open stream to its end; never used again after it.
 *
 * MQTT.js acknowledges a QoS 1 message when the callback of `handleMessage` is called, and takes up no other packet
 * (not even PINGRESP) until then. So the callback is given an error at once, which makes it go on without PUBACK
 * (handlers/publish.js), and the PUBACK is sent here when the handler has settled, in the order of arrival
 * ([MQTT-4.6.0-2]). test/control/mqtt/session.test.ts proves it for the pinned version.
 */
export class Link {
  readonly #client: MqttClient
  readonly #handler: MessageHandler
  readonly #clock: Clock
  #acknowledgements: Acknowledgement[] = []
  #unsettled = 0
  #limits = noLimits
  #publishing = 0
  /** Publications that wait for one before them. */
  readonly #turns: (() => void)[] = []
  #resume: (() => void) | undefined
  #ended = false
  readonly #pending = new Set<(error: SecureNetError) => void>()

  constructor(client: MqttClient, handler: MessageHandler, clock: Clock) {
    this.#client = client
    this.#handler = handler
    this.#clock = clock
    client.handleMessage = (packet, callback) => this.#receive(packet, callback)
  }

  /** Nothing is acknowledged or awaited after this. */
  ended(): void {
    this.#ended = true
    for (const reject of [...this.#pending]) reject(lost())
    for (const resolve of this.#turns.splice(0)) resolve()
    this.#resume?.()
  }

  #receive(packet: IPublishPacket, callback: (error?: Error) => void): void {
    const taken = this.#handle(packet)
    const settle = (outcome: 'taken' | 'failed') => {
      this.#unsettled--
      if (entry) entry.outcome = outcome
      this.#acknowledge()
      if (this.#unsettled < MAX_UNSETTLED) this.#resume?.()
    }
    const entry: Acknowledgement | undefined =
      packet.qos === 1 && packet.messageId !== undefined ? { messageId: packet.messageId } : undefined
    if (entry) this.#acknowledgements.push(entry)
    this.#unsettled++
    taken.then(
      () => settle('taken'),
      () => settle('failed'),
    )
    const goOn = () => callback(entry && new Error('the link acknowledges'))
    if (this.#unsettled < MAX_UNSETTLED) goOn()
    else
      this.#resume = () => {
        this.#resume = undefined
        goOn()
      }
  }

  async #handle(packet: IPublishPacket): Promise<void> {
    const { responseTopic, correlationData } = packet.properties ?? {}
    await this.#handler({
      topic: packet.topic,
      payload: Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload),
      retained: packet.retain,
      ...(responseTopic !== undefined && { responseTopic }),
      ...(correlationData !== undefined && { correlationData }),
    })
  }

  #acknowledge(): void {
    while (this.#acknowledgements[0]?.outcome) {
      const { messageId, outcome } = this.#acknowledgements.shift()!
      if (this.#ended || !this.#client.connected) continue
      if (outcome === 'taken') this.#client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: 0 })
      else if (this.#client.options.protocolVersion === 5)
        this.#client['_sendPacket']({ cmd: 'puback', messageId, reasonCode: IMPLEMENTATION_ERROR })
      // 3.1.1 cannot say no: the message stays unacknowledged on this connection.
    }
  }

  /** As the broker has said at the connect. */
  limit(limits: BrokerLimits): void {
    this.#limits = limits
  }

  /**
   * QoS 1; no more at once than the broker takes (MQTT 5 §4.9).
   * @throws SecureNetError MQTT_CONNECTION_LOST, MQTT_PUBLISH_REFUSED, MQTT_ANSWER_TIMEOUT, MQTT_PACKET_LIMIT
   */
  async publish(topic: string, payload: Buffer, options: PublishOptions = {}): Promise<void> {
    const { correlationData } = options
    mustFit(Buffer.byteLength(topic) + payload.length + (correlationData?.length ?? 0), topic, this.#limits)
    while (this.#publishing >= this.#limits.receiveMaximum && !this.#ended)
      await new Promise<void>((resolve) => this.#turns.push(resolve))
    this.#publishing++
    try {
      await this.#publish(topic, payload, options)
    } finally {
      this.#publishing--
      this.#turns.shift()?.()
    }
  }

  #publish(topic: string, payload: Buffer, options: PublishOptions): Promise<void> {
    return this.#await('MQTT_PUBLISH_REFUSED', topic, (done) => {
      const { retain = false, correlationData } = options
      const properties = correlationData && { properties: { correlationData } }
      this.#client.publish(topic, payload, { qos: 1, retain, ...properties }, done)
    })
  }

  /**
   * Exact topics, in as many SUBSCRIBEs as it takes.
   * @returns those that failed: MQTT_SUBSCRIBE_REFUSED, MQTT_ANSWER_TIMEOUT
   * @throws SecureNetError MQTT_CONNECTION_LOST
   */
  async subscribe(topicNames: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const failed = new Map<string, unknown>()
    for (let at = 0; at < topicNames.length; at += MAX_FILTERS)
      await this.#subscribe(topicNames.slice(at, at + MAX_FILTERS), failed)
    return failed
  }

  async #subscribe(topicNames: readonly string[], failed: Map<string, unknown>): Promise<void> {
    let granted: readonly number[] = []
    try {
      await this.#await('MQTT_SUBSCRIBE_REFUSED', topicNames.join(' '), (done) =>
        this.#client.subscribe([...topicNames], { qos: 1 }, (error, _topics, suback) => {
          granted = (suback?.granted ?? []) as readonly number[]
          done(error)
        }),
      )
    } catch (error) {
      if (codeOf(error) === 'MQTT_CONNECTION_LOST') throw error
      // Each has its own code in the SUBACK (MQTT 5 §3.9.3, 3.1.1 §3.9.3); without one all have failed.
      for (const [i, topic] of topicNames.entries())
        if ((granted[i] ?? REFUSED) >= REFUSED) failed.set(topic, error)
    }
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#await('MQTT_UNSUBSCRIBE_REFUSED', topic, (done) => this.#client.unsubscribe(topic, done))
  }

  #await(code: string, what: string, act: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: SecureNetError) => {
        settled()
        reject(error)
      }
      const timer = this.#clock.after(PUBLISH_TIMEOUT_MS, () => fail(tardy(what)))
      const settled = () => {
        timer.cancel()
        this.#pending.delete(fail)
      }
      this.#pending.add(fail)
      if (this.#ended) return fail(lost())
      act((error) => {
        if (error) return fail(this.#client.connected ? refused(code, what, error) : lost())
        settled()
        resolve()
      })
    })
  }
}

function lost(): SecureNetError {
  return new SecureNetError(
    'MQTT_CONNECTION_LOST',
    'the connection to the broker ended before it answered',
    'Nothing by itself: the module connects again and reports again.',
  )
}

function tardy(what: string): SecureNetError {
  return new SecureNetError(
    'MQTT_ANSWER_TIMEOUT',
    `the broker did not answer for ${what} within ${PUBLISH_TIMEOUT_MS / 1000} s`,
    'Look at the broker’s load.',
  )
}

function refused(code: string, what: string, cause: Error): SecureNetError {
  return new SecureNetError(
    code,
    `the broker refused ${what}: ${cause.message}`,
    'Check the broker’s access list for this modem.',
    { cause },
  )
}
