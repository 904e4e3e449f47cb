import type { IClientOptions } from 'mqtt'
import { MAX_UNSETTLED } from './link.ts'
import type { SessionOptions } from './session.ts'
import { MAX_PACKET } from './transport.ts'

/** Several addresses may have to be given up (transport.ts). */
const CONNECT_TIMEOUT_MS = 30_000

/** @param session number of this connection since the module started */
export function clientOptions(
  { clientId, keepaliveSeconds, presence }: SessionOptions,
  protocolVersion: 5 | 4,
  session: number,
): IClientOptions {
  return {
    manualConnect: true,
    clientId,
    protocolVersion,
    clean: true,
    keepalive: keepaliveSeconds,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    queueQoSZero: false,
    resubscribe: false,
    timerVariant: 'native',
    will: { ...presence(session, false), qos: 1, retain: true },
    ...(protocolVersion === 5 && {
      properties: { maximumPacketSize: MAX_PACKET, receiveMaximum: MAX_UNSETTLED },
    }),
  }
}
