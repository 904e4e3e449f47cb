import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { messageOf } from '../../module/base/error.ts'
import { timedOut, unreachable } from './exit.ts'

/** @param correlation of MQTT 5 (§3.3.2.3.6); undefined on 3.1.1 */
export type OnMessage = (topic: string, payload: Buffer, correlation?: Buffer) => void

/** The operator's side of a broker; an object, so that a test can stand in for it. */
export interface Broker {
  /**
   * QoS 1: resolves when the broker has it.
   * @param correlation comes back with the answer on MQTT 5; 3.1.1 cannot carry it
   */
  publish(topic: string, payload: string | Buffer, retain: boolean, correlation?: Buffer): Promise<void>
  /** Every message that matches, retained ones first; resolves once subscribed, to a function that ends it. */
  follow(filter: string, onMessage: OnMessage): Promise<() => Promise<void>>
  /** What is retained under `filter`; absence is known only by silence, so an empty answer takes `quietMs`. */
  retained(filter: string, quietMs?: number): Promise<Map<string, Buffer>>
  close(): Promise<void>
}

export interface BrokerAddress {
  url: string
  caFile?: string
  certFile?: string
  keyFile?: string
}

const connectTimeoutMs = 5000
const defaultQuietMs = 300

/** MQTT 3.1.1 §4.7.1: `+` is one level, `#` all that follow (and the parent). */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const given = topic.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (level !== '+' && level !== given[i]) return false
    if (i >= given.length) return false
  }
  return wanted.length === given.length
}

type Version = 5 | 4

/** CONNACK "unacceptable protocol version": 3.1.1 §3.2.2.3 code 1; MQTT 5 §3.2.2.2 code 0x84. */
const wrongVersion: readonly unknown[] = [1, 0x84]

function clientOptions({ caFile, certFile, keyFile }: BrokerAddress, version: Version): IClientOptions {
  return {
    protocolVersion: version,
    clientId: `operator-${randomBytes(6).toString('hex')}`,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: connectTimeoutMs,
    ...(caFile ? { ca: readFileSync(caFile) } : {}),
    ...(certFile ? { cert: readFileSync(certFile) } : {}),
    ...(keyFile ? { key: readFileSync(keyFile) } : {}),
  }
}

class MqttBroker implements Broker {
  readonly #client: MqttClient
  readonly #followers = new Set<{ filter: string; onMessage: OnMessage }>()

  constructor(client: MqttClient) {
    this.#client = client
    client.on('message', (topic, payload, { properties }) => {
      for (const { filter, onMessage } of [...this.#followers])
        if (topicMatches(filter, topic)) onMessage(topic, payload, properties?.correlationData)
    })
    client.on('error', () => {})
  }

  async publish(
    topic: string,
    payload: string | Buffer,
    retain: boolean,
    correlation?: Buffer,
  ): Promise<void> {
    this.#mustBeConnected()
    const correlates = correlation !== undefined && this.#client.options.protocolVersion === 5
    await this.#client.publishAsync(topic, payload, {
      qos: 1,
      retain,
      ...(correlates && { properties: { correlationData: correlation } }),
    })
  }

  async follow(filter: string, onMessage: OnMessage): Promise<() => Promise<void>> {
    this.#mustBeConnected()
    const follower = { filter, onMessage }
    this.#followers.add(follower)
    await this.#client.subscribeAsync(filter, { qos: 1 })
    return async () => {
      this.#followers.delete(follower)
      const stillWanted = [...this.#followers].some((other) => other.filter === filter)
      if (!stillWanted && this.#client.connected) await this.#client.unsubscribeAsync(filter)
    }
  }

  async retained(filter: string, quietMs = defaultQuietMs): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>()
    const one = !/[+#]/.test(filter)
    let heard = () => {}
    const end = await this.follow(filter, (topic, payload) => {
      if (payload.length > 0) found.set(topic, payload)
      heard()
    })
    await new Promise<void>((resolve) => {
      let timer = setTimeout(resolve, quietMs)
      heard = () => {
        clearTimeout(timer)
        if (one) resolve()
        else timer = setTimeout(resolve, quietMs)
      }
      if (one && found.size > 0) heard()
    })
    await end()
    return found
  }

  async close(): Promise<void> {
    await this.#client.endAsync(!this.#client.connected)
  }

  #mustBeConnected(): void {
    if (!this.#client.connected)
      throw unreachable(
        'the broker has closed the connection',
        'Run the command again; it may be repeated safely.',
      )
  }
}

/** MQTT 5 first: it tells an answer from another's, and says when the access list forbids a publish. */
async function connectNewest(address: BrokerAddress): Promise<MqttClient> {
  try {
    return await connectAsync(address.url, clientOptions(address, 5), false)
  } catch (error) {
    if (!wrongVersion.includes((error as { code?: unknown }).code)) throw error
    return connectAsync(address.url, clientOptions(address, 4), false)
  }
}

/** @throws OperatorError OPERATOR_BROKER_UNREACHABLE */
export async function connectBroker(address: BrokerAddress): Promise<Broker> {
  try {
    return new MqttBroker(await connectNewest(address))
  } catch (error) {
    const why =
      messageOf(error) || (error instanceof AggregateError ? messageOf(error.errors[0]) : 'no answer')
    throw unreachable(
      `the broker ${address.url} cannot be reached: ${why}`,
      'Is it running, is the address of the profile right, and do the certificates fit?',
      error,
    )
  }
}

/**
 * The first message for which `pick` gives something.
 * @param before runs once subscribed: what shall cause the message
 * @throws OperatorError OPERATOR_TIMED_OUT after `timeoutMs`
 */
export async function awaitMessage<T>(
  broker: Broker,
  options: {
    filter: string
    timeoutMs: number
    what: string
    pick: (topic: string, payload: Buffer, correlation?: Buffer) => T | undefined
  },
  before: () => Promise<void>,
): Promise<T> {
  let settle: (value: T) => void = () => {}
  const picked = new Promise<T>((resolve) => {
    settle = resolve
  })
  const end = await broker.follow(options.filter, (...message) => {
    const value = options.pick(...message)
    if (value !== undefined) settle(value)
  })
  let timer: NodeJS.Timeout | undefined
  try {
    await before()
    return await Promise.race([
      picked,
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(timedOut(`no ${options.what} within ${options.timeoutMs} ms`)),
          options.timeoutMs,
        )
      }),
    ])
  } finally {
    clearTimeout(timer)
    await end()
  }
}
