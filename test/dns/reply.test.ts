import { expect, it } from 'vitest'
import { Question } from '../../module/dns/question.ts'
import { negativeTail, replyWith } from '../../module/dns/reply.ts'
import { opt, query } from '../helpers/wire.ts'
import { decode } from '../helpers/zone-text.ts'

it.each([
  [512, 0],
  [1232, 1],
])(
  'EDE goes where the reply would be longer than the %i octets a client takes (RFC 8914 §3)',
  (size, options) => {
    const question = new Question(query({ tail: opt({ size }) }))
    question.read()
    const reply = replyWith(question, negativeTail(0, 10, [{ code: 15, text: 'x'.repeat(450) }]))
    expect(reply.length).toBeLessThanOrEqual(size)
    expect(decode(reply).opt?.options).toHaveLength(options)
  },
)
