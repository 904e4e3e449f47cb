import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitLimitMs } from '../helpers/limits.ts'

interface Waiting {
  resolve: (reply: Buffer | null) => void
  timer: NodeJS.Timeout
}

/** Asks one server over UDP or TCP with many questions in flight; the ID is the client's own. */
export class WireClient {
  readonly #port: number
  readonly #waiting = new Map<number, Waiting>()
  #udp: UdpSocket | null = null
  #tcp: Socket | null = null
  #nextId = 1

  constructor(port: number) {
    this.#port = port
  }

  async start(): Promise<this> {
    const udp = createSocket('udp4')
    udp.on('message', (reply) => this.#onReply(reply))
    udp.on('error', () => undefined)
    udp.connect(this.#port, '127.0.0.1')
    await once(udp, 'connect')
    this.#udp = udp
    return this
  }

  stop(): void {
    for (const { timer, resolve } of this.#waiting.values()) {
      clearTimeout(timer)
      resolve(null)
    }
    this.#waiting.clear()
    this.#udp?.close()
    this.#udp = null
    this.#tcp?.destroy()
  }

  /** @returns null where nothing came in time */
  async ask(
    message: Buffer,
    transport: 'udp' | 'tcp' = 'udp',
    timeoutMs = waitLimitMs,
  ): Promise<Buffer | null> {
    const query = Buffer.from(message)
    const id = this.#nextId
    this.#nextId = (id % 65_535) + 1
    query.writeUInt16BE(id, 0)
    if (transport === 'tcp' && !this.#tcp) await this.#connect()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        resolve(null)
      }, timeoutMs)
      this.#waiting.set(id, { resolve, timer })
      if (transport === 'udp') this.#udp?.send(query)
      else this.#tcp?.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 255), query]))
    })
  }

  async #connect(): Promise<void> {
    const tcp = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#tcp = tcp
    let rest = Buffer.alloc(0)
    tcp.on('error', () => undefined)
    tcp.on('close', () => {
      if (this.#tcp === tcp) this.#tcp = null
    })
    tcp.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        this.#onReply(rest.subarray(2, end))
        rest = rest.subarray(end)
      }
    })
    await once(tcp, 'connect')
  }

  #onReply(reply: Buffer): void {
    const id = reply.readUInt16BE(0)
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    waiting.resolve(reply)
  }
}
