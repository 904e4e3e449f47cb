import type { BatchAddon } from './addon.ts'

const slices = (memory: ArrayBuffer, at: number, count: number, bytes: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, slot) => Buffer.from(memory, at + slot * bytes, bytes))

/**
 * Datagrams of one turn, received and sent with one system call each. All views are made here, once: a datagram costs no
 * object. What was received stays until the next `receive`, what is to be sent until it was sent.
 */
export class DatagramBatch {
  readonly slots: number
  /** One for each slot; the datagram has `receivedLengths[slot]` octets, cut at the slot's. */
  readonly received: readonly Buffer[]
  readonly receivedLengths: Int32Array
  /** One for each slot, to be filled along with `sendLengths[slot]`. */
  readonly outgoing: readonly Buffer[]
  readonly sendLengths: Int32Array
  /** Socket addresses as the kernel writes them, `addressWords` for each slot; all 0: the peer of a connected socket. */
  readonly from: Int32Array
  readonly to: Int32Array
  readonly addressWords: number
  readonly #addon: BatchAddon
  readonly #memory: ArrayBuffer

  constructor(addon: BatchAddon) {
    const { layout } = addon
    const { slots } = layout
    const memory = new ArrayBuffer(layout.bytes)
    this.slots = slots
    this.addressWords = layout.addressBytes / 4
    this.received = slices(memory, layout.receivedAt, slots, layout.receiveBytes)
    this.outgoing = slices(memory, layout.sentAt, slots, layout.sendBytes)
    this.receivedLengths = new Int32Array(memory, layout.receivedLengthsAt, slots)
    this.sendLengths = new Int32Array(memory, layout.sendLengthsAt, slots)
    this.from = new Int32Array(memory, layout.fromAt, slots * this.addressWords)
    this.to = new Int32Array(memory, layout.toAt, slots * this.addressWords)
    this.#addon = addon
    this.#memory = memory
  }

  /**
   * @param fd an open socket's descriptor
   * @returns datagrams that are now in the first slots, or a negative errno; -EAGAIN where none has arrived
   */
  receive(fd: number): number {
    return this.#addon.receive(this.#memory, fd)
  }

  /**
   * Sends the first `count` slots.
   * @param failed told of each slot that was not sent, with a negative errno
   */
  send(fd: number, count: number, failed: (slot: number, errno: number) => void): void {
    let slot = 0
    while (slot < count) {
      const taken = this.#addon.send(this.#memory, fd, slot, count)
      if (taken > 0) slot += taken
      else failed(slot++, taken)
    }
  }
}
