import type { Duplex } from 'node:stream'
import { type IConnackPacket, MqttClient } from 'mqtt'
import { type BackoffRange, jitteredBackoff } from '../../base/backoff.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { brokerLimits, mustDo } from './broker-limits.ts'
import { clientOptions } from './client-options.ts'
import { ConnectionLog } from './connection-log.ts'
import { Link, type MessageHandler, type PublishOptions } from './link.ts'
import { NameContest } from './name-contest.ts'
import { ProtocolVersion } from './protocol-version.ts'
import { retryWait } from './retry-wait.ts'
import { Standing } from './standing.ts'
import { type BrokerAddress, guarded, type OpenBrokerStream, openBroker } from './transport.ts'
import type { Trouble } from './until-answered.ts'

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
  /** Why the last one ended or never came about; while connected, the code of what the broker does not do. */
  error: string | null
  /** Topics that the broker does not let us hear: orders on them do not arrive. */
  unheard: readonly Trouble[]
  /** Topics that the broker does not take from us. */
  untold: readonly Trouble[]
  /** Another client connects under this modem's name. */
  isNameContested: boolean
}

const DEFAULT_BACKOFF: BackoffRange = { firstMs: 1000, longestMs: 60_000 }
/** Only a connection that lasted so long proves that the broker is well again. */
const STABLE_MS = 10_000
/**
 * A broker that goes throws out everybody at one moment: whoever was connected waits as after so many failures, evenly
 * within 8 s, so that a fleet does not knock within the first second (docs/fleet.md).
 */
const FAILURES_OF_A_LOSS = 4
/** Two clients of one name throw each other out: the slower they come back, the less it costs everyone. */
const SLOWER_CONTESTED = 10
/** DISCONNECT, MQTT 5 §3.14.2.1. */
const SESSION_TAKEN_OVER = 0x8e
const STOP_MS = 800
const CLOCK_POLL_MS = 1000
const NAME_CONTESTED = 'MQTT_NAME_CONTESTED'

