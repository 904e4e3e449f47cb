import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { codeOf, messageOf, SecureNetError } from '../../module/base/error.ts'

export interface PortUse {
  /** `DNS`, `page` or `MQTT`. */
  what: string
  protocol: 'UDP' | 'TCP'
  address: string
  port: number
  /** The variable that moves it. */
  variable: string
}

async function bindOnce({ protocol, address, port }: PortUse): Promise<void> {
  if (protocol === 'UDP') {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.bind(port, address)
    await once(socket, 'listening')
    socket.close()
    await once(socket, 'close')
  } else {
    const server = createServer().listen(port, address)
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
  }
}

/** The error of a bind, as a person can act on it. */
export function portError(use: PortUse, error: unknown): SecureNetError {
  const place = `the ${use.what} port ${use.port} (${use.protocol}, ${use.address})`
  const elsewhere = `Choose another one with ${use.variable}=PORT.`
  if (codeOf(error) === 'EADDRINUSE')
    return new SecureNetError(
      'HOUSEHOLD_PORT_IN_USE',
      `${place} is in use by another program`,
      `Stop that program (a second household?), or: ${elsewhere}`,
    )
  if (codeOf(error) === 'EACCES')
    return new SecureNetError(
      'HOUSEHOLD_PORT_REFUSED',
      `${place} needs the administrator's rights`,
      elsewhere,
    )
  return new SecureNetError(
    'HOUSEHOLD_PORT_REFUSED',
    `${place} cannot be opened: ${messageOf(error)}`,
    elsewhere,
  )
}

/** Opens and closes each port once: a clash is found before anything else has begun. */
export async function checkPorts(uses: readonly PortUse[]): Promise<void> {
  for (const use of uses) {
    try {
      await bindOnce(use)
    } catch (error) {
      throw portError(use, error)
    }
  }
}

export async function hasIpv6Loopback(): Promise<boolean> {
  try {
    await bindOnce({ what: 'IPv6', protocol: 'UDP', address: '::1', port: 0, variable: '' })
    return true
  } catch {
    return false
  }
}
