import type { Answer } from './answer.ts'
import { Flag, HEADER_BYTES } from './constants.ts'
import { NO_OPTIONS, OPT_BYTES, writeOpt } from './edns.ts'
import type { Question } from './question.ts'
import type { RecordView } from './record.ts'
import { copyOctets } from './reply.ts'

/** How an answer is served to one client. */
export interface ReplyOptions {
  /** Most octets of the reply: the UDP limit, or 65,535 over TCP. */
  limit: number
  /** Seconds since the answer came in, taken off each TTL. */
  age: number
  /** A fixed TTL instead: RFC 8767 §4 for stale answers. */
  ttl?: number
  /** EDE options in place of the upstream's. */
  errors?: Buffer
}

function sameRrset(bytes: Buffer, a: RecordView, b: RecordView): boolean {
  if (a.type !== b.type || a.class !== b.class) return false
  return bytes.compare(bytes, b.owner, b.ttlAt - 4, a.owner, a.ttlAt - 4) === 0
}

/** How many records fit, cut at the boundary of an RRset (RFC 2181 §9), and whether that loses an answer. */
function fitting(answer: Answer, room: number): { count: number; truncated: boolean } {
  const { bytes, records, answers, authorities } = answer
  let count = records.length
  while (count > 0 && records[count - 1]!.end > room) count--
  if (count === records.length) return { count, truncated: false }
  while (count > 0 && count < records.length && sameRrset(bytes, records[count - 1]!, records[count]!))
    count--
  return { count, truncated: count < answers + authorities }
}

function patchTtls(
  reply: Buffer,
  records: readonly RecordView[],
  count: number,
  serving: ReplyOptions,
): void {
  const { age, ttl } = serving
  if (age === 0 && ttl === undefined) return
  for (let i = 0; i < count; i++) {
    const at = records[i]!.ttlAt
    const left = (ttl ?? reply.readUInt32BE(at) - age) | 0
    reply.writeUInt32BE(Math.max(left, 0), at)
  }
}

function patchCounts(reply: Buffer, answer: Answer, count: number, hasEdns: boolean): void {
  const answers = Math.min(count, answer.answers)
  const authorities = Math.min(count - answers, answer.authorities)
  reply.writeUInt16BE(1, 4)
  reply.writeUInt16BE(answers, 6)
  reply.writeUInt16BE(authorities, 8)
  reply.writeUInt16BE(count - answers - authorities + (hasEdns ? 1 : 0), 10)
}

/** The client's ID, bits and question's spelling. AD only for those who asked for it (RFC 6840 §5.8). */
export function patchHead(
  reply: Buffer,
  question: Question,
  answer: Pick<Answer, 'rcode' | 'authenticData' | 'questionEnd'>,
  truncated: boolean,
): void {
  const { message, flags } = question
  copyOctets(message, HEADER_BYTES, answer.questionEnd, reply, HEADER_BYTES)
  reply[0] = message[0]!
  reply[1] = message[1]!
  const wantsAd = answer.authenticData && (question.dnssecOk || (flags & Flag.AD) !== 0)
  const kept = flags & (Flag.RD | Flag.CD)
  const word =
    Flag.QR | Flag.RA | kept | (wantsAd ? Flag.AD : 0) | (truncated ? Flag.TC : 0) | (answer.rcode & 0x0f)
  reply[2] = word >> 8
  reply[3] = word & 0xff
}

/**
 * The client's reply: its ID, bits and question's spelling, the answer's records, an OPT if it sent one.
 * Both questions have the same length, so pointers stay right.
 */
export function writeReply(question: Question, answer: Answer, serving: ReplyOptions): Buffer {
  const { bytes, records, questionEnd } = answer
  let errors = serving.errors ?? answer.errors
  let optBytes = question.hasEdns ? OPT_BYTES + errors.length : 0
  if (errors.length > 0 && question.hasEdns && bytes.length + optBytes > serving.limit) {
    // RFC 8914 §3: EDE options go before any other data does.
    errors = NO_OPTIONS
    optBytes = OPT_BYTES
  }
  let count = records.length
  let truncated = answer.truncated
  if (bytes.length + optBytes > serving.limit) {
    const fit = fitting(answer, serving.limit - optBytes)
    count = fit.count
    truncated ||= fit.truncated
  }
  const recordsEnd =
    count === records.length ? bytes.length : count === 0 ? questionEnd : records[count - 1]!.end
  const reply = question.room(recordsEnd + optBytes)
  bytes.copy(reply, 0, 0, recordsEnd)
  patchHead(reply, question, answer, truncated)
  patchCounts(reply, answer, count, question.hasEdns)
  patchTtls(reply, records, count, serving)
  if (question.hasEdns) writeOpt(reply, recordsEnd, answer.rcode, question.dnssecOk, errors)
  return reply
}
