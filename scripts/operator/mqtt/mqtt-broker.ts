import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IDisconnectPacket, MqttClient } from 'mqtt'
import { codeOf } from '../../../module/base/error.ts'
import {
  type Broker,
  type BrokerLimits,
  type FollowOptions,
  type OnMessage,
  topicMatches,
} from '../broker.ts'
import { Slots } from '../slots.ts'
import { isRefusal, lostWhile, mute, notAuthorised, notKept, tooLarge, unreadable } from './errors.ts'

interface Heard {
  payload: Buffer
  retain: boolean
  correlation: Buffer | undefined
}

interface Follower {
  filter: string
  hear(topic: string, heard: Heard): void
}

/** Below the queue of a default mosquitto (20 in flight and 1,000 waiting), whatever each topic brings. */
const readsAtOnce = 64
const publishesAtOnce = 64
/** So long what is retained may follow its SUBACK before it is asked for an echo. */
const retainedFollowsMs = 20
const closeMs = 1000

/** Fixed header, lengths of topic and properties, packet id (MQTT 5 §3.3). */
const overhead = 16

export class MqttBroker implements Broker {
  readonly limits: BrokerLimits
  readonly lost: Promise<never>
  readonly #client: MqttClient
  readonly #answerMs: number
  readonly #followers = new Set<Follower>()
  readonly #reads = new Slots(readsAtOnce)
  readonly #publishes: Slots
  /** Of what is waited for now. */
  readonly #onLoss = new Set<() => void>()
  #why = ''
  #isClosing = false

