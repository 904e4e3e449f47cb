import { Ede, Rcode } from '../dns/constants.ts'
import { errorOptions } from '../dns/edns.ts'
import { writeStoredReply } from '../dns/stored-answer.ts'
import type { Entry } from './cache.ts'
import type { Query } from './query.ts'

/** RFC 8767 §4: 30 seconds. */
const STALE_TTL = 30
const staleAnswer = errorOptions([{ code: Ede.STALE, text: '' }])
/** RFC 8914 §4.20 */
const staleNxdomain = errorOptions([{ code: Ede.STALE_NXDOMAIN, text: '' }])

/** An expired answer is better than none while upstream is away. */
export function serveStale(query: Query, entry: Entry): Buffer {
  query.reason = 'stale'
  const errors = entry.rcode === Rcode.NXDOMAIN ? staleNxdomain : staleAnswer
  return writeStoredReply(query, entry, { limit: query.limit, age: 0, ttl: STALE_TTL, errors })
}
