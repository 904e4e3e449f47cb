import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'
import { CLASS_IN, HEADER_BYTES, Type } from '../../module/dns/constants.ts'
import { QUESTION_FIXED_BYTES, questionEndOf } from '../../module/dns/question.ts'

const TTL_SECONDS = 60

/** Documentation addresses (RFC 5737, RFC 3849): public to a rebinding filter, and nobody's. */
const addresses = new Map<number, Buffer>([
  [Type.A, Buffer.from([192, 0, 2, 1])],
  [Type.AAAA, Buffer.from('20010db8000000000000000000000001', 'hex')],
])

/**
 * Every name has the documentation address, other types have no data (RFC 2308 §2.2, without SOA: not to be cached).
 * @returns null for what is no question: not answered
 */
export function demoAnswer(query: Buffer): Buffer | null {
  const end = questionEndOf(query)
  if (end < 0 || (query[2]! & 0x80) !== 0) return null
  const type = query.readUInt16BE(end - QUESTION_FIXED_BYTES)
  const address = addresses.get(type)
  const reply = Buffer.alloc(end + (address ? 12 + address.length : 0))
  query.copy(reply, 0, 0, end)
  reply[2] = 0x80 | (query[2]! & 0x79)
  reply[3] = 0x80
  reply.writeUInt16BE(address ? 1 : 0, 6)
  reply.writeUInt32BE(0, 8)
  if (!address) return reply
  reply.writeUInt16BE(0xc000 | HEADER_BYTES, end)
  reply.writeUInt16BE(type, end + 2)
  reply.writeUInt16BE(CLASS_IN, end + 4)
  reply.writeUInt32BE(TTL_SECONDS, end + 6)
  reply.writeUInt16BE(address.length, end + 10)
  address.copy(reply, end + 12)
  return reply
}

/** The internet of a machine that has none: for `npm start` only. */
export class DemoUpstream {
  #udp: Socket | undefined
  #tcp: Server | undefined
  readonly #connections = new Set<TcpSocket>()

  /** @returns where it listens: 127.0.0.1, one free port for both protocols */
  async start(): Promise<{ address: string; port: number }> {
    const address = '127.0.0.1'
    this.#tcp = createServer((connection) => this.#serve(connection)).listen(0, address)
    await once(this.#tcp, 'listening')
    const { port } = this.#tcp.address() as { port: number }
    const udp = createSocket('udp4')
    this.#udp = udp
    udp.on('message', (query, from) => {
      const reply = demoAnswer(query)
      if (reply) udp.send(reply, from.port, from.address)
    })
    udp.bind(port, address)
    await once(udp, 'listening')
    return { address, port }
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    this.#udp?.close()
    this.#tcp?.close()
    this.#udp = undefined
    this.#tcp = undefined
  }

  #serve(connection: TcpSocket): void {
    this.#connections.add(connection)
    connection.on('close', () => this.#connections.delete(connection))
    connection.on('error', () => connection.destroy())
    let waiting = Buffer.alloc(0)
    connection.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes])
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const length = waiting.readUInt16BE(0)
        const reply = demoAnswer(waiting.subarray(2, 2 + length))
        waiting = waiting.subarray(2 + length)
        if (!reply) continue
        const prefix = Buffer.alloc(2)
        prefix.writeUInt16BE(reply.length)
        connection.write(Buffer.concat([prefix, reply]))
      }
    })
  }
}
