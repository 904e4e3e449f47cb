import { Type } from '../dns/constants.ts'
import { answerTail, replyWith } from '../dns/reply.ts'
import { NEXT, type QueryStep } from './query.ts'

/** RFC 8482 §4.2: one small synthesised HINFO instead of everything there is. */
const minimal = answerTail(Type.HINFO, 3600, Buffer.from('\x07RFC8482\x00', 'latin1'))

export const any: QueryStep = (query) => {
  if (query.type !== Type.ANY) return NEXT
  query.reason = 'any-minimal'
  return replyWith(query, minimal)
}
