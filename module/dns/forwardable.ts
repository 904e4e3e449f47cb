import { Flag, HEADER_BYTES, Type, UDP_BYTES } from './constants.ts'
import type { Question } from './question.ts'
import { copyOctets } from './reply.ts'

const OPT_BYTES = 11

/**
 * The query that goes upstream: the client's question byte for byte, and one OPT of our own as the last record.
 * ECS, cookies and padding of the client end here: options are hop by hop (RFC 6891 §6.2.6) and ECS would tell who asks.
 * AD asks for the AD bit (RFC 6840 §5.7), so that one cached reply serves those who want it and those who don't.
 */
export function forwardable(question: Question): Buffer {
  const { message, end, flags } = question
  // From Node's pool: an ArrayBuffer of its own for each query costs more than all the rest.
  const query = Buffer.allocUnsafe(end + OPT_BYTES)
  query.fill(0, 0, HEADER_BYTES)
  copyOctets(message, HEADER_BYTES, end, query, HEADER_BYTES)
  query.fill(0, end)
  const word = (flags & (Flag.RD | Flag.CD)) | Flag.AD
  query[2] = word >> 8
  query[3] = word & 0xff
  query[5] = 1
  query[11] = 1
  query[end + 2] = Type.OPT
  query[end + 3] = UDP_BYTES >> 8
  query[end + 4] = UDP_BYTES & 0xff
  if (question.dnssecOk) query[end + 7] = 0x80
  return query
}
