import { ownClientKey } from '../base/client-key.ts'
import type { Answer } from '../dns/answer.ts'
import { Type } from '../dns/constants.ts'
import { nameToText } from '../dns/name.ts'
import { forwardable, queryMessage } from '../dns/query-message.ts'
import { Question } from '../dns/question.ts'
import type { Upstream } from './upstream.ts'

function questionFor(name: Buffer, type: number): Question {
  const question = new Question(queryMessage(name, type))
  question.read()
  return question
}

/**
 * A question of the module's own.
 * @param name in wire form
 * @param who the part that asks, such as `check`
 * @param local a name of the stock resolver's own
 * @returns null where nobody answered, or not well-formed
 */
export async function ask(
  upstream: Pick<Upstream, 'exchange'>,
  name: Buffer,
  type: typeof Type.A | typeof Type.AAAA,
  who: string,
  local = false,
): Promise<Answer | null> {
  const question = questionFor(name, type)
  return new Promise((resolve) => {
    const key = `${who} ${type} ${nameToText(name)}`
    upstream.exchange(
      { key, message: forwardable(question), clientKey: ownClientKey(who), tcp: false, local },
      resolve,
    )
  })
}

/** The addresses among its answers, 4 or 16 octets each. */
export function addressesOf({ bytes, records, answers }: Answer): Buffer[] {
  return records.slice(0, answers).flatMap(({ type, rdata, end }) => {
    return type === Type.A || type === Type.AAAA ? [bytes.subarray(rdata, end)] : []
  })
}
