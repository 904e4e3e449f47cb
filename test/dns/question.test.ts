import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameToText } from '../../module/dns/name.ts'
import { Question, QuestionStatus } from '../../module/dns/question.ts'
import { replyWith, tails } from '../../module/dns/reply.ts'
import { header, opt, option, query } from '../helpers/wire.ts'

const read = (message: Buffer) => {
  const question = new Question(message)
  return { question, reading: question.read() }
}
const label = (n: number) => Buffer.concat([Buffer.of(n), Buffer.alloc(n, 97)])

describe('reading a query', () => {
  it('sees name, type, class and EDNS in place', () => {
    const { question, reading } = read(
      query({ name: 'WWW.Example.com', type: 28, tail: opt({ size: 4096, flags: 0x8000 }) }),
    )
    expect(reading).toBe(QuestionStatus.OK)
    expect(nameToText(Question.name)).toBe('www.example.com')
    expect(question).toMatchObject({
      type: 28,
      class: 1,
      hasEdns: true,
      dnssecOk: true,
      udpBytes: 1232,
      nameLength: 17,
    })
    expect(Question.name[question.lastLabel]).toBe(3)
  })

  it.each<[string, Buffer, number]>([
    ['shorter than a header', Buffer.alloc(11), QuestionStatus.DROP],
    ['an answer (QR=1)', query({ flags: 0x8100 }), QuestionStatus.DROP],
    ['header only', Buffer.from('123401000001000000000000', 'hex'), QuestionStatus.FORMERR],
    ['QDCOUNT 0 (RFC 9619)', query({ counts: [0, 0, 0, 0] }), QuestionStatus.FORMERR],
    ['QDCOUNT 2 (RFC 9619)', query({ counts: [2, 0, 0, 0] }), QuestionStatus.FORMERR],
    ['an answer in a query', query({ counts: [1, 1, 0, 0] }), QuestionStatus.FORMERR],
    ['question cut in its type', query().subarray(0, -3), QuestionStatus.FORMERR],
    [
      'name with a pointer',
      Buffer.concat([query().subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      QuestionStatus.FORMERR,
    ],
    [
      'name of 256 octets',
      Buffer.concat([
        query().subarray(0, 12),
        label(63),
        label(63),
        label(63),
        label(62),
        Buffer.from([0, 0, 1, 0, 1]),
      ]),
      QuestionStatus.FORMERR,
    ],
    ['opcode STATUS', query({ flags: 0x1000 }), QuestionStatus.NOTIMP],
    ['NOTIFY (RFC 1996)', query({ flags: 0x2000 }), QuestionStatus.NOTIMP],
    ['UPDATE (RFC 2136)', query({ flags: 0x2800 }), QuestionStatus.NOTIMP],
    ['class CH', query({ class: 3 }), QuestionStatus.REFUSED],
    ['class ANY', query({ class: 255 }), QuestionStatus.REFUSED],
    ['AXFR', query({ type: 252 }), QuestionStatus.REFUSED],
    ['IXFR', query({ type: 251 }), QuestionStatus.REFUSED],
    ['a question for OPT', query({ type: 41 }), QuestionStatus.BADTYPE],
    ['EDNS version 1 (RFC 6891 §6.1.3)', query({ tail: opt({ version: 1 }) }), QuestionStatus.BADVERS],
    [
      'two OPTs (RFC 6891 §6.1.1)',
      query({ counts: [1, 0, 0, 2], tail: Buffer.concat([opt(), opt()]) }),
      QuestionStatus.FORMERR,
    ],
    ['OPT owned by a name', query({ tail: opt({ owner: Buffer.from([1, 97, 0]) }) }), QuestionStatus.FORMERR],
    [
      'option longer than RDLEN',
      query({ tail: opt({ options: Buffer.from([0, 10, 0, 9, 1]) }) }),
      QuestionStatus.FORMERR,
    ],
    ['half an option', query({ tail: opt({ options: Buffer.from([0, 10]) }) }), QuestionStatus.FORMERR],
    ['OPT promised, not there', query({ counts: [1, 0, 0, 1] }), QuestionStatus.FORMERR],
    [
      'OPT in the answer section',
      query({ type: 251, counts: [1, 1, 0, 0], tail: opt() }),
      QuestionStatus.FORMERR,
    ],
    [
      'unknown option (RFC 6891 §6.1.2)',
      query({ tail: opt({ options: option(65001, 'x') }) }),
      QuestionStatus.OK,
    ],
    ['Z bits of EDNS', query({ tail: opt({ flags: 0x7fff }) }), QuestionStatus.OK],
    ['reserved Z of the header', query({ flags: 0x0140 }), QuestionStatus.OK],
    ['the root', query({ name: '.', type: 2 }), QuestionStatus.OK],
    ['octets behind the message', Buffer.concat([query(), Buffer.from([1, 2, 3])]), QuestionStatus.OK],
  ])('%s', (_, message, expected) => {
    expect(read(message).reading).toBe(expected)
  })

  it.each([
    [0, 512],
    [511, 512],
    [512, 512],
    [1000, 1000],
    [4096, 1232],
    [65535, 1232],
  ])('a client that takes %i octets gets at most %i (RFC 6891 §6.2.3, RFC 9715)', (size, most) => {
    expect(read(query({ tail: opt({ size }) })).question.udpBytes).toBe(most)
  })

  it('any octets: never throws, and what is not dropped can be answered in kind', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(query({ tail: opt({ options: option(10, '12345678') }) }), query()),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }),
        fc.nat(70),
      )
      .map(([message, changes, cut]) => {
        const bytes = Buffer.from(message)
        for (const [at, octet] of changes) if (at < bytes.length) bytes[at] = octet
        return bytes.subarray(0, Math.max(0, bytes.length - Math.max(0, cut - 40)))
      })
    const random = fc.uint8Array({ maxLength: 100 }).map((octets) => Buffer.from(octets))
    fc.assert(
      fc.property(fc.oneof(mutated, random), (message) => {
        const { question, reading } = read(message)
        if (message.length < 12 || message[2]! & 0x80) expect(reading).toBe(QuestionStatus.DROP)
        if (reading === QuestionStatus.DROP) return
        const answered = replyWith(question, tails.formatError)
        expect(header(answered)).toMatchObject({ id: message.readUInt16BE(0), rcode: 1 })
        expect(answered[2]! & 0x80).toBe(0x80)
        expect(answered.length).toBeLessThanOrEqual(message.length + 11)
      }),
      { numRuns: 2000 },
    )
  })
})
