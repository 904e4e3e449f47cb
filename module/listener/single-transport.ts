import type { RemoteInfo, Socket } from 'node:dgram'
import type { Log } from '../base/log.ts'
import { type DatagramSender, datagramSender } from '../platform/datagram-sender.ts'
import { PENDING, Query } from '../query/query.ts'
import type { Handler } from './handler.ts'
import { isAnswerable, type UdpTransport } from './udp-transport.ts'

export interface UdpTransportOptions {
  socket: Socket
  handle: Handler
  /** Something came of a port that nothing is answered at: it is counted all the same, as the kernel may have. */
  onUnanswerable?: (() => void) | undefined
  log: Log
}

/** Datagrams one by one, as Node has them. */
export class SingleTransport implements UdpTransport {
  readonly #options: UdpTransportOptions
  readonly #sender: DatagramSender
  #stopped = false

  constructor(options: UdpTransportOptions) {
    this.#options = options
    // A failed send is a lost datagram: the client asks again.
    this.#sender = datagramSender(options.socket, (error) => {
      if (error) options.log.debug('udp-error', { message: error.message })
    })
  }

  start(): void {
    this.#options.socket.on('message', (message, from) => this.answer(message, from))
  }

  stop(): void {
    this.#stopped = true
  }

  answer(message: Buffer, { address, port }: RemoteInfo): void {
    if (!isAnswerable(port)) {
      this.#options.onUnanswerable?.()
      return
    }
    const query = new Query(message, address, 'udp')
    const outcome = this.#options.handle(query)
    if (typeof outcome !== 'symbol') this.send(outcome, port, address)
    else if (outcome === PENDING) query.respond = (reply) => this.send(reply, port, address)
  }

  send(reply: Buffer, port: number, address: string): void {
    if (!this.#stopped) this.#sender.send(reply, port, address)
  }
}
