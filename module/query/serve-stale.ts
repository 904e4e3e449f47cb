import { Ede, Rcode } from '../dns/constants.ts'
import { optRecord } from '../dns/reply.ts'
import { writeStoredReply } from '../dns/stored-answer.ts'
import type { Entry } from './cache.ts'
import type { Query } from './query.ts'

/** RFC 8767 §4: 30 seconds. */
const STALE_TTL = 30
const OPT_FIXED = 11
const option = (code: number) => optRecord(0, false, [{ code, text: '' }]).subarray(OPT_FIXED)
const staleAnswer = option(Ede.STALE)
/** RFC 8914 §4.20 */
const staleNxdomain = option(Ede.STALE_NXDOMAIN)

/** An expired answer is better than none while upstream is away. */
export function serveStale(query: Query, entry: Entry): Buffer {
  query.reason = 'stale'
  const errors = entry.rcode === Rcode.NXDOMAIN ? staleNxdomain : staleAnswer
  return writeStoredReply(query, entry, { limit: query.limit, age: 0, ttl: STALE_TTL, errors })
}
