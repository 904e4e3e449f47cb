import { CLASS_IN, Flag, Rcode, Type } from './constants.ts'
import { extendedErrors, fullRcode, NO_OPTIONS, OPT_BYTES } from './edns.ts'
import { QUESTION_FIXED_BYTES } from './question.ts'
import { rdataHolds } from './rdata.ts'
import { type RecordView, recordAt } from './record.ts'

/** RFC 2308 §5 asks for a bound on negative answers: an hour. */
const MAX_NEGATIVE_TTL = 3600
/** RFC 8767 §4: a week; a TTL with its top bit set is a large one, and no longer 0 as in RFC 2181 §8. */
const MAX_TTL = 604_800

/**
 * An upstream's reply, walked once: without its OPT, with what is needed to serve it again.
 * Shared between the clients of one exchange and the cache; its bytes are never changed. No TTL is above the bounds.
 */
export interface Answer {
  /** Header, question and records; no OPT; never truncated. */
  bytes: Buffer
  /** Offset behind the question. */
  questionEnd: number
  rcode: number
  authenticData: boolean
  /** The reply had an OPT: upstream understood DO, if it was set. What comes out of the cache has none. */
  hasOpt: boolean
  /** RRSIG, NSEC or NSEC3 are among the records. */
  hasProofs: boolean
  records: readonly RecordView[]
  answers: number
  authorities: number
  /** Seconds that it may be cached; 0 where it must not. */
  ttl: number
  /** EDE options of the upstream, ready to be copied into an OPT (RFC 8914 §2). */
  errors: Buffer
  truncated: boolean
}

/** The section's number. */
const ADDITIONAL = 2

interface AnswerWalk {
  records: RecordView[]
  /** Records that follow an OPT are left out: moving them would break their pointers. */
  end: number
  opt: RecordView | null
  hasProofs: boolean
  kept: [number, number, number]
}

export const isProof = (type: number): boolean =>
  type === Type.RRSIG || type === Type.NSEC || type === Type.NSEC3

/** TSIG, and SIG(0), which is a SIG that covers no type: for the resolver behind us and its peer, not for clients. */
function isTransactionSignature(reply: Buffer, { type, rdata, end }: RecordView): boolean {
  return type === Type.TSIG || (type === Type.SIG && end - rdata >= 2 && reply.readUInt16BE(rdata) === 0)
}

function capTtl(reply: Buffer, { ttlAt }: RecordView, max: number): void {
  if (reply.readUInt32BE(ttlAt) > max) reply.writeUInt32BE(max, ttlAt)
}

/**
 * @param isLast of the whole message
 * @returns false where the whole reply must not be used
 */
function keep(
  walk: AnswerWalk,
  reply: Buffer,
  record: RecordView,
  section: number,
  isLast: boolean,
): boolean {
  if (record.type === Type.OPT) {
    if (walk.opt || section !== ADDITIONAL) return false
    walk.opt = record
    return true
  }
  // RFC 8945 §5.1, RFC 2931 §3.1: the last of the message.
  if (isTransactionSignature(reply, record)) return isLast && section === ADDITIONAL
  // RFC 2181 §5: a record of another class is no part of the answer; of class ANY or NONE it is an UPDATE's (RFC 2136 §2.5).
  if (record.class !== CLASS_IN) return false
  if (walk.opt) return true
  walk.records.push(record)
  walk.kept[section] = walk.kept[section]! + 1
  walk.end = record.end
  walk.hasProofs ||= isProof(record.type)
  capTtl(reply, record, MAX_TTL)
  return rdataHolds(reply, record, walk.records)
}

function walkRecords(reply: Buffer, questionEnd: number): AnswerWalk | null {
  const counts = [reply.readUInt16BE(6), reply.readUInt16BE(8), reply.readUInt16BE(10)] as const
  const walk: AnswerWalk = { records: [], end: questionEnd, opt: null, hasProofs: false, kept: [0, 0, 0] }
  let all = counts[0] + counts[1] + counts[2]
  let at = questionEnd
  for (let section = 0; section < 3; section++) {
    for (let left = counts[section]!; left > 0; left--) {
      const record = recordAt(reply, at, walk.records)
      if (record === null || !keep(walk, reply, record, section, --all === 0)) return null
      at = record.end
    }
  }
  return walk
}

/** RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM; without an SOA a negative answer is not cached. */
function negativeTtl(reply: Buffer, walk: AnswerWalk): number {
  const [answers, authorities] = walk.kept
  for (const record of walk.records.slice(answers, answers + authorities)) {
    if (record.type !== Type.SOA) continue
    capTtl(reply, record, MAX_NEGATIVE_TTL)
    return Math.min(reply.readUInt32BE(record.ttlAt), reply.readUInt32BE(record.end - 4))
  }
  return 0
}

/** An answer that ends in a CNAME without the type asked is negative too (RFC 2308 §2.1, §2.2). */
function isNegative(reply: Buffer, walk: AnswerWalk, rcode: number, questionEnd: number): boolean {
  if (rcode === Rcode.NXDOMAIN) return true
  const asked = reply.readUInt16BE(questionEnd - QUESTION_FIXED_BYTES)
  if (asked === Type.CNAME || asked === Type.ANY) return walk.kept[0] === 0
  const answers = walk.records.slice(0, walk.kept[0])
  return !answers.some((record) => record.type === asked)
}

function cacheTtl(reply: Buffer, walk: AnswerWalk, rcode: number, questionEnd: number): number {
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return 0
  let ttl = MAX_TTL
  for (const record of walk.records.slice(0, walk.kept[0]))
    ttl = Math.min(ttl, reply.readUInt32BE(record.ttlAt))
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
  const opt = walk.opt ? walk.opt.rdata - OPT_BYTES : -1
  const rcode = fullRcode(reply, opt)
  const truncated = (flags & Flag.TC) !== 0
  return {
    bytes: walk.end === reply.length ? reply : reply.subarray(0, walk.end),
    questionEnd,
    rcode,
    authenticData: (flags & Flag.AD) !== 0,
    hasOpt: opt >= 0,
    hasProofs: walk.hasProofs,
    records: walk.records,
    answers: walk.kept[0],
    authorities: walk.kept[1],
    ttl: truncated ? 0 : cacheTtl(reply, walk, rcode, questionEnd),
    errors: opt < 0 ? NO_OPTIONS : extendedErrors(reply, opt),
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
