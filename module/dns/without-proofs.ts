import { type Answer, isProof, readAnswer } from './answer.ts'
import { HEADER_BYTES, Type } from './constants.ts'
import { expandName, NAME_BYTES, skipName } from './name.ts'
import { QUESTION_FIXED_BYTES } from './question.ts'
import { nameOffset } from './rdata.ts'
import type { RecordView } from './record.ts'

const MESSAGE_BYTES = 65_535
const RDLENGTH_BYTES = 2
const scratch = Buffer.alloc(NAME_BYTES)

function nameAt(bytes: Buffer, at: number, end: number): Buffer {
  return Buffer.from(scratch.subarray(0, expandName(bytes, at, end, scratch)))
}

/** RDATA without compression: its names as they are written out, and what is before, between and behind them. */
function rdataOf(bytes: Buffer, { type, rdata, end }: RecordView): Buffer {
  const offset = nameOffset(type)
  if (offset < 0) return bytes.subarray(rdata, end)
  const parts = [bytes.subarray(rdata, rdata + offset)]
  let at = rdata + offset
  for (let names = type === Type.SOA ? 2 : 1; names > 0; names--) {
    parts.push(nameAt(bytes, at, end))
    at = skipName(bytes, at, end)
  }
  return Buffer.concat([...parts, bytes.subarray(at, end)])
}

function rewritten(bytes: Buffer, record: RecordView): Buffer {
  const { owner, ttlAt, rdata } = record
  const data = rdataOf(bytes, record)
  const length = Buffer.alloc(RDLENGTH_BYTES)
  length.writeUInt16BE(data.length)
  return Buffer.concat([
    nameAt(bytes, owner, ttlAt),
    bytes.subarray(ttlAt - QUESTION_FIXED_BYTES, rdata - RDLENGTH_BYTES),
    length,
    data,
  ])
}

/**
 * The answer without RRSIG, NSEC and NSEC3, but for the type that was asked: who does not set DO gets none (RFC 4035
 * §3.2.1). Written anew, since what is left may point into what is not; a resolver that was not asked for them sends none.
 * @returns null where it would be too long
 */
export function withoutProofs(answer: Answer): Answer | null {
  const { bytes, questionEnd, records, answers, authorities } = answer
  const asked = bytes.readUInt16BE(questionEnd - QUESTION_FIXED_BYTES)
  const counts = [0, 0, 0]
  const parts: Buffer[] = [Buffer.from(bytes.subarray(0, questionEnd))]
  for (const [i, record] of records.entries()) {
    if (isProof(record.type) && record.type !== asked) continue
    counts[i < answers ? 0 : i < answers + authorities ? 1 : 2]!++
    parts.push(rewritten(bytes, record))
  }
  for (const [i, count] of counts.entries()) parts[0]!.writeUInt16BE(count, HEADER_BYTES - 6 + i * 2)
  const message = Buffer.concat(parts)
  const read = message.length > MESSAGE_BYTES ? null : readAnswer(message, questionEnd)
  const { rcode, hasOpt, errors } = answer
  return read && { ...read, rcode, hasOpt, errors }
}
