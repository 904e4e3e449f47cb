import { connect } from 'node:net'
import { Packet, UDPClient } from 'dns2'
import { SecureNetError } from '../base/error.ts'

/** Which socket of which listener is asked. */
export interface ServerAddressAndPort {
  transport: 'udp' | 'tcp'
  address: string
  port: number
}

export interface ReferenceAnswer {
  rcode: number
  /** Addresses of the answer section's A and AAAA records, in RFC 5952 form. */
  addresses: string[]
}

/**
 * Asks one listener through node-dns, a client that shares no code with ours: a mistake in our wire format cannot hide
 * in both. Off the hot path, where it would cost more than the query itself (docs/adr/0002).
 * @throws SecureNetError SELFTEST_NO_ANSWER when nothing usable came within `timeoutMs`
 */
export type ReferenceClient = (
  target: ServerAddressAndPort,
  name: string,
  type: 'A' | 'AAAA',
  timeoutMs: number,
) => Promise<ReferenceAnswer>

export function noAnswer(
  { transport, address, port }: ServerAddressAndPort,
  name: string,
  cause: unknown,
): SecureNetError {
  return new SecureNetError(
    'SELFTEST_NO_ANSWER',
    `${transport} ${address} port ${port} did not answer for ${name}: ${String(cause)}`,
    'See whether the listener runs and the process is not overloaded.',
    { cause },
  )
}

function summary(packet: { header: { rcode: number }; answers: { address?: unknown }[] }): ReferenceAnswer {
  const addresses = packet.answers.flatMap(({ address }) => (typeof address === 'string' ? [address] : []))
  return { rcode: packet.header.rcode, addresses }
}

/** Over TCP node-dns cannot be told an IPv6 literal, so the socket is ours and the message is its own. */
async function askOverTcp(
  { address, port }: ServerAddressAndPort,
  name: string,
  type: 'A' | 'AAAA',
  timeoutMs: number,
) {
  const packet = new Packet()
  packet.header.id = Math.floor(Math.random() * 65_536)
  packet.header.rd = 1
  packet.questions.push({ name, type: Packet.TYPE[type], class: Packet.CLASS.IN } as never)
  const message = packet.toBuffer()
  const framed = Buffer.alloc(2 + message.length)
  framed.writeUInt16BE(message.length, 0)
  message.copy(framed, 2)
  const socket = connect({ host: address, port })
  const timer = setTimeout(() => socket.destroy(new Error('timed out')), timeoutMs)
  try {
    socket.write(framed)
    const reply: Buffer = await Packet.readStream(socket)
    if (reply.length === 0 || reply.readUInt16BE(0) !== packet.header.id) throw new Error('no matching reply')
    return Packet.parse(reply)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

function askOverUdp(
  { address, port }: ServerAddressAndPort,
  name: string,
  type: 'A' | 'AAAA',
  timeout: number,
) {
  const socketType = address.includes(':') ? 'udp6' : 'udp4'
  return UDPClient({ dns: address, port, socketType, timeout, retryOverTCP: false } as never)(name, type)
}

export const askReference: ReferenceClient = async (target, name, type, timeoutMs) => {
  try {
    const ask = target.transport === 'udp' ? askOverUdp : askOverTcp
    return summary((await ask(target, name, type, timeoutMs)) as never)
  } catch (error) {
    throw noAnswer(target, name, error)
  }
}