  /** @param answerMs so long a connected broker may take for one answer */
  constructor(client: MqttClient, limits: BrokerLimits, answerMs: number) {
    this.limits = limits
    this.#client = client
    this.#answerMs = answerMs
    this.#publishes = new Slots(Math.min(limits.receiveMaximum, publishesAtOnce))
    client.on('message', (topic, payload, { retain, properties }) => {
      const heard = { payload, retain, correlation: properties?.correlationData }
      for (const follower of [...this.#followers])
        if (topicMatches(follower.filter, topic)) follower.hear(topic, heard)
    })
    client.on('disconnect', ({ reasonCode, properties }: IDisconnectPacket) => {
      this.#why = ` (0x${(reasonCode ?? 0).toString(16)} ${properties?.reasonString ?? ''})`.replace(
        ' )',
        ')',
      )
    })
    client.on('error', (error) => {
      this.#why ||= ` (${error.message})`
    })
    this.lost = new Promise((_, reject) => {
      client.once('close', () => {
        for (const lose of this.#onLoss) lose()
        if (!this.#isClosing) reject(lostWhile('the next message', this.#why))
      })
    })
    this.lost.catch(() => undefined)
  }

  async publish(
    topic: string,
    payload: string | Buffer,
    retain: boolean,
    correlation?: Buffer,
  ): Promise<void> {
    const bytes = Buffer.byteLength(payload) + Buffer.byteLength(topic) + overhead
    const { maximumPacketSize = Number.POSITIVE_INFINITY, protocol } = this.limits
    if (bytes > maximumPacketSize) throw tooLarge(topic, bytes, maximumPacketSize)
    const correlates = correlation !== undefined && protocol === '5'
    const what = `publish ${bytes} bytes at ${topic}`
    await this.#publishes.run(() =>
      this.#answered(what, () =>
        this.#client.publishAsync(topic, payload, {
          qos: 1,
          retain,
          ...(correlates && { properties: { correlationData: correlation } }),
        }),
      ),
    )
  }

  async put(topic: string, payload: string | Buffer, confirm = this.limits.protocol !== '5'): Promise<void> {
    await this.publish(topic, payload, true)
    if (!confirm) return
    const found = await this.read(topic).catch((error) => {
      throw codeOf(error) === 'OPERATOR_TOPIC_UNREADABLE' ? notKept(topic, 'nothing that can be read') : error
    })
    const wanted = Buffer.from(payload)
    if (found?.equals(wanted) ?? wanted.length === 0) return
    throw notKept(topic, found ? 'something else' : 'nothing')
  }

  async follow(
    filter: string,
    onMessage: OnMessage,
    options: FollowOptions = {},
  ): Promise<() => Promise<void>> {
    return this.#subscribe(
      [{ filter, hear: (topic, { payload, correlation }) => onMessage(topic, payload, correlation) }],
      options.liveOnly === true,
    )
  }

  async #subscribe(followers: readonly Follower[], liveOnly = false): Promise<() => Promise<void>> {
    for (const follower of followers) this.#followers.add(follower)
    const filters = followers.map(({ filter }) => filter)
    try {
      await this.#answered(`subscribe to ${filters.join(', ')}`, () =>
        // Retain handling 2 (MQTT 5 §3.8.3.1): nothing that is retained.
        this.#client.subscribeAsync(filters, { qos: 1, ...(liveOnly && { rh: 2 }) }),
      )
    } catch (error) {
      for (const follower of followers) this.#followers.delete(follower)
      throw error
    }
    return async () => {
      for (const follower of followers) this.#followers.delete(follower)
      const wanted = new Set([...this.#followers].map(({ filter }) => filter))
      const ended = filters.filter((filter) => !wanted.has(filter))
      if (ended.length > 0 && this.#client.connected)
        await this.#answered(`unsubscribe from ${ended.join(', ')}`, () =>
          this.#client.unsubscribeAsync(ended),
        )
    }
  }

  async read(topic: string): Promise<Buffer | undefined> {
    return (await this.readAll([topic], topic)).get(topic)
  }

  readAll(topics: readonly string[], echo: string): Promise<Map<string, Buffer>> {
    return this.#reads.run(() => this.#readAll(topics, echo))
  }

  async #readAll(topics: readonly string[], echo: string): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>()
    const missing = new Set(topics)
    // Told from another reader's by what MQTT 5 carries; on 3.1.1 any empty message of the topic is as good.
    const mark = randomBytes(8)
    let complete = () => {}
    let echoed = () => {}
    const isComplete = new Promise<void>((resolve) => {
      complete = resolve
    })
    const isEchoed = new Promise<void>((resolve) => {
      echoed = resolve
    })
    const hear = (topic: string, { payload, retain, correlation }: Heard) => {
      const isEmpty = payload.length === 0
      if (topic === echo && isEmpty && !retain && (correlation?.equals(mark) ?? true)) echoed()
      if (isEmpty || !topics.includes(topic)) return
      found.set(topic, payload)
      missing.delete(topic)
      if (missing.size === 0) complete()
    }
    const filters = topics.includes(echo) ? topics : [...topics, echo]
    const end = await this.#subscribe(filters.map((filter) => ({ filter, hear })))
    try {
      await Promise.race([isComplete, sleep(retainedFollowsMs)])
      if (missing.size > 0) await this.#echo(echo, mark, { isComplete, isEchoed })
      return found
    } finally {
      await end()
    }
  }

  async #echo(
    topic: string,
    mark: Buffer,
    { isComplete, isEchoed }: Record<'isComplete' | 'isEchoed', Promise<void>>,
  ): Promise<void> {
    const asked = performance.now()
    await this.publish(topic, '', false, mark)
    const timeout = new AbortController()
    const tooLate = sleep(this.#answerMs, undefined, { signal: timeout.signal }).then(
      () => Promise.reject(unreadable(topic, this.#answerMs)),
      () => undefined,
    )
    try {
      await Promise.race([isComplete, isEchoed, this.lost, tooLate])
    } finally {
      timeout.abort()
    }
    // Some brokers fetch what is retained beside the stream of messages: it may be a little later than the echo.
    await Promise.race([isComplete, sleep(Math.min(1000, performance.now() - asked))])
  }

  async close(): Promise<void> {
    this.#isClosing = true
    const ended = this.#client.endAsync(!this.#client.connected).catch(() => undefined)
    await Promise.race([ended, sleep(closeMs)])
    this.#client.stream?.destroy()
  }

  async cut(): Promise<void> {
    this.#isClosing = true
    this.#client.stream.destroy()
    await this.#client.endAsync(true).catch(() => undefined)
  }

  /** With the broker's refusal, loss or silence as an error that says what was asked. */
  async #answered<T>(what: string, act: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    let lose = () => {}
    const without = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(mute(what, this.#answerMs)), this.#answerMs)
      lose = () => reject(lostWhile(what, this.#why))
      this.#onLoss.add(lose)
    })
    without.catch(() => undefined)
    try {
      // Where it is lost already, MQTT.js would keep the packet for a reconnection that never comes.
      if (!this.#client.connected) lose()
      return await Promise.race([without, act()])
    } catch (error) {
      throw isRefusal(error) ? notAuthorised(what, error) : error
    } finally {
      clearTimeout(timer)
      this.#onLoss.delete(lose)
    }
  }
}
