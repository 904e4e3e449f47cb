import { type Answer, OPT_BYTES, patchHead, readAnswer, type Serving, serve, writeOpt } from './answer.ts'
import type { Question } from './question.ts'

/**
 * An answer as the cache keeps it: a string and a few numbers. A Buffer of its own costs some 300 bytes beside its
 * octets and a view of each record a hundred more; most answers are shorter than that (docs/adr/0005-memory.md).
 */
export interface StoredAnswer {
  /** Latin-1: the answer's octets with its counts put right, then the offset of each record's TTL, two octets each. */
  readonly text: string
  /** Octets of the answer alone. */
  readonly length: number
  readonly questionEnd: number
  readonly rcode: number
  readonly authenticData: boolean
  readonly errors: Buffer
}

const MESSAGE_MOST = 65_535
/** A record has eleven octets at least. */
const scratch = Buffer.allocUnsafeSlow(MESSAGE_MOST + Math.ceil((MESSAGE_MOST / 11) * 2))

export function storeAnswer(answer: Answer): StoredAnswer {
  const { bytes, records, answers, authorities, questionEnd, rcode, authenticData, errors } = answer
  const { length } = bytes
  bytes.copy(scratch)
  // What was left out of it is still counted there.
  scratch.writeUInt16BE(answers, 6)
  scratch.writeUInt16BE(authorities, 8)
  scratch.writeUInt16BE(records.length - answers - authorities, 10)
  let end = length
  for (let i = 0; i < records.length; i++) {
    const { ttlAt } = records[i]!
    scratch[end++] = ttlAt >> 8
    scratch[end++] = ttlAt & 0xff
  }
  return { text: scratch.toString('latin1', 0, end), length, questionEnd, rcode, authenticData, errors }
}

/** The answer as it was when it was stored. */
export function restoreAnswer({ text, length, questionEnd, errors }: StoredAnswer): Answer {
  const answer = readAnswer(Buffer.from(text.slice(0, length), 'latin1'), questionEnd)
  if (answer === null) throw new Error('what was stored was read before')
  return { ...answer, errors }
}

/** As `serve`, without reading the answer again. */
export function serveStored(question: Question, stored: StoredAnswer, serving: Serving): Buffer {
  const { text, length } = stored
  const errors = serving.errors ?? stored.errors
  const optBytes = question.hasEdns ? OPT_BYTES + errors.length : 0
  if (length + optBytes > serving.limit) return serve(question, restoreAnswer(stored), serving)
  const reply = Buffer.allocUnsafe(length + optBytes)
  reply.write(text, 0, length, 'latin1')
  patchHead(reply, question, stored, false)
  const { age, ttl } = serving
  if (age !== 0 || ttl !== undefined) {
    for (let i = length; i < text.length; i += 2) {
      const at = (text.charCodeAt(i) << 8) | text.charCodeAt(i + 1)
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
