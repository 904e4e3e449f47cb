import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAnswer } from '../../module/dns/answer.ts'
import { Question } from '../../module/dns/question.ts'
import { longTestLimitMs } from '../helpers/limits.ts'
import { SeededRandom } from '../helpers/seeded-random.ts'
import { opt, query, rdata, reply } from '../helpers/wire.ts'
import { ChainHarness, checkReply, liveBytes } from './chain-harness.ts'
import { mutated, someQuery, someReply } from './packets.ts'

/** 20,000 in the normal run; SECURENET_FUZZ=1000000 at night. SECURENET_FUZZ_SEED makes another run of it. */
const inputs = Number(process.env['SECURENET_FUZZ'] ?? 20_000)
const seed = Number(process.env['SECURENET_FUZZ_SEED'] ?? 20_261_122)
/** A million inputs are a night's work. */
const timeout = longTestLimitMs + inputs
const slowestMs = 2000
/** What may live on after all of them, in octets: the caches are full by the first tenth. */
const growthMost = 6_000_000

/** Runs `one` so often; says which input it was that failed, and that memory stays as it was. */
function flatly(count: number, one: (i: number) => void): void {
  let before = 0
  for (let i = 0; i < count; i++) {
    if (i === Math.floor(count / 10)) before = liveBytes()
    const start = performance.now()
    one(i)
    const ms = performance.now() - start
    if (ms > slowestMs) throw new Error(`input ${i} of seed ${seed} took ${ms} ms`)
  }
  expect(liveBytes() - before).toBeLessThan(growthMost)
}

function explained(i: number, what: Record<string, Buffer>, run: () => void): void {
  try {
    run()
  } catch (error) {
    const packets = Object.entries(what).map(([name, bytes]) => `${name} ${bytes.toString('hex')}`)
    throw new Error(`input ${i} of seed ${seed}: ${packets.join(' ')}`, { cause: error })
  }
}

describe('mutated packets', () => {
  it('queries: no throw, no answer to what must be dropped, every reply well-formed', { timeout }, () => {
    const random = new SeededRandom(seed)
    const chain = new ChainHarness()
    let answered = 0
    flatly(inputs / 2, (i) => {
      const message = mutated(someQuery(random), random)
      const transport = random.pick(['udp', 'tcp'] as const)
      explained(i, { query: message }, () => {
        const got = chain.ask(message, transport, (asked) => someReply(asked, random))
        if (got) answered++
        checkReply(message, got, transport)
      })
      if (i % 64 === 0) chain.clock.advance(random.below(20_000))
    })
    expect(answered).toBeGreaterThan(inputs / 4)
  })

  it('replies: nothing listed and nothing malformed gets through, now or from the cache', { timeout }, () => {
    const random = new SeededRandom(seed + 1)
    const chain = new ChainHarness()
    flatly(inputs / 2, (i) => {
      const message = someQuery(random)
      let sent: Buffer = Buffer.alloc(0)
      const answer = (asked: Buffer) => {
        sent = mutated(someReply(asked, random), random)
        // Most of it must come past the matching, or there is nothing to inspect.
        if (random.chance(0.8) && sent.length >= 12) {
          asked.copy(sent, 0, 0, 2)
          sent[2] = 0x81
          sent.writeUInt16BE(1, 4)
          asked.copy(sent, 12, 12, Math.min(asked.length - 11, sent.length))
        }
        return sent
      }
      for (const transport of ['udp', 'tcp'] as const) {
        const got = chain.ask(message, transport, answer)
        explained(i, { query: message, upstream: sent }, () => checkReply(message, got, transport))
      }
      if (i % 16 === 0) chain.clock.advance(random.below(100_000))
      if (i % 32 === 0) chain.revision++
      if (i % 512 === 0) chain.cache.clear()
    })
    expect(chain.matched).toBeGreaterThan(inputs / 10)
  })
})

describe('any octets', () => {
  const numRuns = Math.ceil(inputs / 10)

  it('as a query', { timeout }, () => {
    const chain = new ChainHarness()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
        const message = Buffer.from(octets)
        checkReply(
          message,
          chain.ask(message, 'udp', (asked) => asked),
          'udp',
        )
      }),
      { numRuns, seed },
    )
  })

  it('as the records of a reply: read strictly or not at all', { timeout }, () => {
    const message = query({ name: 'example.com' })
    const head = reply(message)
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
        (octets, counts) => {
          const bytes = Buffer.concat([head, octets])
          counts.forEach((count, section) => {
            bytes.writeUInt16BE(count, 6 + section * 2)
          })
          const answer = readAnswer(bytes, head.length)
          if (answer) for (const { end } of answer.records) expect(end).toBeLessThanOrEqual(bytes.length)
        },
      ),
      { numRuns, seed },
    )
  })

  it('as the options of an OPT: every length that does not fit is a format error', { timeout }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const options = Buffer.from(octets)
        let at = 0
        while (at + 4 <= options.length) at += 4 + options.readUInt16BE(at + 2)
        const reading = new Question(query({ tail: opt({ options }) })).read()
        expect(reading).toBe(at === options.length ? 0 : 2)
      }),
      { numRuns, seed },
    )
  })
})

describe('memory', () => {
  it('stays flat under a flood of unique names, hot entries kept all the while', { timeout }, () => {
    const chain = new ChainHarness()
    const hot = Array.from({ length: 200 }, (_, i) => query({ name: `hot${i}.example.com` }))
    const positive = (asked: Buffer) =>
      reply(asked, { answers: [{ type: 1, rdata: rdata.a('192.0.2.1'), ttl: 86_400 }] })
    const negative = (asked: Buffer) =>
      reply(asked, {
        flags: 0x8183,
        authorities: [{ owner: 'example.com', type: 6, rdata: rdata.soa(600) }],
        opt: opt(),
      })
    for (const message of hot) chain.ask(message, 'udp', positive)
    let missed = 0
    flatly(inputs * 5, (i) => {
      chain.ask(query({ name: `r${i}.flood.example.com` }), 'udp', negative)
      chain.ask(hot[i % hot.length]!, 'udp', (asked) => {
        missed++
        return positive(asked)
      })
    })
    expect(missed).toBe(0)
    expect(chain.cache.bytes).toBeLessThanOrEqual(1 << 20)
  })
})
