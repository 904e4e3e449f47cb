import { Question } from '../dns/question.ts'
import type { BlockedReply } from './blocked.ts'
import type { QueryPolicy } from './policy.ts'
import { NEXT, type QueryStep } from './query.ts'

/** Is the name itself, or anything above it, on the list? */
export function verdict(policy: QueryPolicy, blocked: BlockedReply): QueryStep {
  return (query) => {
    // The stock resolver's zones are the household's own; a name without a dot is, unless the list holds just that name.
    if (!policy.filtering || (query.local && query.lastLabel > 0)) return NEXT
    const category = policy.verdict(Question.name, 0)
    if (category >= 0) return blocked(query, category, 'blocked')
    query.revision = policy.revision
    return NEXT
  }
}
