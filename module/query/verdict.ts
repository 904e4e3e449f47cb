import { Question } from '../dns/question.ts'
import type { BlockedReply } from './blocked.ts'
import type { Policy } from './policy.ts'
import { NEXT, type Step } from './query.ts'

/** Is the name itself, or anything above it, on the list? */
export function verdict(policy: Policy, blocked: BlockedReply): Step {
  return (query) => {
    if (!policy.protecting || query.local) return NEXT
    const category = policy.verdict(Question.name, 0)
    return category < 0 ? NEXT : blocked(query, category, 'blocked')
  }
}
