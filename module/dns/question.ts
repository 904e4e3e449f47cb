import { CLASS_IN, CLASSIC_UDP_BYTES, Flag, HEADER_BYTES, SDE_OPTION, Type, UDP_BYTES } from './constants.ts'
import { DNSSEC_OK, OptField } from './edns.ts'
import { lowerName, NAME_BYTES, skipName } from './name.ts'

/** Type and class, behind the name. */
export const QUESTION_FIXED_BYTES = 4

/**
 * What reading a datagram came to; anything but `OK` and `DROP` is answered with the RCODE of that name, and `BADTYPE`
 * with FORMERR and its own EDE.
 */
export const QuestionStatus = {
  OK: 0,
  DROP: 1,
  FORMERR: 2,
  NOTIMP: 3,
  BADVERS: 4,
  REFUSED: 5,
  BADTYPE: 6,
} as const
export type QuestionStatus = (typeof QuestionStatus)[keyof typeof QuestionStatus]

/** What is asked for decides, once the message is known to be well-formed. */
function statusOf(type: number, cls: number): QuestionStatus {
  if (type === Type.OPT) return QuestionStatus.BADTYPE
  if (cls !== CLASS_IN || type === Type.AXFR || type === Type.IXFR) return QuestionStatus.REFUSED
  if (type < Type.NXNAME || type > Type.MAILA) return QuestionStatus.OK
  // RFC 9824 §3.5 on NXNAME, and on all of the range of meta types (RFC 6895 §3.1) that no RFC lets anyone ask for.
  if (type < Type.TKEY || type === Type.TSIG) return QuestionStatus.BADTYPE
  // TKEY needs keys that we have not; MAILA and MAILB are obsolete.
  return QuestionStatus.NOTIMP
}

/** @returns the octet after the only question of a query, or -1 where there is none that can be read */
export function questionEndOf(query: Buffer): number {
  if (query.length < HEADER_BYTES || query[4] !== 0 || query[5] !== 1) return -1
  let at = HEADER_BYTES
  let size = query[at]
  while (size !== 0) {
    // A pointer in the only question of a message could lead nowhere but into its header.
    if (size === undefined || size > 63 || at - HEADER_BYTES + size + 2 > NAME_BYTES) return -1
    at += size + 1
    size = query[at]
  }
  const end = at + 1 + QUESTION_FIXED_BYTES
  return end <= query.length ? end : -1
}

/**
 * The view of one question, read in place: numbers and offsets into the client's own bytes, no object tree.
 * `name` is shared between all views: valid until the next `read`.
 */
export class Question {
  /** Lower-cased wire name of the question read last. */
  static readonly name: Buffer = Buffer.alloc(NAME_BYTES + 4)

  message: Buffer
  /** Octets of the message; what the buffer holds behind them is not of it. */
  length: number
  /** Where its reply is written, from the start on; null: in a buffer of its own, as long as the reply. */
  slot: Buffer | null = null
  /** Octets of the reply that was written last. */
  replyLength = 0
  id = 0
  flags = 0
  /** Octets of the lower-cased name, root included; 0 until a question was read. */
  nameLength = 0
  /** Offset of the last label's length octet within `name`; 0 for a single label. */
  lastLabel = 0
  type = 0
  class = 0
  /** Offset behind the question; `HEADER_BYTES` until one was read. */
  end = HEADER_BYTES
  hasEdns = false
  /** DNSSEC OK (RFC 3225). */
  dnssecOk = false
  /** What the client takes over UDP: its own figure within 512 and our 1232. */
  udpBytes = CLASSIC_UDP_BYTES
  wantsStructuredErrors = false

  constructor(message: Buffer) {
    this.message = message
    this.length = message.length
  }

  /** Makes this the view of another message, unread: one object for all messages that are answered at once. */
  reuse(message: Buffer, length: number, slot: Buffer): void {
    this.message = message
    this.length = length
    this.slot = slot
    this.id = 0
    this.flags = 0
    this.nameLength = 0
    this.lastLabel = 0
    this.type = 0
    this.class = 0
    this.end = HEADER_BYTES
    this.hasEdns = false
    this.dnssecOk = false
    this.udpBytes = CLASSIC_UDP_BYTES
    this.wantsStructuredErrors = false
  }

  /** Copies what `reuse` has only lent: for a reply that comes later. */
  keep(): void {
    this.message = Buffer.from(this.message.subarray(0, this.length))
    this.slot = null
  }

