import { Ede, Flag, HEADER_BYTES, Rcode, Type } from './constants.ts'
import { DNSSEC_OK, type ExtendedError, OptField, optRecord } from './edns.ts'
import type { Question } from './question.ts'

/** Owner of a synthesised record: a pointer to the question's name. */
const AT_QUESTION = [0xc0, HEADER_BYTES] as const

/** What follows the question in a reply of our own. Made once, used for every query of its kind. */
export interface ReplySections {
  rcode: number
  answers: number
  authorities: number
  records: Buffer
  /** The first of `records` is owned by the question's name: instead, by the one above it. */
  ownedAbove?: boolean
  /** The OPT record to add when the query had one. */
  opt: Buffer
}

/** A record owned by the question's name, class IN. */
export function recordAtQuestion(type: number, ttl: number, rdata: Uint8Array): Buffer {
  const fixed = Buffer.from([...AT_QUESTION, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 0, 0, 0])
  fixed.writeUInt32BE(ttl, 6)
  fixed.writeUInt16BE(rdata.length, 10)
  return Buffer.concat([fixed, rdata])
}

/** The SOA that makes a negative answer cacheable (RFC 2308 §3), owned by the question's name. */
export function soaAtQuestion(ttl: number): Buffer {
  const rdata = Buffer.alloc(22)
  for (const [at, value] of [
    [2, 1],
    [6, 3600],
    [10, 600],
    [14, 86_400],
    [18, ttl],
  ] as const)
    rdata.writeUInt32BE(value, at)
  return recordAtQuestion(Type.SOA, ttl, rdata)
}

const NO_RECORDS = Buffer.alloc(0)
const bareOpt = optRecord(Rcode.NOERROR)

export function emptyTail(rcode: number, errors: readonly ExtendedError[] = []): ReplySections {
  return { rcode, answers: 0, authorities: 0, records: NO_RECORDS, opt: optRecord(rcode, errors) }
}

/**
 * A negative answer with SOA: NODATA with `Rcode.NOERROR`, or NXDOMAIN. A name that does not exist is no zone: its SOA
 * belongs to the name above it.
 */
export function negativeTail(
  rcode: number,
  ttl: number,
  errors: readonly ExtendedError[] = [],
): ReplySections {
  const opt = optRecord(rcode, errors)
  const ownedAbove = rcode === Rcode.NXDOMAIN
  return { rcode, answers: 0, authorities: 1, records: soaAtQuestion(ttl), ownedAbove, opt }
}

export function answerTail(
  type: number,
  ttl: number,
  rdata: Uint8Array,
  errors: readonly ExtendedError[] = [],
): ReplySections {
  const opt = optRecord(Rcode.NOERROR, errors)
  return {
    rcode: Rcode.NOERROR,
    answers: 1,
    authorities: 0,
    records: recordAtQuestion(type, ttl, rdata),
    opt,
  }
}

export const tails = {
  formatError: emptyTail(Rcode.FORMERR),
  invalidType: emptyTail(Rcode.FORMERR, [{ code: Ede.INVALID_QUERY_TYPE, text: '' }]),
  notImplemented: emptyTail(Rcode.NOTIMP),
  refused: emptyTail(Rcode.REFUSED),
  badVersion: emptyTail(Rcode.BADVERS),
  serverFailure: emptyTail(Rcode.SERVFAIL),
  truncated: emptyTail(Rcode.NOERROR),
} as const

/** Some tens of octets: a loop is done before `copy` has made the view of the part that it copies. */
export function copyOctets(from: Buffer, start: number, end: number, into: Buffer, at: number): void {
  for (let i = start, to = at; i < end; i++, to++) into[to] = from[i]!
}

/** RD, RA and CD are defined for QUERY alone (RFC 8906 §8.1.4): of an operation that we do not know, only its number comes back. */
const headerBits = (flags: number) => flags & Flag.OPCODE || Flag.RA | (flags & (Flag.RD | Flag.CD))

/**
 * The one place where a reply of our own is put together: the client's header bits and question, then `tail`.
 * RD and CD are copied, RA is set, AA is not, Z is cleared (RFC 1035 §4.1.1); the OPT only if the query had one
 * (RFC 6891 §6.1.1) with the client's DO (RFC 3225 §3).
 */
export function replyWith(question: Question, tail: ReplySections, extraFlags = 0): Buffer {
  const { message, end, flags, hasEdns } = question
  const { records } = tail
  const recordsEnd = end + records.length
  // RFC 8914 §3: rather no EDE than a reply that is too long.
  const opt = recordsEnd + tail.opt.length <= question.udpBytes ? tail.opt : bareOpt
  const reply = question.room(hasEdns ? recordsEnd + opt.length : recordsEnd)
  copyOctets(message, HEADER_BYTES, end, reply, HEADER_BYTES)
  copyOctets(records, 0, records.length, reply, end)
  if (tail.ownedAbove) reply[end + 1] = HEADER_BYTES + 1 + message[HEADER_BYTES]!
  reply[0] = message[0]!
  reply[1] = message[1]!
  const word = Flag.QR | headerBits(flags) | extraFlags | (tail.rcode & 0x0f)
  reply[2] = word >> 8
  reply[3] = word & 0xff
  reply[4] = 0
  reply[5] = end > HEADER_BYTES ? 1 : 0
  reply[6] = 0
  reply[7] = tail.answers
  reply[8] = 0
  reply[9] = tail.authorities
  reply[10] = 0
  reply[11] = hasEdns ? 1 : 0
  if (hasEdns) {
    copyOctets(opt, 0, opt.length, reply, recordsEnd)
    if (question.dnssecOk) reply[recordsEnd + OptField.FLAGS]! |= DNSSEC_OK
  }
  return reply
}
