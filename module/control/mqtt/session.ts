import type { Duplex } from 'node:stream'
import { type IClientOptions, MqttClient } from 'mqtt'
import { type BackoffRange, jitteredBackoff } from '../../base/backoff.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { Link, MAX_UNSETTLED, type Message, type MessageHandler, type PublishOptions } from './link.ts'
import { type BrokerAddress, guarded, MAX_PACKET, type OpenBrokerStream, openBroker } from './transport.ts'

export type { Message, MessageHandler } from './link.ts'

export interface SessionOptions {
  broker: BrokerAddress
  /** The modemId: client identifier, and name in the client certificate. */
  clientId: string
  keepaliveSeconds: number
  clock: Clock
  log: Log
  /** In [0, 1). */
  random: () => number
  /** False while the clock is below its floor: no certificate can be judged yet (no RTC on a modem). */
  clockSane: () => boolean
  /** What presence says at this connection's end, and, retained, while it lasts. */
  presence: (session: number, online: boolean) => { topic: string; payload: Buffer }
  transport?: OpenBrokerStream
  backoff?: BackoffRange
}

export interface SessionStatus {
  connected: boolean
  /** 5 or 3.1.1. */
  protocol: '5' | '3.1.1' | null
  /** How many connections were tried since the module started. */
  session: number
  /** Why the last one ended or never came about. */
  error: string | null
}

const DEFAULT_BACKOFF: BackoffRange = { firstMs: 1000, longestMs: 60_000 }
/** Only a connection that lasted so long proves that the broker is well again. */
const STABLE_MS = 10_000
/**
 * A broker that goes throws out everybody at one moment: whoever was connected waits as after so many failures, evenly
 * within 8 s, so that a fleet does not knock within the first second (docs/fleet.md).
 */
const FAILURES_OF_A_LOSS = 4
const CONNECT_TIMEOUT_MS = 20_000
const STOP_MS = 800
const CLOCK_POLL_MS = 1000
const CLOCK_STEP_MS = 60_000
/** CONNACK: 3.1.1 §3.2.2.3 code 1; MQTT 5 §3.2.2.2 code 0x84. */
const WRONG_VERSION: readonly unknown[] = [1, 0x84]

