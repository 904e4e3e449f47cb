import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt'
import { codeOf, messageOf } from '../../../module/base/error.ts'
import type { Broker, BrokerAddress, BrokerLimits } from '../broker.ts'
import { unreachable } from '../exit.ts'
import { MqttBroker } from './mqtt-broker.ts'

export const defaultAnswerMs = 15_000

type Version = 5 | 4

/** CONNACK "unacceptable protocol version": 3.1.1 §3.2.2.3 code 1; MQTT 5 §3.2.2.2 code 0x84. */
const wrongVersion: readonly unknown[] = [1, 0x84]
/** CONNACK: not authorised, bad user name, banned. */
const notWelcome: readonly unknown[] = [4, 5, 0x86, 0x87, 0x8a, 0x8c]

/** Connected, and closed before a CONNACK: how old brokers refuse a version that they do not know (RabbitMQ 3.10). */
class HungUp extends Error {}

export interface ConnectOptions {
  /** So long one answer may take, CONNACK too. */
  answerMs?: number
  /** Offered in turn. @default 5, then 3.1.1 */
  versions?: readonly Version[]
  /** Others than those of the tool: `broker check` tries wills and sessions. */
  client?: Partial<IClientOptions>
  /** Hears from the very first: what a kept session brings comes before anything is subscribed to. */
  onMessage?: (payload: string) => void
}

function clientOptions(
  { caFile, certFile, keyFile }: BrokerAddress,
  version: Version,
  { answerMs = defaultAnswerMs, client }: ConnectOptions,
): IClientOptions {
  return {
    protocolVersion: version,
    clientId: `operator-${randomBytes(6).toString('hex')}`,
    clean: true,
    reconnectPeriod: 0,
    // Ours comes first, and says more.
    connectTimeout: 2 * answerMs,
    // Each SUBSCRIBE goes out, also a repeated one: that is how what is retained is read again.
    resubscribe: false,
    ...(caFile ? { ca: readFileSync(caFile) } : {}),
    ...(certFile ? { cert: readFileSync(certFile) } : {}),
    ...(keyFile ? { key: readFileSync(keyFile) } : {}),
    ...client,
  }
}

function open(
  address: BrokerAddress,
  version: Version,
  options: ConnectOptions,
): Promise<{ client: MqttClient; connack: IConnackPacket }> {
  const { answerMs = defaultAnswerMs } = options
  return new Promise((resolve, reject) => {
    const client = connect(address.url, clientOptions(address, version, options))
    const settled = () => {
      clearTimeout(timer)
      client.off('connect', onConnect).off('error', onError).off('close', onClose)
      client.on('error', () => undefined)
    }
    const fail = (error: unknown) => {
      settled()
      client.end(true)
      client.stream?.destroy()
      reject(error)
    }
    const onConnect = (connack: IConnackPacket) => {
      settled()
      resolve({ client, connack })
    }
    const onClose = () => fail(new HungUp('the broker hangs up'))
    const onError = (error: Error) => (codeOf(error) === 'ECONNRESET' ? onClose() : fail(error))
    const timer = setTimeout(
      () => fail(new Error(`no answer (CONNACK) within ${answerMs / 1000} s`)),
      answerMs,
    )
    const { onMessage } = options
    if (onMessage) client.on('message', (_topic, payload) => onMessage(String(payload)))
    client.once('connect', onConnect).once('error', onError).once('close', onClose)
  })
}

function limitsOf({ properties = {} }: IConnackPacket, version: Version): BrokerLimits {
  const { maximumPacketSize } = properties
  return {
    protocol: version === 5 ? '5' : '3.1.1',
    ...(maximumPacketSize !== undefined && { maximumPacketSize }),
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumQos: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    wildcardAvailable: properties.wildcardSubscriptionAvailable ?? true,
    sharedAvailable: version === 5 && (properties.sharedSubscriptionAvailable ?? true),
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
  }
}

/** MQTT 5 first: it tells an answer from another's, and says when the access list forbids a publish. */
async function openNewest(address: BrokerAddress, options: ConnectOptions): Promise<MqttBroker> {
  const { answerMs = defaultAnswerMs, versions = [5, 4] } = options
  for (const [i, version] of versions.entries())
    try {
      const { client, connack } = await open(address, version, options)
      return new MqttBroker(client, limitsOf(connack, version), answerMs)
    } catch (error) {
      const isRefused = wrongVersion.includes((error as { code?: unknown }).code)
      if (i === versions.length - 1 || !(isRefused || error instanceof HungUp)) throw error
    }
  throw new Error('no version is offered')
}

/** Node gives a refused connection to a name with several addresses no message of its own. */
function whyOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  if (error instanceof HungUp) return 'it hangs up without a word, offered MQTT 5 and then 3.1.1'
  return messageOf(error) || codeOf(error)
}

/** @throws OperatorError OPERATOR_BROKER_UNREACHABLE */
export async function connectBroker(address: BrokerAddress, options: ConnectOptions = {}): Promise<Broker> {
  try {
    return await openNewest(address, options)
  } catch (error) {
    const isUnwelcome = notWelcome.includes((error as { code?: unknown }).code)
    throw unreachable(
      `the broker ${address.url} cannot be ${isUnwelcome ? 'used' : 'reached'}: ${whyOf(error)}`,
      isUnwelcome
        ? 'The broker knows neither this certificate nor this name: see its list of users.'
        : 'Is it running, is the address of the profile right, and do the certificates fit?',
      error,
    )
  }
}
