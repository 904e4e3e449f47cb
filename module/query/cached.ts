import { Flag } from '../dns/constants.ts'
import { Question } from '../dns/question.ts'
import { restoreAnswer, writeStoredReply } from '../dns/stored-answer.ts'
import type { AnswerInspector } from './answer-inspector.ts'
import type { Cache, Entry } from './cache.ts'
import type { QueryPolicy } from './policy.ts'
import { NEXT, type Query, type QueryStep } from './query.ts'
import { serveStale } from './serve-stale.ts'

const RD_BIT = 1
const CD_BIT = 2
const DO_BIT = 4
/** Views are few (`upstream.byInterface`): they fit above. */
const VIEW_SHIFT = 3

/**
 * Equal keys, equal answers (RFC 6840 §5.9 on CD, RFC 3225 on DO, views apart). Written behind the name in `Question.name`.
 * @returns octets of the key
 */
function writeKey(query: Query): number {
  const name = Question.name
  const at = query.nameLength
  const { flags, type, view } = query
  name[at] = type >> 8
  name[at + 1] = type & 0xff
  name[at + 2] =
    (view << VIEW_SHIFT) |
    (flags & Flag.RD ? RD_BIT : 0) |
    (flags & Flag.CD ? CD_BIT : 0) |
    (query.dnssecOk ? DO_BIT : 0)
  return at + 3
}

export interface CachedOptions {
  cache: Cache
  policy: QueryPolicy
  /** Judges a stored answer again when the policy has changed since. */
  inspect: AnswerInspector
  /** Asks upstream again in the background. */
  refresh: (query: Query) => void
}

/** Hot entries are asked for again in the last tenth of their life, so that nobody waits for them. */
function isDue(entry: Entry, now: number): boolean {
  const { expires } = entry
  return (
    now < expires && expires - now < (expires - entry.storedAt) / 10 && entry.visited && !entry.refreshing
  )
}

/** Serves what is known and still good. Before the verdict: an entry carries the revision under which it was judged. */
export function cached({ cache, policy, inspect, refresh }: CachedOptions): QueryStep {
  const keyText = (length: number) => Question.name.toString('latin1', 0, length)

  return (query) => {
    const keyLength = writeKey(query)
    const entry = cache.find(Question.name, keyLength)
    const now = entry === undefined ? 0 : cache.seconds()
    if (entry === undefined || (now >= entry.expires && now >= entry.staleUntil)) {
      query.key = keyText(keyLength)
      return NEXT
    }
    if (entry.revision !== policy.revision) {
      // The verdict step judges the name, `inspect` the rest of the chain.
      const answer = restoreAnswer(entry)
      const refused = inspect(query, answer)
      if (refused !== null) return refused
      entry.rejudged(answer, policy.revision)
    }
    const due = isDue(entry, now)
    entry.visited = true
    if (now >= entry.expires) return serveStale(query, entry)
    query.reason = 'cached'
    const reply = writeStoredReply(query, entry, {
      limit: query.limit,
      age: Math.floor(now - entry.storedAt),
    })
    if (due) {
      entry.refreshing = true
      // Last: an answer that came at once would be written where this one lies.
      query.key = keyText(keyLength)
      refresh(query)
    }
    return reply
  }
}