/**
 * The connection to the broker, for as long as the module runs. Every attempt gets an MQTT client of its own, so that
 * nothing of a former connection is replayed.
 *
 * Clean start, always: whatever we need to know is retained and comes with the subscription; a stored session would
 * make the broker queue outdated orders for every modem that is off, and hand us requests whose asker has gone.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #handlers = new Map<string, MessageHandler>()
  readonly #kept = new Map<string, Buffer>()
  readonly #listeners: (() => void)[] = []
  #running = false
  #client: MqttClient | undefined
  #link: Link | undefined
  #timer: Timer | undefined
  #failures = 0
  #version: 5 | 4 = 5
  /** The version of the last CONNACK that let us in. */
  #proven: 5 | 4 | undefined
  #session = 0
  #error: string | null = null

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Returns at once; the module serves from its stored state until the broker answers. */
  start(): void {
    this.#running = true
    this.#attempt()
  }

  status(): SessionStatus {
    const connected = this.#running && this.#link !== undefined
    const protocol = this.#version === 5 ? '5' : '3.1.1'
    return {
      connected,
      protocol: connected ? protocol : null,
      session: this.#session,
      error: connected ? null : this.#error,
    }
  }

  /** Called after every connect, when subscriptions have been asked for and kept messages sent. */
  onConnect(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** One exact topic, one handler; asked for again after every connect, which brings the retained message again. */
  subscribe(topic: string, handler: MessageHandler): void {
    this.#handlers.set(topic, handler)
    this.refresh([topic])
  }

  unsubscribe(topic: string): void {
    this.#handlers.delete(topic)
    this.#link?.unsubscribe(topic).catch(() => undefined)
  }

  /** Asks for the retained messages of these topics again ([MQTT-3.8.4-3]). */
  refresh(topicNames: readonly string[]): void {
    this.#link?.subscribe(topicNames).catch((error) => this.#warn(error))
  }

  /** QoS 1; resolves at the broker's acknowledgement. @throws SecureNetError MQTT_OFFLINE, MQTT_CONNECTION_LOST, ... */
  async publish(topic: string, payload: Buffer, options: PublishOptions = {}): Promise<void> {
    if (!this.#link)
      throw new SecureNetError(
        'MQTT_OFFLINE',
        `not connected: ${topic} was not published`,
        'Try again later.',
      )
    await this.#link.publish(topic, payload, options)
  }

  /**
   * A retained message of which only the newest counts: sent now or at the next connect, and again after every one,
   * for a message sent while a link breaks may be lost.
   */
  keep(topic: string, payload: Buffer): void {
    this.#kept.set(topic, payload)
    this.#link?.publish(topic, payload, { retain: true }).catch((error) => this.#warn(error))
  }

  /** Says good-bye and ends within a second, even if the broker hangs. */
  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    const client = this.#client
    const link = this.#link
    if (!client) return
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, STOP_MS)
      client.once('close', () => {
        clearTimeout(deadline)
        resolve()
      })
      if (link) this.#sayGoodbye(client, link)
      else client.stream?.destroy()
    })
    client.stream?.destroy()
    link?.ended()
  }

  /** DISCONNECT makes the broker drop the last will, so presence is said before it. */
  #sayGoodbye(client: MqttClient, link: Link): void {
    const { topic, payload } = this.#options.presence(this.#session, false)
    link.publish(topic, payload, { retain: true }).then(
      () => client.end(),
      () => client.stream.destroy(),
    )
  }

  #warn(error: unknown): void {
    if (codeOf(error) === 'MQTT_CONNECTION_LOST') return
    this.#options.log.warn('mqtt', { code: codeOf(error), message: messageOf(error) })
  }

  #attempt(): void {
    if (!this.#running) return
    if (this.#options.broker.url.startsWith('mqtts:') && !this.#options.clockSane()) {
      this.#error = 'CLOCK_NOT_SET'
      this.#timer = this.#options.clock.after(CLOCK_POLL_MS, () => this.#attempt())
      return
    }
    this.#session++
    const opened = (this.#options.transport ?? openBroker)(this.#options.broker)
    opened.then(
      (open) => this.#running && this.#connect(open),
      (error) => this.#down(error, false),
    )
  }

  #connect(open: () => Duplex): void {
    const client = new MqttClient(() => guarded(open()), this.#clientOptions())
    this.#client = client
    const link = new Link(client, (message) => this.#dispatch(message), this.#options.clock)
    let cause: unknown
    let since: number | undefined
    client.on('error', (error) => {
      cause ??= error
      client.stream?.destroy()
    })
    client.on('disconnect', ({ reasonCode }) => {
      cause ??= new SecureNetError('MQTT_DISCONNECTED', `the broker disconnected us, reason ${reasonCode}`)
    })
    client.on('connect', () => {
      since = this.#options.clock.monotonic()
      this.#up(link)
    })
    client.once('close', () => {
      link.ended()
      this.#link = undefined
      this.#client = undefined
      const lasted = since === undefined ? 0 : this.#options.clock.monotonic() - since
      if (lasted >= STABLE_MS) this.#failures = 0
      this.#down(cause, since !== undefined)
    })
    try {
      client.connect()
    } catch (error) {
      this.#client = undefined
      this.#down(error, false)
    }
  }

  #clientOptions(): IClientOptions {
    const { clientId, keepaliveSeconds, presence } = this.#options
    return {
      manualConnect: true,
      clientId,
      protocolVersion: this.#version,
      clean: true,
      keepalive: keepaliveSeconds,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: 'native',
      will: { ...presence(this.#session, false), qos: 1, retain: true },
      ...(this.#version === 5 && {
        properties: { maximumPacketSize: MAX_PACKET, receiveMaximum: MAX_UNSETTLED },
      }),
    }
  }

  #up(link: Link): void {
    this.#link = link
    this.#proven = this.#version
    this.#error = null
    this.#options.log.info('mqtt-connected', {
      protocol: this.#version === 5 ? '5' : '3.1.1',
      session: this.#session,
    })
    if (this.#handlers.size > 0) this.refresh([...this.#handlers.keys()])
    const { topic, payload } = this.#options.presence(this.#session, true)
    link.publish(topic, payload, { retain: true }).catch((error) => this.#warn(error))
    for (const [name, kept] of this.#kept) this.keep(name, kept)
    for (const listener of this.#listeners) listener()
  }

  #dispatch(message: Message): Promise<void> | undefined {
    return this.#handlers.get(message.topic)?.(message)
  }

  #down(cause: unknown, wasUp: boolean): void {
    this.#error = cause === undefined ? 'closed by the broker' : messageOf(cause)
    if (!this.#running) return
    this.#failures = Math.max(this.#failures + 1, wasUp ? FAILURES_OF_A_LOSS : 1)
    const code = (cause as { code?: unknown } | undefined)?.code
    if (!wasUp && this.#otherVersion(code)) {
      this.#attempt()
      return
    }
    const { backoff = DEFAULT_BACKOFF, random } = this.#options
    const delay = jitteredBackoff(this.#failures, backoff, random())
    this.#options.log.warn('mqtt-disconnected', {
      code: String(code ?? 'CLOSED'),
      message: this.#error,
      retryMs: delay,
    })
    this.#wait(delay)
  }

  /** @returns whether to try the other version at once */
  #otherVersion(code: unknown): boolean {
    const other = this.#version === 5 ? 4 : 5
    const refused = WRONG_VERSION.includes(code)
    // Old brokers may hang up on a version they do not know, without CONNACK: the next attempt offers the other one.
    if (refused || (code === undefined && this.#proven === undefined)) this.#version = other
    return refused && other === 4
  }

  /** Until the back-off is over, or at once when the clock steps: with the right time, certificates may be valid. */
  #wait(ms: number): void {
    const { clock } = this.#options
    const offset = clock.now() - clock.monotonic()
    const until = clock.monotonic() + ms
    const tick = () => {
      const left = until - clock.monotonic()
      const stepped = Math.abs(clock.now() - clock.monotonic() - offset) > CLOCK_STEP_MS
      if (left <= 0 || stepped) return this.#attempt()
      this.#timer = clock.after(Math.min(left, CLOCK_POLL_MS), tick)
    }
    tick()
  }
}
