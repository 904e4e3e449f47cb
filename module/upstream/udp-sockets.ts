import { createSocket, type Socket } from 'node:dgram'
import { numericLookup } from '../base/numeric-lookup.ts'
import { type DatagramSender, datagramSender } from '../platform/datagram-sender.ts'
import type { RandomPool } from './random-pool.ts'

const retiredIds = 64

/** One connected socket: the kernel drops what does not come from the server's address and port. */
export interface UdpSocket<T> {
  readonly socket: Socket
  readonly owner: UdpSockets<T>
  /** Who waits for which ID. */
  readonly waiting: Map<number, T>
  readonly sender: DatagramSender
  /** Datagrams that the kernel has not taken yet: their buffers must not be reused. */
  sending: number
  /** Datagrams that it may still send before another takes its place. */
  left: number
  bornTick: number
  /** IDs done with: a late or doubled reply to one of them is no guess. */
  readonly retired: Int32Array
  retiredAt: number
  replaced: boolean
}

export interface UdpHandlers<T> {
  onMessage(socket: UdpSocket<T>, message: Buffer): void
  /** ICMP, or the system refused to send. The socket is to be failed. */
  onError(socket: UdpSocket<T>, error: Error): void
}

/** The sockets to one server: opened as they are drawn, replaced after a while so that their ports are no fixed target. */
export class UdpSockets<T> {
  readonly #sockets: (UdpSocket<T> | null)[]
  readonly #draining = new Set<UdpSocket<T>>()
  readonly #address: string
  readonly #port: number
  readonly #random: RandomPool
  readonly #handlers: UdpHandlers<T>
  readonly #lifeTicks: number

  constructor(options: {
    address: string
    port: number
    count: number
    lifeTicks: number
    random: RandomPool
    handlers: UdpHandlers<T>
  }) {
    this.#sockets = new Array(options.count).fill(null)
    this.#address = options.address
    this.#port = options.port
    this.#random = options.random
    this.#handlers = options.handlers
    this.#lifeTicks = options.lifeTicks
  }

  /** @returns a socket drawn at random, or null where the system gives none */
  draw(tick: number): UdpSocket<T> | null {
    const slot = this.#random.below(this.#sockets.length)
    let drawn = this.#sockets[slot] ?? null
    if (drawn && (drawn.left === 0 || tick - drawn.bornTick > this.#lifeTicks)) {
      this.#replace(drawn)
      drawn = null
    }
    if (!drawn) {
      drawn = this.#open(tick)
      this.#sockets[slot] = drawn
    }
    return drawn
  }

  /** @returns an ID that nobody waits for on this socket */
  freshId(socket: UdpSocket<T>): number {
    let id = this.#random.id()
    while (socket.waiting.has(id)) id = this.#random.id()
    return id
  }

  send(socket: UdpSocket<T>, query: Buffer, length: number): void {
    socket.left--
    // What goes wrong is told: an ICMP error that the kernel reports at this send would be lost otherwise.
    if (!socket.sender.send(query.subarray(0, length))) socket.sending++
  }

  /** Nobody waits for this ID any more. */
  release(socket: UdpSocket<T>, id: number): void {
    if (!socket.waiting.delete(id)) return
    socket.retired[socket.retiredAt] = id
    socket.retiredAt = (socket.retiredAt + 1) % retiredIds
    if (socket.replaced && socket.waiting.size === 0) this.#close(socket)
  }

  /** Takes a socket out of use; closed when nobody waits on it any more. */
  fail(socket: UdpSocket<T>): void {
    this.#replace(socket)
  }

  close(): void {
    for (const socket of this.#sockets) if (socket) this.#close(socket)
    for (const socket of this.#draining) this.#close(socket)
    this.#sockets.fill(null)
  }

  get open(): number {
    return this.#sockets.filter((socket) => socket !== null).length + this.#draining.size
  }

  #replace(socket: UdpSocket<T>): void {
    const slot = this.#sockets.indexOf(socket)
    if (slot >= 0) this.#sockets[slot] = null
    if (socket.replaced) return
    socket.replaced = true
    if (socket.waiting.size === 0) this.#close(socket)
    else this.#draining.add(socket)
  }

  #close(socket: UdpSocket<T>): void {
    this.#draining.delete(socket)
    socket.replaced = true
    socket.socket.removeAllListeners('message')
    try {
      socket.socket.close()
    } catch {
      // Closed already: the system closes it where it could not be bound.
    }
  }

  #open(tick: number): UdpSocket<T> | null {
    const ipv6 = this.#address.includes(':')
    const socket = createSocket({ type: ipv6 ? 'udp6' : 'udp4', lookup: numericLookup as never })
    const opened: UdpSocket<T> = {
      socket,
      owner: this,
      waiting: new Map(),
      sender: datagramSender(socket, (error) => {
        opened.sending--
        if (error) this.#handlers.onError(opened, error)
      }),
      sending: 0,
      left: 2048 + (this.#random.id() >> 3),
      bornTick: tick,
      retired: new Int32Array(retiredIds).fill(-1),
      retiredAt: 0,
      replaced: false,
    }
    socket.on('error', (error) => this.#handlers.onError(opened, error))
    try {
      socket.bind({ port: 0, address: ipv6 ? '::' : '0.0.0.0', exclusive: true })
      socket.connect(this.#port, this.#address)
      socket.remoteAddress()
    } catch {
      this.#close(opened)
      return null
    }
    socket.on('message', (message) => this.#handlers.onMessage(opened, message))
    return opened
  }
}
