import { Flag } from '../dns/constants.ts'
import { QuestionStatus } from '../dns/question.ts'
import { replyWith, tails } from '../dns/reply.ts'
import { DROP, NEXT, type Query, type QueryStep, type StepResult } from './query.ts'

/** Who may ask how much; see rate-limit.ts. */
export interface RateLimit {
  /** `answer`: within the limit; `truncate`: over it, tell a real client to come back over TCP; `drop`: over it. */
  admit(address: string, transport: Query['transport']): 'answer' | 'truncate' | 'drop'
  /** Whether the client may have one more error: what it sent was no question, so that silence costs it nothing. */
  admitError(address: string): boolean
}

/** Refuses what is malformed, not for us, or too much, before anything is spent on it. */
export function guard(limit: RateLimit): QueryStep {
  return (query) => {
    const reading = query.read()
    if (reading === QuestionStatus.DROP) return DROP
    const admitted = limit.admit(query.clientAddress, query.transport)
    if (admitted !== 'answer') {
      query.reason = 'rate-limited'
      // RFC 5358 §4, RFC 8906 §3: a forged source gains nothing from TC=1, a real client gets its answer over TCP.
      return admitted === 'drop' || query.nameLength === 0 ? DROP : replyWith(query, tails.truncated, Flag.TC)
    }
    if (reading === QuestionStatus.OK) return NEXT
    if (limit.admitError(query.clientAddress)) return refuse(query, reading)
    query.reason = 'rate-limited'
    return DROP
  }
}

function refuse(query: Query, reading: QuestionStatus): StepResult {
  switch (reading) {
    case QuestionStatus.NOTIMP:
      query.reason = 'not-implemented'
      return replyWith(query, tails.notImplemented)
    case QuestionStatus.BADTYPE:
      query.reason = 'malformed'
      return replyWith(query, tails.invalidType)
    case QuestionStatus.BADVERS:
      query.reason = 'bad-version'
      return replyWith(query, tails.badVersion)
    case QuestionStatus.REFUSED:
      query.reason = 'refused'
      return replyWith(query, tails.refused)
    default:
      query.reason = 'malformed'
      return replyWith(query, tails.formatError)
  }
}
