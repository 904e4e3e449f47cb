import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

export const type = { a: 1, aaaa: 28, txt: 16 } as const

function nameOf(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
    Buffer.of(0),
  ])
}

function u16(...values: number[]): Buffer {
  const octets = Buffer.alloc(values.length * 2)
  for (const [i, value] of values.entries()) octets.writeUInt16BE(value, i * 2)
  return octets
}

const bareOpt = Buffer.concat([Buffer.of(0), u16(41, 1232, 0, 0, 0)])

/** A query as `Upstream.exchange` wants it: RD, one question, OPT last. */
export function queryFor(name: string, options: { type?: number; id?: number; opt?: boolean } = {}): Buffer {
  const { id = 0x1234, opt = true } = options
  return Buffer.concat([
    u16(id, 0x0100, 1, 0, 0, opt ? 1 : 0),
    nameOf(name),
    u16(options.type ?? type.a, 1),
    ...(opt ? [bareOpt] : []),
  ])
}

/** @returns the end of the question of a query with an uncompressed name */
export function questionEnd(query: Buffer): number {
  let at = 12
  while (query[at]) at += 1 + query[at]!
  return at + 5
}

export function nameIn(query: Buffer): string {
  return query.subarray(12, questionEnd(query) - 4).toString('latin1')
}

export interface AnswerOptions {
  address?: string
  rcode?: number
  tc?: boolean
  /** OPT options of the reply; `null` leaves OPT out. */
  options?: Buffer | null
  /** Octets of padding, as a TXT record. */
  padding?: number
}

/** @returns what an honest server answers */
export function answerTo(query: Buffer, given: AnswerOptions = {}): Buffer {
  const { address = '192.0.2.1', rcode = 0, tc = false, options = Buffer.alloc(0), padding = 0 } = given
  const records: Buffer[] = []
  if (rcode === 0 && !tc) {
    records.push(Buffer.concat([u16(0xc00c, 1, 1, 0, 60, 4), Buffer.from(address.split('.').map(Number))]))
  }
  for (let left = padding; left > 0; left -= 200) {
    const text = Buffer.alloc(Math.min(left, 200), 120)
    records.push(Buffer.concat([u16(0xc00c, 16, 1, 0, 60, text.length + 1), Buffer.of(text.length), text]))
  }
  const opt =
    options && Buffer.concat([Buffer.of(0), u16(41, 1232, (rcode >> 4) << 8, 0, options.length), options])
  return Buffer.concat([
    query.subarray(0, 2),
    u16(0x8180 | (tc ? 0x0200 : 0) | (rcode & 15), 1, records.length, 0, opt ? 1 : 0),
    query.subarray(12, questionEnd(query)),
    ...records,
    ...(opt ? [opt] : []),
  ])
}

export function cookieOption(...parts: Buffer[]): Buffer {
  const data = Buffer.concat(parts)
  return Buffer.concat([u16(10, data.length), data])
}

/** @returns the COOKIE option that ends a query, or null */
export function cookieIn(query: Buffer): Buffer | null {
  const opt = questionEnd(query)
  if (query.length < opt + 11 + 4 || query.readUInt16BE(opt + 11) !== 10) return null
  return query.subarray(opt + 15, opt + 15 + query.readUInt16BE(opt + 13))
}

export function framed(message: Buffer): Buffer {
  return Buffer.concat([u16(message.length), message])
}

export type OnUdp = (
  query: Buffer,
  send: (reply: Buffer) => void,
  from: { port: number; address: string },
) => void
export type OnTcp = (query: Buffer, socket: Socket) => void

/** A server on loopback whose manners are its owner's: UDP and TCP on one port. */
export class HostileUpstream {
  readonly udpQueries: Buffer[] = []
  readonly tcpQueries: Buffer[] = []
  readonly tcpSockets = new Set<Socket>()
  /** Client ports seen, in order. */
  readonly ports: number[] = []
  tcpAccepted = 0
  onUdp: OnUdp
  onTcp: OnTcp | null
  #udp: UdpSocket | null = null
  #tcp: Server | null = null
  port = 0

  constructor(options: { onUdp?: OnUdp; onTcp?: OnTcp | null } = {}) {
    this.onUdp = options.onUdp ?? ((query, send) => send(answerTo(query)))
    this.onTcp =
      options.onTcp === undefined ? (query, socket) => socket.write(framed(answerTo(query))) : options.onTcp
  }

  get at() {
    return { address: '127.0.0.1', port: this.port }
  }

  async start(port = 0): Promise<this> {
    const tcp = createServer((socket) => this.#accept(socket))
    tcp.listen(port, '127.0.0.1')
    await once(tcp, 'listening')
    this.port = (tcp.address() as { port: number }).port
    if (this.onTcp) this.#tcp = tcp
    else tcp.close()
    const udp = createSocket('udp4')
    udp.bind(this.port, '127.0.0.1')
    await once(udp, 'listening')
    udp.on('message', (query, from) => {
      this.udpQueries.push(query)
      this.ports.push(from.port)
      this.onUdp(query, (reply) => udp.send(reply, from.port, from.address), from)
    })
    this.#udp = udp
    return this
  }

  async stop(): Promise<void> {
    this.#udp?.close()
    this.#udp = null
    for (const socket of this.tcpSockets) socket.destroy()
    this.#tcp?.close()
    this.#tcp = null
  }

  #accept(socket: Socket): void {
    this.tcpAccepted++
    this.tcpSockets.add(socket)
    let pending = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.tcpSockets.delete(socket))
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const query = pending.subarray(2, 2 + pending.readUInt16BE(0))
        pending = pending.subarray(2 + query.length)
        this.tcpQueries.push(query)
        this.onTcp?.(query, socket)
      }
    })
  }
}