/**
 * The connection to the broker, for as long as the module runs. Every attempt gets an MQTT client of its own, so that
 * nothing of a former connection is replayed.
 *
 * Clean start, always: whatever we need to know is retained and comes with the subscription; a stored session would
 * make the broker queue outdated orders for every modem that is off, and hand us requests whose asker has gone.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #listeners: (() => void)[] = []
  readonly #standing: Standing
  readonly #contest: NameContest
  readonly #connectionLog: ConnectionLog
  #running = false
  #client: MqttClient | undefined
  #link: Link | undefined
  #timer: Timer | undefined
  #failures = 0
  readonly #version = new ProtocolVersion()
  #session = 0
  #error: string | null = null
  /** Why this connection ends. */
  #cause: unknown

  constructor(options: SessionOptions) {
    const { clock, log } = options
    this.#options = options
    this.#contest = new NameContest(clock)
    this.#connectionLog = new ConnectionLog(log, clock)
    this.#standing = new Standing({
      ...options,
      present: () => options.presence(this.#session, true),
      onChange: () => this.#changed(),
      onPersists: (code) => this.#reconnect(code),
    })
  }

  /** Returns at once; the module serves from its stored state until the broker answers. */
  start(): void {
    this.#running = true
    this.#attempt()
  }

  status(): SessionStatus {
    const connected = this.#running && this.#link !== undefined
    return {
      connected,
      protocol: connected ? this.#version.text : null,
      session: this.#session,
      error: connected ? this.#trouble : this.#error,
      unheard: this.#standing.unheard,
      untold: this.#standing.untold,
      isNameContested: this.#contest.isContested,
    }
  }

  get #trouble(): string | null {
    if (this.#contest.isContested) return NAME_CONTESTED
    return (this.#standing.unheard[0] ?? this.#standing.untold[0])?.code ?? null
  }

  /** What status() says of the broker has changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** @param connection of another client under this modem's name, as its presence document names it */
  contested(connection?: string): void {
    const before = this.#contest.isContested
    this.#contest.sign(connection)
    if (before || !this.#contest.isContested) return
    this.#options.log.error('mqtt-name-contested', { code: NAME_CONTESTED, name: this.#options.clientId })
    this.#changed()
  }

  /** One exact topic, one handler; asked for again after every connect, which brings the retained message again. */
  subscribe(topic: string, handler: MessageHandler): void {
    this.#standing.subscribe(topic, handler)
  }

  unsubscribe(topic: string): void {
    this.#standing.unsubscribe(topic)
  }

  /** Asks for the retained messages of these topics again ([MQTT-3.8.4-3]). */
  refresh(topicNames: readonly string[]): void {
    this.#standing.refresh(topicNames)
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
    this.#standing.keep(topic, payload)
  }

  /** Says again that this modem is there: something else stands on its topic. */
  sayPresent(): void {
    this.#standing.sayPresent()
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

  /** Another node of the broker may do what this one does not. */
  #reconnect(code: string): void {
    this.#options.log.warn('mqtt-reconnects', { code })
    this.#cause = new SecureNetError(code, 'the broker goes on refusing or not answering')
    this.#client?.stream?.destroy()
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
    const client = new MqttClient(
      () => guarded(open()),
      clientOptions(this.#options, this.#version.current, this.#session),
    )
    this.#client = client
    const link = new Link(client, (message) => this.#standing.dispatch(message), this.#options.clock)
    let since: number | undefined
    this.#cause = undefined
    client.on('error', (error) => {
      this.#cause ??= error
      client.stream?.destroy()
    })
    client.on('disconnect', ({ reasonCode }) => {
      if (reasonCode === SESSION_TAKEN_OVER) this.contested()
      this.#cause ??= new SecureNetError(
        'MQTT_DISCONNECTED',
        `the broker disconnected us, reason ${reasonCode}`,
      )
    })
    client.on('connect', (connack) => {
      since = this.#options.clock.monotonic()
      this.#welcome(client, link, connack)
    })
    client.once('close', () => {
      link.ended()
      this.#link = undefined
      this.#client = undefined
      this.#standing.disconnected()
      const lasted = since === undefined ? 0 : this.#options.clock.monotonic() - since
      if (lasted >= STABLE_MS && !this.#contest.isContested) this.#failures = 0
      this.#down(this.#cause, since !== undefined)
    })
    try {
      client.connect()
    } catch (error) {
      this.#client = undefined
      this.#down(error, false)
    }
  }

  #welcome(client: MqttClient, link: Link, connack: IConnackPacket): void {
    this.#version.proven()
    try {
      mustDo(connack)
    } catch (error) {
      this.#cause = error
      client.stream?.destroy()
      return
    }
    link.limit(brokerLimits(connack))
    this.#up(link)
  }

  #up(link: Link): void {
    this.#link = link
    this.#error = null
    this.#connectionLog.up({ protocol: this.#version.text, session: this.#session })
    this.#standing.connected(link)
    this.#changed()
  }

  #down(cause: unknown, wasUp: boolean): void {
    this.#error = cause === undefined ? 'closed by the broker' : messageOf(cause)
    if (!this.#running) return
    this.#failures = Math.max(this.#failures + 1, wasUp ? FAILURES_OF_A_LOSS : 1)
    const code = (cause as { code?: unknown } | undefined)?.code
    if (!wasUp && this.#version.failed(code)) {
      this.#attempt()
      return
    }
    const { backoff = DEFAULT_BACKOFF, random } = this.#options
    const { longestMs } = backoff
    const slower = { firstMs: longestMs, longestMs: longestMs * SLOWER_CONTESTED }
    const range = this.#contest.isContested ? slower : backoff
    const delay = jitteredBackoff(this.#failures, range, random())
    this.#connectionLog.down(String(code ?? 'CLOSED'), this.#error, delay)
    this.#timer = retryWait(this.#options.clock, delay, () => this.#attempt())
  }
}
