import { Flag, HEADER_BYTES, UDP_BYTES } from './constants.ts'
import type { Question } from './question.ts'

const OPT_BYTES = 11

/**
 * The query that goes upstream: the client's question byte for byte, and one OPT of our own as the last record.
 * ECS, cookies and padding of the client end here: options are hop by hop (RFC 6891 §6.2.6) and ECS would tell who asks.
 * AD asks for the AD bit (RFC 6840 §5.7), so that one cached reply serves those who want it and those who don't.
 */
export function forwardable(question: Question): Buffer {
  const { message, end, flags } = question
  const query = Buffer.alloc(end + OPT_BYTES)
  message.copy(query, HEADER_BYTES, HEADER_BYTES, end)
  query.writeUInt16BE((flags & (Flag.RD | Flag.CD)) | Flag.AD, 2)
  query[5] = 1
  query[11] = 1
  query[end + 2] = 41
  query.writeUInt16BE(UDP_BYTES, end + 3)
  if (question.dnssecOk) query[end + 7] = 0x80
  return query
}
