import { type Answer, readAnswer } from '../../module/dns/answer.ts'
import { questionEndOf } from '../../module/dns/question.ts'

/** What upstream/ makes of a reply that matched: an answer, or word that it cannot be used. */
export function exchanged(
  message: Buffer,
  reply: Buffer,
  done: (answer: Answer | null, failure: 'unusable' | null) => void,
): void {
  const answer = readAnswer(reply, questionEndOf(message))
  done(answer, answer ? null : 'unusable')
}
