import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answer, readAnswer, withoutSectionOf } from '../../module/dns/answer.ts'
import { Question } from '../../module/dns/question.ts'
import {
  restoreAnswer,
  type StoredAnswer,
  storeAnswer,
  storedBytes,
  writeStoredReply,
} from '../../module/dns/stored-answer.ts'
import { writeReply } from '../../module/dns/write-reply.ts'
import { header, opt, option, query, rdata, reply } from '../helpers/wire.ts'

const asking = (message: Buffer) => {
  const question = new Question(message)
  question.read()
  return question
}
const A = { type: 1, rdata: rdata.a('192.0.2.1') }
const soa = (minimum: number, ttl: number) => ({
  owner: 'example.com',
  type: 6,
  ttl,
  rdata: rdata.soa(minimum),
})
const plain = query()
const plainEnd = 12 + 17

describe('an upstream reply', () => {
  it.each<[string, Buffer, number]>([
    [
      'least TTL of the answers',
      reply(plain, {
        answers: [
          { ...A, ttl: 300 },
          { ...A, ttl: 60 },
        ],
      }),
      60,
    ],
    ['other sections do not count', reply(plain, { answers: [A], additionals: [{ ...A, ttl: 1 }] }), 300],
    [
      'NXDOMAIN: lesser of SOA TTL and MINIMUM (RFC 2308 §5)',
      reply(plain, { flags: 0x8183, authorities: [soa(900, 30)] }),
      30,
    ],
    ['NODATA: MINIMUM', reply(plain, { authorities: [soa(20, 900)] }), 20],
    ['negative: an hour at most', reply(plain, { flags: 0x8183, authorities: [soa(90_000, 90_000)] }), 3600],
    ['negative without SOA is not cached', reply(plain, { flags: 0x8183 }), 0],
    [
      'a chain that ends without the type is negative',
      reply(plain, { answers: [{ type: 5, rdata: rdata.name('x.example') }] }),
      0,
    ],
    ['SERVFAIL', reply(plain, { flags: 0x8182 }), 0],
    ['REFUSED', reply(plain, { flags: 0x8185 }), 0],
    ['TC=1 is never cached', reply(plain, { flags: 0x8380, answers: [A] }), 0],
    ['TTL with the top bit (RFC 8767 §4)', reply(plain, { answers: [{ ...A, ttl: 0x8000_0001 }] }), 604_800],
    ['TTL above a week (RFC 8767 §4)', reply(plain, { answers: [{ ...A, ttl: 0x7fff_ffff }] }), 604_800],
  ])('is cached for: %s', (_, message, ttl) => {
    expect(readAnswer(message, plainEnd)?.ttl).toBe(ttl)
  })

  it.each<[string, Buffer]>([
    ['a record cut off', reply(plain, { answers: [A] }).subarray(0, -1)],
    [
      'a record promised, not there',
      Buffer.concat([reply(plain).subarray(0, 7), Buffer.of(1), reply(plain).subarray(8)]),
    ],
    [
      'two OPTs',
      reply(plain, { additionals: [{ owner: '.', type: 41, rdata: Buffer.alloc(0) }], opt: opt() }),
    ],
    [
      'an OPT among the answers',
      reply(plain, { answers: [{ owner: '.', type: 41, rdata: Buffer.alloc(0) }] }),
    ],
  ])('is not used: %s', (_, message) => {
    expect(readAnswer(message, plainEnd)).toBeNull()
  })

  it('is served without the upstream OPT, with the client’s own question, ID and bits', () => {
    const client = query({ id: 0xbeef, name: 'ExAmPlE.com', flags: 0x0110 })
    const answer = readAnswer(
      reply(plain, { answers: [A], opt: opt({ options: option(10, 'cookie!!') }) }),
      plainEnd,
    )!
    const served = writeReply(asking(client), answer, { limit: 512, age: 0 })
    expect(header(served)).toMatchObject({ id: 0xbeef, flags: 0x8190, answers: 1, additionals: 0 })
    expect(served.subarray(12, plainEnd)).toEqual(client.subarray(12, plainEnd))
  })

  it('TTLs count down with age and never below 0', () => {
    const answer = readAnswer(
      reply(plain, {
        answers: [
          { ...A, ttl: 10 },
          { ...A, ttl: 100 },
        ],
      }),
      plainEnd,
    )!
    const served = writeReply(asking(plain), answer, { limit: 512, age: 30 })
    expect([served.readUInt32BE(plainEnd + 6), served.readUInt32BE(plainEnd + 22)]).toEqual([0, 70])
  })

  it('an OPT for those who sent one, DO as theirs, EDE of the upstream passed on (RFC 8914 §2), nothing else', () => {
    const client = query({ tail: opt({ flags: 0xffff, options: option(65001, 'x') }) })
    const ede = option(15, Buffer.from([0, 6]))
    const answer = readAnswer(
      reply(plain, { flags: 0x8182, opt: opt({ options: Buffer.concat([option(10, 'cookie!!'), ede]) }) }),
      plainEnd,
    )!
    const served = writeReply(asking(client), answer, { limit: 512, age: 0 })
    expect(served.subarray(plainEnd)).toEqual(opt({ flags: 0x8000, options: ede }))
  })

  it('AD only for those who asked for it (RFC 6840 §5.8)', () => {
    const answer = readAnswer(reply(plain, { flags: 0x81a0, answers: [A] }), plainEnd)!
    const ad = (message: Buffer) => header(writeReply(asking(message), answer, { limit: 512, age: 0 })).ad
    expect([ad(plain), ad(query({ flags: 0x0120 })), ad(query({ tail: opt({ flags: 0x8000 }) }))]).toEqual([
      false,
      true,
      true,
    ])
  })

  it('is cut at the boundary of an RRset with TC, the OPT kept (RFC 2181 §9, RFC 6891 §7)', () => {
    const text = (ttl: number) => ({ type: 16, ttl, rdata: Buffer.alloc(201, 200) })
    const cname = { type: 5, rdata: rdata.name('y.example') }
    const answer = readAnswer(
      reply(plain, { answers: [cname, text(1), text(1), text(1), text(1)] }),
      plainEnd,
    )!
    const served = writeReply(asking(query({ tail: opt({ size: 512 }) })), answer, { limit: 512, age: 0 })
    expect(header(served)).toMatchObject({ tc: true, answers: 1, additionals: 1 })
    expect(served.length).toBeLessThanOrEqual(512)
  })

  it('loses additional records without TC (RFC 2181 §9)', () => {
    const glue = Array.from({ length: 40 }, (_, i) => ({
      owner: `n${i}.example`,
      type: 1,
      rdata: rdata.a('192.0.2.9'),
    }))
    const answer = readAnswer(reply(plain, { answers: [A], additionals: glue }), plainEnd)!
    const served = writeReply(asking(plain), answer, { limit: 512, age: 0 })
    expect(header(served)).toMatchObject({ tc: false, answers: 1 })
    expect(served.length).toBeLessThanOrEqual(512)
  })

  it('any octets behind the question: never throws, and what is served reads again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(3), fc.nat(3), (octets, answers, additionals) => {
        const message = Buffer.concat([reply(plain), Buffer.from(octets)])
        message[7] = answers
        message[11] = additionals
        const answer = readAnswer(message, plainEnd)
        if (!answer) return
        const served = writeReply(asking(query({ tail: opt() })), answer, { limit: 512, age: 5 })
        expect(served.length).toBeLessThanOrEqual(512)
        expect(readAnswer(served, plainEnd)).not.toBeNull()
      }),
      { numRuns: 2000 },
    )
  })
})

