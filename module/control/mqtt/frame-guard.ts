/**
 * Reads nothing but the length in each MQTT fixed header (MQTT 5 §2.1, 3.1.1 §2.2) as bytes pass by. The MQTT library
 * collects a packet whole before anyone may judge it, up to 256 MB; this closes the connection at the announcement.
 */
export class FrameGuard {
  readonly #limit: number
  /** Bytes of the current packet's body that are still to come. */
  #body = 0
  #inLength = false
  #shift = 0

  /** @param limit bytes that one packet may have after its fixed header */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** @returns false where a packet announces more than the limit, or a length that is none (more than 4 bytes) */
  accepts(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#body > 0 && !this.#inLength) {
        const passed = Math.min(this.#body, bytes.length - at)
        this.#body -= passed
        at += passed
      } else if (!this.#inLength) {
        at++
        this.#inLength = true
        this.#shift = 0
        this.#body = 0
      } else if (!this.#readLength(bytes[at++]!)) return false
    }
    return true
  }

  #readLength(byte: number): boolean {
    this.#body += (byte & 0x7f) * 2 ** this.#shift
    this.#shift += 7
    if (this.#body > this.#limit) return false
    if ((byte & 0x80) === 0) this.#inLength = false
    else if (this.#shift === 28) return false
    return true
  }
}
