import { timedOut } from './exit.ts'

/** @param correlation of MQTT 5 (§3.3.2.3.6); undefined on 3.1.1 */
export type OnMessage = (topic: string, payload: Buffer, correlation?: Buffer) => void

/** What the broker has said of itself in CONNACK (MQTT 5 §3.2.2.3); on 3.1.1 the defaults, which may be wrong. */
export interface BrokerLimits {
  protocol: '5' | '3.1.1'
  /** Bytes of a packet; undefined: no limit was named. */
  maximumPacketSize?: number
  /** QoS 1 publications that may be under way. */
  receiveMaximum: number
  maximumQos: number
  retainAvailable: boolean
  wildcardAvailable: boolean
  sharedAvailable: boolean
  topicAliasMaximum: number
}

export interface FollowOptions {
  /** Only what is published from now on; 3.1.1 cannot ask for that and sends what is retained too. */
  liveOnly?: boolean
}

/** The operator's side of a broker; an object, so that a test can stand in for it. */
export interface Broker {
  readonly limits: BrokerLimits
  /** Rejects, and never resolves, once the connection is lost: whoever waits for a message waits for this too. */
  readonly lost: Promise<never>
  /**
   * QoS 1: resolves when the broker has acknowledged it.
   * @param correlation comes back with the answer on MQTT 5; 3.1.1 cannot carry it
   * @throws OperatorError OPERATOR_NOT_AUTHORISED, OPERATOR_PACKET_TOO_LARGE, OPERATOR_BROKER_LOST, OPERATOR_BROKER_MUTE
   */
  publish(topic: string, payload: string | Buffer, retain: boolean, correlation?: Buffer): Promise<void>
  /**
   * Retained; an empty payload clears the topic. On 3.1.1, which cannot refuse a publication, it is read back.
   * @param confirm reads back on MQTT 5 too
   * @throws OperatorError as publish; OPERATOR_NOT_KEPT
   */
  put(topic: string, payload: string | Buffer, confirm?: boolean): Promise<void>
  /** Every message that matches, retained ones first; resolves once subscribed, to a function that ends it. */
  follow(filter: string, onMessage: OnMessage, options?: FollowOptions): Promise<() => Promise<void>>
  /**
   * What is retained at each of these topics. That a topic is empty is proved: an empty message that is not retained is
   * published at `echo` and has come back (docs/adr/0014-operator-register.md).
   * @param echo one that this account may publish at; readers of it must ignore empty messages
   * @throws OperatorError OPERATOR_TOPIC_UNREADABLE, OPERATOR_NOT_AUTHORISED, OPERATOR_BROKER_LOST, OPERATOR_BROKER_MUTE
   */
  readAll(topics: readonly string[], echo: string): Promise<Map<string, Buffer>>
  /** readAll of one topic that is its own echo. */
  read(topic: string): Promise<Buffer | undefined>
  close(): Promise<void>
  /** Ends the connection as a power cut does: without DISCONNECT, so that a last will is told. */
  cut(): Promise<void>
}

export interface BrokerAddress {
  url: string
  caFile?: string
  certFile?: string
  keyFile?: string
}

/** MQTT 3.1.1 §4.7.1: `+` is one level, `#` all that follow (and the parent). `$share/group/` of MQTT 5 §4.8.2 is no part. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.replace(/^\$share\/[^/]+\//, '').split('/')
  const given = topic.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (level !== '+' && level !== given[i]) return false
    if (i >= given.length) return false
  }
  return wanted.length === given.length
}

/**
 * The first message for which `pick` gives something.
 * @param before runs once subscribed: what shall cause the message
 * @throws OperatorError OPERATOR_TIMED_OUT after `timeoutMs`, OPERATOR_BROKER_LOST
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
      broker.lost,
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(timedOut(`no ${options.what} within ${options.timeoutMs} ms`)),
          options.timeoutMs,
        )
      }),
    ])
  } finally {
    clearTimeout(timer)
    await end().catch(() => undefined)
  }
}
