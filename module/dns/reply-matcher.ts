import { HEADER_BYTES } from './constants.ts'
import { QUESTION_FIXED_BYTES } from './question.ts'

/** What a datagram is to the query that waits for it. Only `match` may be used; all others are ignored. */
export type ReplyMatch = 'match' | 'wrong-id' | 'wrong-case' | 'wrong-question' | 'header-only' | 'junk'

/** @returns 0x20 folded away for A-Z only; length octets are below 64 and stay as they are (RFC 4343 §3) */
function folded(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

/**
 * RFC 5452 §9.1: ID, QR, opcode, QDCOUNT and the question must be those of the query. Address and port are the
 * kernel's business: the socket is connected.
 *
 * @param query with its one uncompressed question from octet 12 to `questionEnd`
 * @param exactCase the letters' case was drawn at random and must come back so
 */
export function matchReply(
  reply: Buffer,
  id: number,
  query: Buffer,
  questionEnd: number,
  exactCase: boolean,
): ReplyMatch {
  if (reply.length < HEADER_BYTES) return 'junk'
  if (((reply[0]! << 8) | reply[1]!) !== id) return 'wrong-id'
  const flags = reply[2]!
  if ((flags & 0x80) === 0 || ((flags ^ query[2]!) & 0x78) !== 0) return 'junk'
  const questions = (reply[4]! << 8) | reply[5]!
  if (questions === 0) return 'header-only'
  if (questions !== 1 || reply.length < questionEnd) return 'wrong-question'
  const nameEnd = questionEnd - QUESTION_FIXED_BYTES
  let sameCase = true
  for (let i = HEADER_BYTES; i < nameEnd; i++) {
    const theirs = reply[i]!
    const ours = query[i]!
    if (theirs === ours) continue
    if (folded(theirs) !== folded(ours)) return 'wrong-question'
    sameCase = false
  }
  for (let i = nameEnd; i < questionEnd; i++) if (reply[i] !== query[i]) return 'wrong-question'
  return sameCase || !exactCase ? 'match' : 'wrong-case'
}
