import { type Answer, readAnswer } from './answer.ts'
import { NO_OPTIONS, OPT_BYTES, writeOpt } from './edns.ts'
import type { Question } from './question.ts'
import { patchHead, type ReplyOptions, writeReply } from './write-reply.ts'

/**
 * An answer as the cache keeps it, among others in one buffer: no object of its own to allocate, to move and to
 * collect. From `start`: the answer's octets with its counts put right; the offset of each record's TTL, two octets
 * each, so that it is served without being read again; its EDE options.
 */
export interface StoredAnswer {
  readonly octets: Buffer
  /** The same memory. */
  readonly words: Uint32Array
  /** A multiple of four. */
  readonly start: number
  /** Octets of the answer alone. */
  readonly length: number
  readonly ttlCount: number
  readonly errorsLength: number
  readonly questionEnd: number
  readonly rcode: number
  readonly authenticData: boolean
}

/** @returns octets that the answer takes once stored */
export function storedBytes({ bytes, records, errors }: Answer): number {
  return bytes.length + records.length * 2 + errors.length
}

/** Writes `storedBytes(answer)` octets from `start`. */
export function storeAnswer(answer: Answer, octets: Buffer, start: number): void {
  const { bytes, records, answers, authorities, errors } = answer
  bytes.copy(octets, start)
  // What was left out of it is still counted there.
  octets.writeUInt16BE(answers, start + 6)
  octets.writeUInt16BE(authorities, start + 8)
  octets.writeUInt16BE(records.length - answers - authorities, start + 10)
  let end = start + bytes.length
  for (let i = 0; i < records.length; i++) {
    const { ttlAt } = records[i]!
    octets[end++] = ttlAt >> 8
    octets[end++] = ttlAt & 0xff
  }
  errors.copy(octets, end)
}

function errorsOf({ octets, start, length, ttlCount, errorsLength }: StoredAnswer): Buffer {
  if (errorsLength === 0) return NO_OPTIONS
  const at = start + length + ttlCount * 2
  return octets.subarray(at, at + errorsLength)
}

/** A copy of the answer as it was when it was stored. */
export function restoreAnswer(stored: StoredAnswer): Answer {
  const { octets, start, length, questionEnd } = stored
  const answer = readAnswer(Buffer.from(octets.subarray(start, start + length)), questionEnd)
  if (answer === null) throw new Error('what was stored was read before')
  return { ...answer, errors: Buffer.from(errorsOf(stored)) }
}

/** Longer answers are copied by the system; for others, the view that it needs of them costs more than their copying. */
const MAX_WORDS = 128

let replyWords: Uint32Array = new Uint32Array(0)

/** A reply lies among others in Node's pool: one view serves them all. */
function wordsOf({ buffer }: Buffer): Uint32Array {
  if (replyWords.buffer !== buffer) replyWords = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
  return replyWords
}

function copyAnswer({ octets, words, start, length }: StoredAnswer, reply: Buffer): void {
  const whole = length >>> 2
  if (whole > MAX_WORDS || (reply.byteOffset & 3) !== 0) {
    octets.copy(reply, 0, start, start + length)
    return
  }
  const into = wordsOf(reply)
  const first = reply.byteOffset >>> 2
  const from = start >>> 2
  for (let i = 0; i < whole; i++) into[first + i] = words[from + i]!
  for (let i = whole * 4; i < length; i++) reply[i] = octets[start + i]!
}

/** As `serve`, without reading the answer again. */
export function writeStoredReply(question: Question, stored: StoredAnswer, serving: ReplyOptions): Buffer {
  const { octets, start, length, ttlCount } = stored
  const errors = serving.errors ?? errorsOf(stored)
  const optBytes = question.hasEdns ? OPT_BYTES + errors.length : 0
  if (length + optBytes > serving.limit) return writeReply(question, restoreAnswer(stored), serving)
  const reply = question.room(length + optBytes)
  copyAnswer(stored, reply)
  patchHead(reply, question, stored, false)
  const { age, ttl } = serving
  if (age !== 0 || ttl !== undefined) {
    const end = start + length + ttlCount * 2
    for (let i = start + length; i < end; i += 2) {
      const at = (octets[i]! << 8) | octets[i + 1]!
      const left = (ttl ?? reply.readUInt32BE(at) - age) | 0
      reply.writeUInt32BE(Math.max(left, 0), at)
    }
  }
  if (question.hasEdns) {
    reply.writeUInt16BE(reply.readUInt16BE(10) + 1, 10)
    writeOpt(reply, length, stored.rcode, question.dnssecOk, errors)
  }
  return reply
}
