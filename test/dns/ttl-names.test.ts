// A compressed name may point at any octet before it, so at a TTL too; TTLs are counted down in the cache (RFC 9267 §2).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answer, readAnswer } from '../../module/dns/answer.ts'
import { Type } from '../../module/dns/constants.ts'
import { expandName } from '../../module/dns/name.ts'
import { Question } from '../../module/dns/question.ts'
import { writeReply } from '../../module/dns/write-reply.ts'
import { query, reply } from '../helpers/wire.ts'

const asked = new Question(query({ name: 'a.example', type: 1 }))
asked.read()

/** A pointer to an octet of the message, or the end of a name. */
interface NameParts {
  labels: string[]
  pointer: number | null
}
interface RecordParts {
  owner: NameParts
  ttl: Buffer
  target: NameParts
}

function nameBytes({ labels, pointer }: NameParts): Buffer {
  const parts = labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)]))
  const end = pointer === null ? [0] : [0xc0 | (pointer >> 8), pointer & 0xff]
  return Buffer.concat([...parts, Buffer.from(end)])
}

function replyOf(records: readonly RecordParts[]): Buffer {
  const head = Buffer.from(asked.message.subarray(0, asked.end))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt16BE(0, 10)
  const bodies = records.map(({ owner, ttl, target }) => {
    const rdata = nameBytes(target)
    return Buffer.concat([
      nameBytes(owner),
      Buffer.from([0, Type.CNAME, 0, 1]),
      ttl,
      Buffer.from([0, rdata.length]),
      rdata,
    ])
  })
  return Buffer.concat([head, ...bodies])
}

const textAt = (bytes: Buffer, at: number) => {
  const into = Buffer.alloc(255)
  const length = expandName(bytes, at, bytes.length, into)
  return length < 0 ? null : into.toString('latin1', 0, length)
}

const namesOf = (bytes: Buffer, answer: Answer) =>
  answer.records.flatMap(({ owner, rdata }) => [textAt(bytes, owner), textAt(bytes, rdata)])

const label = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'c') })
const anyName = fc.record({
  labels: fc.array(label, { maxLength: 2 }),
  pointer: fc.oneof(fc.constant(12), fc.constant(null), fc.integer({ min: 12, max: 80 })),
})
/** Octets that look like a short label, its end or a pointer. */
const ttlOctet = fc.constantFrom(0, 0, 1, 2, 3, 0x61, 0xc0, 12)
const anyRecord = fc.record({
  owner: anyName,
  ttl: fc.tuple(ttlOctet, ttlOctet, ttlOctet, ttlOctet).map((octets) => Buffer.from(octets)),
  target: anyName,
})

describe('names and TTLs', () => {
  it('no name of an answer that is used changes as the answer ages', () => {
    let used = 0
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 5 }), (records) => {
        const answer = readAnswer(replyOf(records), asked.end)
        if (!answer) return
        used++
        const fresh = writeReply(asked, answer, { limit: 65_535, age: 0 })
        const aged = writeReply(asked, answer, { limit: 65_535, age: 777 })
        expect(namesOf(aged, answer)).toEqual(namesOf(fresh, answer))
      }),
      { numRuns: 20_000 },
    )
    expect(used).toBeGreaterThan(500)
  })

  const owner = { labels: [], pointer: 12 }
  const spelled = Buffer.from([1, 0x62, 0, 0])
  const first = { owner, ttl: spelled, target: { labels: ['x'], pointer: 12 } }
  const ttlAt = asked.end + 2 + 4

  it('refuses an answer with an owner that is spelled in an earlier TTL', () => {
    expect(
      readAnswer(replyOf([first, { ...first, owner: { labels: [], pointer: ttlAt } }]), asked.end),
    ).toBeNull()
    expect(
      readAnswer(replyOf([first, { ...first, owner: { labels: ['y'], pointer: ttlAt } }]), asked.end),
    ).toBeNull()
  })

  it('refuses a target that is spelled in its own TTL, or in an earlier one', () => {
    const own = { ...first, target: { labels: ['y'], pointer: ttlAt } }
    expect(readAnswer(replyOf([own]), asked.end)).toBeNull()
    expect(readAnswer(replyOf([first, own]), asked.end)).toBeNull()
  })

  it.each([
    ['NS', Type.NS, 0],
    ['CNAME', Type.CNAME, 0],
    ['PTR', Type.PTR, 0],
    ['MX', Type.MX, 2],
    ['SRV', Type.SRV, 6],
    ['DNAME', Type.DNAME, 0],
    ['SVCB', Type.SVCB, 2],
    ['HTTPS', Type.HTTPS, 2],
  ])('names within %s are held to the same, in every section (RFC 9267 §2)', (_, type, offset) => {
    const withTarget = (pointer: number) =>
      Buffer.concat([Buffer.alloc(offset), Buffer.from([0xc0, pointer])])
    for (const section of ['answers', 'authorities', 'additionals']) {
      const replyWith = (pointer: number) =>
        reply(asked.message, { [section]: [{ type, ttl: 0, rdata: withTarget(pointer) }] })
      expect(readAnswer(replyWith(12), asked.end)).not.toBeNull()
      for (const pointer of [ttlAt, asked.end + 12 + offset, 255, 2])
        expect(readAnswer(replyWith(pointer), asked.end)).toBeNull()
    }
  })

  it('both names of an SOA are held to it', () => {
    const soa = (first: number, second: number) =>
      reply(asked.message, {
        authorities: [
          {
            type: Type.SOA,
            ttl: 0,
            rdata: Buffer.concat([Buffer.from([0xc0, first, 0xc0, second]), Buffer.alloc(20)]),
          },
        ],
      })
    expect(readAnswer(soa(12, 12), asked.end)).not.toBeNull()
    expect(readAnswer(soa(12, ttlAt), asked.end)).toBeNull()
    expect(readAnswer(soa(ttlAt, 12), asked.end)).toBeNull()
  })

  it('other types are octets (RFC 3597 §4)', () => {
    const record = { type: 1000, ttl: 0, rdata: Buffer.from([0xc0, ttlAt]) }
    expect(readAnswer(reply(asked.message, { answers: [record] }), asked.end)).not.toBeNull()
  })

  it('takes an owner that points at an earlier target', () => {
    const target = asked.end + 2 + 10
    expect(
      readAnswer(replyOf([first, { ...first, owner: { labels: [], pointer: target } }]), asked.end),
    ).not.toBeNull()
  })
})
