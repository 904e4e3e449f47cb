import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Log } from '../base/log.ts'
import { numericLookup } from '../base/numeric-lookup.ts'
import type { BatchAddon } from '../platform/batch/addon.ts'
import { descriptorOf, rawSocketOf } from '../platform/datagram-sender.ts'
import { BatchTransport } from './batch-transport.ts'
import type { Handler, Listener } from './handler.ts'
import { listenError } from './listen-error.ts'
import { SingleTransport, type UdpTransportOptions } from './single-transport.ts'
import type { UdpTransport } from './udp-transport.ts'

export interface UdpOptions {
  address: string
  port: number
  handle: Handler
  onUnanswerable?: UdpTransportOptions['onUnanswerable']
  log: Log
  /** Datagrams in batches; null: one by one. */
  addon: BatchAddon | null
}

/** Room for a burst while the process is busy; the kernel grants what net.core.rmem_max allows. */
const RECEIVE_BYTES = 1 << 20

export class UdpListener implements Listener {
  readonly #options: UdpOptions
  #socket: Socket | null = null
  #transport: UdpTransport | null = null

  constructor(options: UdpOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { address, port, log } = this.#options
    const type = isIPv6(address) ? 'udp6' : 'udp4'
    const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup: numericLookup as never })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => reject(listenError(error, 'UDP', address, port)))
      socket.bind({ address, port, exclusive: false }, resolve)
    })
    socket.removeAllListeners('error')
    try {
      socket.setRecvBufferSize(RECEIVE_BYTES)
    } catch (error) {
      log.debug('udp-receive-buffer', { message: String(error) })
    }
    this.serve(socket)
  }

  /** In the place of `start`, where the socket is bound already. */
  serve(socket: Socket): void {
    const { address, log, handle, addon, onUnanswerable } = this.#options
    socket.on('error', (error) => log.debug('udp-error', { address, message: error.message }))
    const raw = addon && rawSocketOf(socket)
    const options = { socket, handle, log, onUnanswerable }
    const transport = raw ? new BatchTransport(addon, raw, options) : new SingleTransport(options)
    transport.start()
    this.#socket = socket
    this.#transport = transport
  }

  get address(): string {
    return this.#options.address
  }

  get port(): number {
    return this.#options.port
  }

  /** For other threads to read the same socket; null where Node does not tell. */
  get descriptor(): number | null {
    return this.#socket && descriptorOf(this.#socket)
  }

  async stop(): Promise<void> {
    const socket = this.#socket
    this.#socket = null
    this.#transport?.stop()
    this.#transport = null
    if (socket) await new Promise<void>((resolve) => socket.close(resolve))
  }
}
