import { EDE_OPTION, Flag, HEADER_BYTES, Rcode, Type, UDP_BYTES } from './constants.ts'
import type { Question } from './question.ts'
import { namesHold, type RecordView, recordAt } from './record.ts'
import { copyOctets } from './reply.ts'

/** RFC 2308 §5 asks for a bound on negative answers: an hour. */
const MAX_NEGATIVE_TTL = 3600
/** RFC 8767 §4: TTLs with the top bit set, or above a week, are capped. */
const MAX_TTL = 604_800
export const OPT_BYTES = 11
const NO_ERRORS = Buffer.alloc(0)

/**
 * An upstream's reply, walked once: without its OPT, with what is needed to serve it again.
 * Shared between the clients of one exchange and the cache; its bytes are never changed.
 */
export interface Answer {
  /** Header, question and records; no OPT; never truncated. */
  bytes: Buffer
  /** Offset behind the question. */
  questionEnd: number
  rcode: number
  authenticData: boolean
  records: readonly RecordView[]
  answers: number
  authorities: number
  /** Seconds that it may be cached; 0 where it must not. */
  ttl: number
  /** EDE options of the upstream, ready to be copied into an OPT (RFC 8914 §2). */
  errors: Buffer
  truncated: boolean
}

interface AnswerWalk {
  records: RecordView[]
  /** Records that follow an OPT are left out: moving them would break their pointers. */
  end: number
  opt: RecordView | null
  kept: [number, number, number]
}

/** @returns false where the whole reply must not be used */
function keep(walk: AnswerWalk, reply: Buffer, record: RecordView, section: number): boolean {
  if (record.type === Type.OPT) {
    if (walk.opt || section !== 2) return false
    walk.opt = record
    return true
  }
  if (walk.opt) return true
  walk.records.push(record)
  walk.kept[section] = walk.kept[section]! + 1
  walk.end = record.end
  return namesHold(reply, record, walk.records)
}

function walkRecords(reply: Buffer, questionEnd: number): AnswerWalk | null {
  const counts = [reply.readUInt16BE(6), reply.readUInt16BE(8), reply.readUInt16BE(10)] as const
  const walk: AnswerWalk = { records: [], end: questionEnd, opt: null, kept: [0, 0, 0] }
  let at = questionEnd
  for (let section = 0; section < 3; section++) {
    for (let left = counts[section]!; left > 0; left--) {
      const record = recordAt(reply, at, walk.records)
      if (record === null || !keep(walk, reply, record, section)) return null
      at = record.end
    }
  }
  return walk
}

function extendedErrors(reply: Buffer, opt: RecordView): Buffer {
  const found: Buffer[] = []
  let at = opt.rdata
  while (at + 4 <= opt.end) {
    const end = at + 4 + reply.readUInt16BE(at + 2)
    if (end > opt.end) break
    if (reply.readUInt16BE(at) === EDE_OPTION) found.push(reply.subarray(at, end))
    at = end
  }
  return Buffer.concat(found)
}

function cappedTtl(reply: Buffer, at: number): number {
  const ttl = reply.readUInt32BE(at)
  return ttl > 0x7fff_ffff ? 0 : Math.min(ttl, MAX_TTL)
}

/** RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM; without an SOA a negative answer is not cached. */
function negativeTtl(reply: Buffer, walk: AnswerWalk): number {
  const [answers, authorities] = walk.kept
  for (const record of walk.records.slice(answers, answers + authorities)) {
    if (record.type === Type.SOA && record.end - record.rdata >= 22)
      return Math.min(cappedTtl(reply, record.ttlAt), reply.readUInt32BE(record.end - 4), MAX_NEGATIVE_TTL)
  }
  return 0
}

/** An answer that ends in a CNAME without the type asked is negative too (RFC 2308 §2.1, §2.2). */
function isNegative(reply: Buffer, walk: AnswerWalk, rcode: number, questionEnd: number): boolean {
  if (rcode === Rcode.NXDOMAIN) return true
  const asked = reply.readUInt16BE(questionEnd - 4)
  if (asked === Type.CNAME || asked === Type.ANY) return walk.kept[0] === 0
  const answers = walk.records.slice(0, walk.kept[0])
  return !answers.some((record) => record.type === asked)
}

function cacheTtl(reply: Buffer, walk: AnswerWalk, rcode: number, questionEnd: number): number {
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return 0
  let ttl = MAX_TTL
  for (const record of walk.records.slice(0, walk.kept[0]))
    ttl = Math.min(ttl, cappedTtl(reply, record.ttlAt))
  return isNegative(reply, walk, rcode, questionEnd) ? Math.min(ttl, negativeTtl(reply, walk)) : ttl
}

/**
 * Reads a reply whose header and question have been matched already.
 * @param questionEnd offset behind its question
 * @returns null where its records are not well-formed: nothing of it may be used
 */
export function readAnswer(reply: Buffer, questionEnd: number): Answer | null {
  if (questionEnd > reply.length) return null
  const walk = walkRecords(reply, questionEnd)
  if (!walk) return null
  const flags = reply.readUInt16BE(2)
  const upper = walk.opt ? reply[walk.opt.ttlAt]! : 0
  const rcode = (upper << 4) | (flags & 0x0f)
  const truncated = (flags & Flag.TC) !== 0
  return {
    bytes: walk.end === reply.length ? reply : reply.subarray(0, walk.end),
    questionEnd,
    rcode,
    authenticData: (flags & Flag.AD) !== 0,
    records: walk.records,
    answers: walk.kept[0],
    authorities: walk.kept[1],
    ttl: truncated ? 0 : cacheTtl(reply, walk, rcode, questionEnd),
    errors: walk.opt && walk.opt.end - walk.opt.rdata >= 4 ? extendedErrors(reply, walk.opt) : NO_ERRORS,
    truncated,
  }
}

/** Cuts an answer short of the section, authority or additional, that has its record number `index`: no RRset is torn. */
export function withoutSectionOf(answer: Answer, index: number): void {
  const { bytes, records, answers, authorities, questionEnd } = answer
  const first = index < answers + authorities ? answers : answers + authorities
  answer.bytes = bytes.subarray(0, first === 0 ? questionEnd : records[first - 1]!.end)
  answer.records = records.slice(0, first)
  answer.authorities = first - answers
}

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

export function writeOpt(reply: Buffer, at: number, rcode: number, dnssecOk: boolean, errors: Buffer): void {
  reply.fill(0, at, at + OPT_BYTES)
  reply[at + 2] = Type.OPT
  reply[at + 3] = UDP_BYTES >> 8
  reply[at + 4] = UDP_BYTES & 0xff
  reply[at + 5] = rcode >> 4
  if (dnssecOk) reply[at + 7] = 0x80
  reply[at + 9] = errors.length >> 8
  reply[at + 10] = errors.length & 0xff
  errors.copy(reply, at + OPT_BYTES)
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
    errors = NO_ERRORS
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
  const reply = Buffer.allocUnsafe(recordsEnd + optBytes)
  bytes.copy(reply, 0, 0, recordsEnd)
  patchHead(reply, question, answer, truncated)
  patchCounts(reply, answer, count, question.hasEdns)
  patchTtls(reply, records, count, serving)
  if (question.hasEdns) writeOpt(reply, recordsEnd, answer.rcode, question.dnssecOk, errors)
  return reply
}
