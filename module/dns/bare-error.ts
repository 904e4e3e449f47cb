import { HEADER_BYTES, Rcode } from './constants.ts'
import { findOpt, fullRcode } from './edns.ts'

/**
 * Some servers send an error as a header without its question. It can poison nothing, for it answers nothing.
 * @param reply without a question
 * @param query what it replies to
 * @returns the reply with the question that it leaves out; null where it is no error
 */
export function asError(reply: Buffer, query: Buffer, questionEnd: number): Buffer | null {
  const rcode = fullRcode(reply, findOpt(reply, HEADER_BYTES))
  if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) return null
  const error = Buffer.concat([
    reply.subarray(0, HEADER_BYTES),
    query.subarray(HEADER_BYTES, questionEnd),
    reply.subarray(HEADER_BYTES),
  ])
  error.writeUInt16BE(1, 4)
  return error
}
