import { serve } from '../dns/answer.ts'
import { Ede } from '../dns/constants.ts'
import { optRecord } from '../dns/reply.ts'
import type { Entry } from './cache.ts'
import type { Query } from './query.ts'

/** RFC 8767 §4: 30 seconds. */
const STALE_TTL = 30
const OPT_FIXED = 11
const errors = optRecord(0, false, [{ code: Ede.STALE, text: '' }]).subarray(OPT_FIXED)

/** An expired answer is better than none while upstream is away. */
export function serveStale(query: Query, entry: Entry): Buffer {
  query.reason = 'stale'
  return serve(query, entry.answer, { limit: query.limit, age: 0, ttl: STALE_TTL, errors })
}
