import { readFile } from 'node:fs/promises'
import { connect as connectTcp, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { SecureNetError } from '../../base/error.ts'
import { FrameGuard } from './frame-guard.ts'

export interface BrokerAddress {
  /** mqtts://host:port, or mqtt:// on loopback (config/load.ts holds that). */
  url: string
  caFile?: string
  certFile?: string
  keyFile?: string
}

/** @returns a function that opens the connection; certificates are read anew, so a renewed one counts at once */
export type OpenBrokerStream = (broker: BrokerAddress) => Promise<() => Duplex>

/** A chunk of 64 KiB with its topic and properties, a document of 64 KiB likewise; nothing larger is of ours. */
export const MAX_PACKET = 64 * 1024 + 4096

async function fileOf(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path)
  } catch (cause) {
    throw new SecureNetError(
      'MQTT_CERTIFICATE_UNREADABLE',
      `${path} cannot be read`,
      'Check mqtt.caFile, certFile and keyFile and the rights of the module’s user.',
      { cause },
    )
  }
}

/**
 * Node gives each of several addresses 250 ms (happy eyeballs), which a mobile line's round trip may take: it would never
 * connect where one family is dead.
 */
const EACH_ADDRESS_MS = 5000
const anyAddress = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: EACH_ADDRESS_MS }

/** TLS 1.2 at least, with the modem's certificate; plain TCP for a broker on loopback. */
export const openBroker: OpenBrokerStream = async (broker) => {
  const { protocol, hostname, port } = new URL(broker.url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol !== 'mqtts:')
    return () => connectTcp({ host, port: Number(port || 1883), noDelay: true, ...anyAddress })
  const [ca, cert, key] = await Promise.all([broker.caFile, broker.certFile, broker.keyFile].map(fileOf))
  return () =>
    connectTls({
      host,
      port: Number(port || 8883),
      ...anyAddress,
      minVersion: 'TLSv1.2',
      ...(isIP(host) ? {} : { servername: host }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    })
}

/** Ends the connection before a packet beyond the limit is collected. */
export function guarded(stream: Duplex): Duplex {
  const guard = new FrameGuard(MAX_PACKET)
  stream.on('data', (bytes: Buffer) => {
    if (stream.destroyed || guard.accepts(bytes)) return
    stream.destroy(
      new SecureNetError(
        'MQTT_PACKET_TOO_LARGE',
        `the broker announced a packet beyond ${MAX_PACKET} bytes`,
        'Find out what published it; nothing of the contract is that large.',
      ),
    )
  })
  return stream
}
