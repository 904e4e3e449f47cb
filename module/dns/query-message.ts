import { CLASS_IN, Flag, HEADER_BYTES, Type } from './constants.ts'
import { NO_OPTIONS, OPT_BYTES, writeOpt } from './edns.ts'
import { QUESTION_FIXED_BYTES, type Question } from './question.ts'
import { copyOctets } from './reply.ts'

/**
 * A query of the module's own, recursion desired, without EDNS.
 * @param name in wire form
 */
export function queryMessage(name: Uint8Array, type: number, id = 0): Buffer {
  const nameEnd = HEADER_BYTES + name.length
  const query = Buffer.alloc(nameEnd + QUESTION_FIXED_BYTES)
  query.writeUInt16BE(id, 0)
  query.writeUInt16BE(Flag.RD, 2)
  query.writeUInt16BE(1, 4)
  query.set(name, HEADER_BYTES)
  query.writeUInt16BE(type, nameEnd)
  query.writeUInt16BE(CLASS_IN, nameEnd + 2)
  return query
}

/** Adds an OPT record of ours as the last of a query that has the room for it. */
function endInOpt(query: Buffer, at: number, dnssecOk: boolean): Buffer {
  query[11] = 1
  writeOpt(query, at, 0, dnssecOk, NO_OPTIONS)
  return query
}

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
  const word = (flags & (Flag.RD | Flag.CD)) | Flag.AD
  query[2] = word >> 8
  query[3] = word & 0xff
  query[5] = 1
  return endInOpt(query, end, question.dnssecOk)
}

const rootNs = queryMessage(Buffer.alloc(1), Type.NS)

/** `. NS`, RD, one OPT: what a server that fails is asked until it answers. */
export const probeMessage = endInOpt(Buffer.concat([rootNs, Buffer.alloc(OPT_BYTES)]), rootNs.length, false)
