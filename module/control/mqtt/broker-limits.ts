import type { IConnackPacket } from 'mqtt'
import { SecureNetError } from '../../base/error.ts'

/** What the broker said of itself (MQTT 5 §3.2.2.3); what it leaves out, and all of 3.1.1, is without limit. */
export interface BrokerLimits {
  /** Bytes of one packet that it takes. */
  readonly maximumPacketSize: number
  /** Publications that it takes before it has acknowledged one. */
  readonly receiveMaximum: number
}

export const noLimits: BrokerLimits = { maximumPacketSize: Number.POSITIVE_INFINITY, receiveMaximum: 65_535 }

/** Topic aliases and wildcards, which a broker may lack too, the module does not use. */
export function brokerLimits(connack: IConnackPacket): BrokerLimits {
  const { properties } = connack
  return {
    maximumPacketSize: properties?.maximumPacketSize ?? noLimits.maximumPacketSize,
    receiveMaximum: properties?.receiveMaximum ?? noLimits.receiveMaximum,
  }
}

/** Without retained messages or acknowledged ones no order ever arrives for sure. @throws SecureNetError MQTT_BROKER_LIMIT */
export function mustDo(connack: IConnackPacket): void {
  const { retainAvailable, maximumQoS } = connack.properties ?? {}
  const lacks =
    retainAvailable === false ? 'retained messages' : maximumQoS === 0 ? 'messages of QoS 1' : null
  if (lacks !== null)
    throw new SecureNetError(
      'MQTT_BROKER_LIMIT',
      `the broker has no ${lacks}`,
      'Turn them on at the broker, or take another one: `operator broker check` says what is needed.',
    )
}

/** @param bytes of topic and payload; the rest of the packet takes 64 at most. @throws SecureNetError MQTT_PACKET_LIMIT */
export function mustFit(bytes: number, topic: string, { maximumPacketSize }: BrokerLimits): void {
  if (bytes + 64 > maximumPacketSize)
    throw new SecureNetError(
      'MQTT_PACKET_LIMIT',
      `${topic}: ${bytes} bytes, and the broker takes packets of ${maximumPacketSize}`,
      'Raise the broker’s maximum packet size: 256 KiB for support bundles, 16 KiB for everything else that modems say.',
    )
}
