import { messageOf } from '../../../module/base/error.ts'
import { exitCodes, OperatorError, refused } from '../exit.ts'

/** MQTT 5 §2.4: what an access list, or a broker that is full, answers. */
const refusals = new Map([
  [0x80, 'refused'],
  [0x83, 'refused by the broker’s own rules'],
  [0x87, 'not authorised'],
  [0x8f, 'topic filter invalid'],
  [0x90, 'topic name invalid'],
  [0x97, 'quota exceeded'],
  [0x99, 'payload format invalid'],
  [0x9a, 'retained messages are not supported'],
  [0x9e, 'shared subscriptions are not supported'],
  [0xa2, 'wildcard subscriptions are not supported'],
])

/** @param error of MQTT.js, which carries the reason code */
export function notAuthorised(what: string, error: unknown): OperatorError {
  const code = Number((error as { code?: unknown }).code)
  return refused(
    'OPERATOR_NOT_AUTHORISED',
    `the broker refuses to ${what}: ${refusals.get(code) ?? messageOf(error)} (0x${code.toString(16)})`,
    'Grant it to this account in the broker’s access list; `broker check` tries all that is needed.',
  )
}

export const isRefusal = (error: unknown) => Number((error as { code?: unknown }).code) >= 0x80

export const lostWhile = (what: string, why: string) =>
  new OperatorError(
    exitCodes.unreachable,
    'OPERATOR_BROKER_LOST',
    `the connection to the broker was lost${why}, while waiting for: ${what}`,
    'What was acknowledged before counts. Run the command again: it goes on from what the register and the broker have.',
  )

export const mute = (what: string, timeoutMs: number) =>
  new OperatorError(
    exitCodes.unreachable,
    'OPERATOR_BROKER_MUTE',
    `the broker has not answered within ${timeoutMs / 1000} s: ${what}`,
    'Look at the broker’s load and the network; --broker-timeout gives it longer.',
  )

export const unreadable = (topic: string, timeoutMs: number) =>
  refused(
    'OPERATOR_TOPIC_UNREADABLE',
    `${topic}: nothing came, not even our own echo, within ${timeoutMs / 1000} s; what stands there is not known`,
    'This account may not read there: see the broker’s access list, and `broker check`. Or the broker is slow: --broker-timeout.',
  )

export const notKept = (topic: string, found: string) =>
  refused(
    'OPERATOR_NOT_KEPT',
    `${topic}: the broker has acknowledged what was published, but ${found} stands there`,
    'This account may not write there (MQTT 3.1.1 cannot say so), somebody else has written meanwhile, or the broker keeps nothing.',
  )

export const tooLarge = (topic: string, bytes: number, limit: number) =>
  refused(
    'OPERATOR_PACKET_TOO_LARGE',
    `${topic}: a packet of ${bytes} bytes, and the broker takes ${limit} at most`,
    'Raise the broker’s limit (mosquitto: max_packet_size) to 69632 or more: a chunk of a list is 65536 bytes beside its topic.',
  )