  /** @returns where to write a reply of so many octets */
  room(octets: number): Buffer {
    const { slot } = this
    this.replyLength = octets
    return slot !== null && octets <= slot.length ? slot : Buffer.allocUnsafe(octets)
  }

  /** Reads header, question and OPT. A reply can be made from the view whatever the outcome, but for `DROP`. */
  read(): QuestionStatus {
    const { message } = this
    if (this.length < HEADER_BYTES) return QuestionStatus.DROP
    this.id = (message[0]! << 8) | message[1]!
    this.flags = (message[2]! << 8) | message[3]!
    // An answer to an answer is how two servers talk for ever (RFC 1035 §7.3).
    if (this.flags & Flag.QR) return QuestionStatus.DROP
    if (this.flags & Flag.OPCODE) return QuestionStatus.NOTIMP
    // RFC 9619 §4: QDCOUNT is 0 or 1, and a query that asks nothing has no answer.
    if (message[4] !== 0 || message[5] !== 1) return QuestionStatus.FORMERR
    if (!this.#readQuestion()) return QuestionStatus.FORMERR
    return this.#readRecords()
  }

  /** Puts this question's name back into `Question.name`, after others have been read. */
  restoreName(): void {
    lowerName(this.message, HEADER_BYTES, this.end, Question.name)
  }

  #readQuestion(): boolean {
    const { message } = this
    const name = Question.name
    const length = lowerName(message, HEADER_BYTES, this.length, name)
    const at = HEADER_BYTES + length
    if (length < 0 || at + 4 > this.length) return false
    this.nameLength = length
    let label = 0
    let next = name[0]! + 1
    while (next < length - 1) {
      label = next
      next += name[next]! + 1
    }
    this.lastLabel = label
    this.type = (message[at]! << 8) | message[at + 1]!
    this.class = (message[at + 2]! << 8) | message[at + 3]!
    this.end = at + 4
    return true
  }

  #readRecords(): QuestionStatus {
    const { message, length } = this
    const answers = (message[6]! << 8) | message[7]!
    const authorities = (message[8]! << 8) | message[9]!
    const additionals = (message[10]! << 8) | message[11]!
    const transfer = this.type === Type.AXFR || this.type === Type.IXFR
    if (!transfer && (answers | authorities) !== 0) return QuestionStatus.FORMERR
    let reading: QuestionStatus = QuestionStatus.OK
    let at = this.end
    for (
      let left = answers + authorities + additionals;
      left > 0 && reading !== QuestionStatus.FORMERR;
      left--
    ) {
      const afterName = skipName(message, at, length)
      if (afterName < 0 || afterName + 10 > length) return QuestionStatus.FORMERR
      const type = (message[afterName]! << 8) | message[afterName + 1]!
      const next = afterName + 10 + ((message[afterName + 8]! << 8) | message[afterName + 9]!)
      if (next > length) return QuestionStatus.FORMERR
      if (type === Type.OPT) {
        // RFC 6891 §6.1.1: one OPT at most, owned by the root, in the additional section.
        if (this.hasEdns || left > additionals || message[at] !== 0) return QuestionStatus.FORMERR
        reading = this.#readOpt(at, next)
      }
      at = next
    }
    return reading === QuestionStatus.OK ? statusOf(this.type, this.class) : reading
  }

  #readOpt(opt: number, end: number): QuestionStatus {
    const { message } = this
    this.hasEdns = true
    const size = (message[opt + OptField.UDP_BYTES]! << 8) | message[opt + OptField.UDP_BYTES + 1]!
    this.udpBytes = Math.min(Math.max(size, CLASSIC_UDP_BYTES), UDP_BYTES)
    this.dnssecOk = (message[opt + OptField.FLAGS]! & DNSSEC_OK) !== 0
    // RFC 6891 §6.1.3: what follows may have another form in another version.
    if (message[opt + OptField.VERSION] !== 0) return QuestionStatus.BADVERS
    let at = opt + OptField.OPTIONS
    while (at < end) {
      if (at + 4 > end) return QuestionStatus.FORMERR
      const option = (message[at]! << 8) | message[at + 1]!
      if (option === SDE_OPTION) this.wantsStructuredErrors = true
      at += 4 + ((message[at + 2]! << 8) | message[at + 3]!)
    }
    return at === end ? QuestionStatus.OK : QuestionStatus.FORMERR
  }
}
