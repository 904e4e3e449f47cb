import { parseHost } from '../blockpage/target.ts'
import { type HostPeek, noHost } from './reading.ts'

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const SERVER_NAME = 0
const HOST_NAME = 0
const RECORD_HEADER = 5
/** RFC 8446 §5.1: 2^14 octets. */
const MAX_RECORD = 16_384
/** Browsers send some 600 to 1,800; one that does not fit into a single record is nobody's. */
const MAX_HELLO = 16_384

/** Reads on from where it stands; null where that leads past the end. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  number(octets: number): number | null {
    if (this.#at + octets > this.#bytes.length) return null
    const value = this.#bytes.readUIntBE(this.#at, octets)
    this.#at += octets
    return value
  }

  take(length: number | null): Buffer | null {
    if (length === null || this.#at + length > this.#bytes.length) return null
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A vector: its length in so many octets, then itself (RFC 8446 §3.4). */
  vector(octets: number): Buffer | null {
    return this.take(this.number(octets))
  }
}

/** @returns octets of the record whose header is at `at`; null where none is */
function recordSize(bytes: Buffer, at: number): number | 'more' | null {
  if (bytes[at] !== HANDSHAKE || (at + 1 < bytes.length && bytes[at + 1] !== 3)) return null
  if (at + RECORD_HEADER > bytes.length) return 'more'
  const size = bytes.readUInt16BE(at + 3)
  return size === 0 || size > MAX_RECORD ? null : size
}

/**
 * Puts the first handshake message together, which may be spread over records (RFC 8446 §5.1).
 * @returns the body of a ClientHello; null where the bytes are something else, told by the first octet that shows it
 */
function helloOf(bytes: Buffer): Buffer | 'more' | null {
  const message = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let at = 0; ; ) {
    if (length > 0 && message[0] !== CLIENT_HELLO) return null
    if (length >= 4) {
      const end = 4 + message.readUIntBE(1, 3)
      if (end > MAX_HELLO) return null
      if (length >= end) return message.subarray(4, end)
    }
    if (at >= bytes.length) return 'more'
    const size = recordSize(bytes, at)
    if (typeof size !== 'number') return size
    at += RECORD_HEADER
    length += bytes.copy(message, length, at, at + size)
    at += size
  }
}

/** The first host_name of the extension (RFC 6066 §3: there is one of each type at most). */
function hostNameOf(extension: Buffer): string | null {
  const list = new Reader(extension).vector(2)
  const reader = list && new Reader(list)
  for (;;) {
    const type = reader?.number(1)
    const name = reader?.vector(2)
    // What is cut short names nobody; nor does the end.
    if (type == null || !name) return null
    if (type === HOST_NAME) return name.toString('latin1')
  }
}

function serverNameOf(hello: Buffer): string | null {
  const reader = new Reader(hello)
  // legacy_version, random; then session_id, cipher_suites, compression_methods (RFC 8446 §4.1.2).
  if (!reader.take(2 + 32) || !reader.vector(1) || !reader.vector(2) || !reader.vector(1)) return null
  const extensions = reader.vector(2)
  const each = extensions && new Reader(extensions)
  for (;;) {
    const type = each?.number(2)
    const body = each?.vector(2)
    if (type == null || !body) return null
    if (type === SERVER_NAME) return hostNameOf(body)
  }
}

/** Whom a TLS client wants to reach, by the server_name of its ClientHello; nothing is decrypted, for nothing is secret here. */
export function nameOfHello(bytes: Buffer): HostPeek {
  const hello = helloOf(bytes)
  if (hello === 'more') return 'more'
  const text = hello && serverNameOf(hello)
  // RFC 6066 §3: no port, no literal address.
  const host = text && !text.includes(':') ? parseHost(text) : null
  return host?.kind === 'name' ? { name: host.name } : noHost
}