/** Among the octets of others, which must not be touched. */
function stored(answer: Answer): StoredAnswer {
  const start = 8
  const size = storedBytes(answer)
  const octets = Buffer.allocUnsafeSlow((start + size + 8 + 3) & ~3).fill(0xee)
  storeAnswer(answer, octets, start)
  const outside = Buffer.concat([octets.subarray(0, start), octets.subarray(start + size)])
  expect(outside).toEqual(Buffer.alloc(outside.length, 0xee))
  const { bytes, records, errors, questionEnd, rcode, authenticData } = answer
  return {
    ...{ octets, words: new Uint32Array(octets.buffer), start, questionEnd, rcode, authenticData },
    ...{ length: bytes.length, ttlCount: records.length, errorsLength: errors.length },
  }
}

describe('a stored answer', () => {
  const records = [A, { type: 28, rdata: Buffer.alloc(16, 0x20) }, soa(60, 120), A]
  const sections = fc.record({
    answers: fc.subarray(records),
    authorities: fc.subarray(records),
    additionals: fc.subarray(records),
    flags: fc.constantFrom(0x8180, 0x8183, 0x81a0, 0x8182),
    opt: fc.constantFrom(opt(), opt({ options: option(15, Buffer.from([0, 22])) }), undefined),
  })
  const asked = fc.record({
    flags: fc.constantFrom(0x0100, 0x0000, 0x0120, 0x0110),
    tail: fc.constantFrom(opt({ size: 1232 }), opt({ flags: 0x8000 }), undefined),
  })
  const serving = fc.record({
    limit: fc.constantFrom(60, 90, 120, 512, 65_535),
    age: fc.nat(400),
    ttl: fc.option(fc.constant(30), { nil: undefined }),
    errors: fc.option(fc.constant(Buffer.from([0, 15, 0, 2, 0, 3])), { nil: undefined }),
  })

  it('is served as the answer itself', () => {
    fc.assert(
      fc.property(sections, asked, serving, ({ opt: own, ...of }, { tail, flags }, how) => {
        const answer = readAnswer(reply(plain, { ...of, ...(own && { opt: own }) }), plainEnd)!
        const question = asking(query({ flags, ...(tail && { tail }) }))
        const { ttl, errors, ...fixed } = how
        const as = { ...fixed, ...(ttl !== undefined && { ttl }), ...(errors && { errors }) }
        expect(writeStoredReply(question, stored(answer), as)).toEqual(writeReply(question, answer, as))
        expect(restoreAnswer(stored(answer)).records).toEqual(answer.records)
      }),
    )
  })

  it('leaves out what was cut from it', () => {
    const answer = readAnswer(
      reply(plain, { answers: [A], authorities: [soa(1, 1)], additionals: [A] }),
      plainEnd,
    )!
    withoutSectionOf(answer, 2)
    const served = writeStoredReply(asking(plain), stored(answer), { limit: 512, age: 0 })
    expect(header(served)).toMatchObject({ answers: 1, authorities: 1, additionals: 0 })
    expect(restoreAnswer(stored(answer)).records).toHaveLength(2)
  })
})
