import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import type { BatchAddon } from '../platform/batch/addon.ts'
import { DatagramBatch } from '../platform/batch/datagram-batch.ts'
import type { RawSocket } from '../platform/datagram-sender.ts'
import { PENDING, Query } from '../query/query.ts'
import { SingleTransport, type UdpTransportOptions } from './single-transport.ts'
import { AddressTexts, portOf } from './socket-addresses.ts'
import { isAnswerable, type UdpTransport } from './udp-transport.ts'

/** So many behind the first, and more will have come by the next turn of the event loop: then Node need not be waited for. */
const BUSY = 8
/** Fewer in one turn, and Node may wait for the next. */
const CALM = 4

const EMPTY = Buffer.alloc(0)
const { EAGAIN } = constants.errno

const newQuery = () => new Query(EMPTY, '', 'udp')

/**
 * Node says that a datagram has come and brings it along: it is answered at once, so that one alone waits for nothing. What
 * has come behind it is taken and answered as a batch: read where the kernel has put it, answered where the kernel takes it
 * from, and no object is made for it. As long as many come, Node is not asked: every turn of the event loop takes one batch,
 * so that timers and other sockets have their turns too (docs/adr/0013-datagram-batches.md).
 */
export class BatchTransport implements UdpTransport {
  readonly #options: UdpTransportOptions
  readonly #socket: RawSocket
  readonly #batch: DatagramBatch
  readonly #single: SingleTransport
  readonly #addresses = new AddressTexts()
  #query = newQuery()
  /** Slots that wait to be sent. */
  #filled = 0
  /** A query is being answered: the slot behind the filled ones is its own. */
  #answering = false
  #flushing = false
  /** Set while Node does not read. */
  #next: NodeJS.Immediate | null = null
  #stopped = false

  constructor(addon: BatchAddon, socket: RawSocket, options: UdpTransportOptions) {
    this.#options = options
    this.#socket = socket
    this.#batch = new DatagramBatch(addon)
    this.#single = new SingleTransport(options)
  }

  start(): void {
    this.#options.socket.on('message', (message, from) => {
      this.#single.answer(message, from)
      if (!this.#stopped && this.#takeBatch() >= BUSY) this.#readAlone()
    })
  }

  stop(): void {
    this.#flush()
    this.#stopped = true
    if (this.#next) clearImmediate(this.#next)
    this.#single.stop()
  }

  /** Node reads no more until a turn of the event loop has brought few. */
  #readAlone(): void {
    this.#socket.pause()
    const turn = () => {
      const count = this.#takeBatch()
      this.#next = !this.#stopped && count >= CALM ? setImmediate(turn) : null
      if (this.#next === null && !this.#stopped) this.#socket.resume()
    }
    this.#next = setImmediate(turn)
  }

  /** @returns datagrams that it had; none, or an error that Node will tell of, is 0 or less */
  #takeBatch(): number {
    const count = this.#batch.receive(this.#socket.fd)
    for (let slot = 0; slot < count; slot++) this.#answer(slot)
    this.#flush()
    return count
  }

  #answer(slot: number): void {
    const { from, addressWords, received, receivedLengths, outgoing } = this.#batch
    const at = slot * addressWords
    if (!isAnswerable(portOf(from, at))) {
      this.#options.onUnanswerable?.()
      return
    }
    if (this.#filled === outgoing.length) this.#flush()
    const query = this.#query
    const reply = outgoing[this.#filled]!
    query.reuseFor(received[slot]!, receivedLengths[slot]!, reply, this.#addresses.of(from, at))
    this.#answering = true
    const outcome = this.#options.handle(query)
    this.#answering = false
    if (outcome === reply) this.#fill(query.replyLength, from, at)
    else if (typeof outcome !== 'symbol') this.#add(outcome, from, at)
    else if (outcome === PENDING) this.#keep(query, from.slice(at, at + addressWords))
  }

  /** Its reply comes later, from upstream. */
  #keep(query: Query, to: Int32Array): void {
    this.#query = newQuery()
    query.keep()
    query.respond = (reply) => {
      if (this.#stopped) return
      this.#add(reply, to, 0)
      if (this.#flushing) return
      // Replies that come from upstream within one turn go out together.
      this.#flushing = true
      setImmediate(() => {
        this.#flushing = false
        this.#flush()
      })
    }
  }

  #add(reply: Buffer, to: Int32Array, at: number): void {
    const { outgoing, addressWords } = this.#batch
    if (this.#filled === outgoing.length) this.#flush()
    const slot = outgoing[this.#filled]!
    if (this.#answering || reply.length > slot.length)
      this.#sendAlone(reply, to.subarray(at, at + addressWords))
    else {
      for (let i = 0; i < reply.length; i++) slot[i] = reply[i]!
      this.#fill(reply.length, to, at)
    }
  }

  #fill(length: number, to: Int32Array, at: number): void {
    const batch = this.#batch
    const { addressWords } = batch
    const slot = this.#filled++
    batch.sendLengths[slot] = length
    for (let i = 0; i < addressWords; i++) batch.to[slot * addressWords + i] = to[at + i]!
  }

  #flush(): void {
    const count = this.#filled
    this.#filled = 0
    if (count > 0 && !this.#stopped) this.#batch.send(this.#socket.fd, count, this.#onFailed)
  }

  /** The kernel's buffer is full: libuv waits for room. Whatever else is wrong, the client asks again. */
  readonly #onFailed = (slot: number, errno: number): void => {
    const { outgoing, sendLengths, to, addressWords } = this.#batch
    if (errno === -EAGAIN) {
      const reply = Buffer.from(outgoing[slot]!.subarray(0, sendLengths[slot]!))
      this.#sendAlone(reply, to.subarray(slot * addressWords, (slot + 1) * addressWords))
    } else this.#options.log.debug('udp-error', { message: getSystemErrorName(errno) })
  }

  #sendAlone(reply: Buffer, to: Int32Array): void {
    this.#single.send(reply, portOf(to, 0), this.#addresses.of(to, 0))
  }
}
