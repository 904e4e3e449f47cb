import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answer, readAnswer } from '../../module/dns/answer.ts'
import { restoreAnswer } from '../../module/dns/stored-answer.ts'
import { Cache } from '../../module/query/cache.ts'
import { hashOf } from '../../module/query/cache-index.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { opt, option, query, rdata, reply } from '../helpers/wire.ts'

const message = query()
const answerWith = (records: number, last = 1, code = 0): Answer => {
  const answers = Array.from({ length: records }, () => ({ type: 1, rdata: rdata.a(`192.0.2.${last}`) }))
  const tail = code > 0 ? { opt: opt({ options: option(15, Buffer.from([0, code])) }) } : {}
  return readAnswer(reply(message, { answers, ...tail }), 29) as Answer
}
const answer = answerWith(1)

const newCache = (bytes = 100_000) => new Cache({ clock: new FakeClock(), bytes })

/** Octets of an entry besides its answer, at most: numbers, key, twenty TTLs' places, an EDE option, filling. */
const besides = 48 + 8 + 40 + 6 + 7

/** What a client would get of it, without the header that serving writes. */
function recordsOf(cache: Cache, key: string): string | undefined {
  const entry = cache.get(key)
  return entry && plainOf(restoreAnswer(entry))
}

const plainOf = ({ bytes, errors, rcode, authenticData }: Answer) =>
  [bytes.subarray(12).toString('hex'), errors.toString('hex'), rcode, authenticData].join(' ')

describe('the cache', () => {
  it('never holds more bytes than it may, however many unique names come', () => {
    const cache = newCache()
    for (let i = 0; i < 50_000; i++) {
      cache.set(`random${i}`, answer, 300, 1)
      expect(cache.bytes).toBeLessThanOrEqual(100_000)
    }
    expect(cache.size).toBeGreaterThan(800)
  })

  it('hot entries survive a flood of random names', () => {
    const cache = newCache()
    const hot = Array.from({ length: 50 }, (_, i) => `hot${i}`)
    for (const key of hot) cache.set(key, answer, 300, 1)
    for (let i = 0; i < 20_000; i++) {
      cache.set(`random${i}`, answer, 300, 1)
      const entry = cache.get(hot[i % hot.length]!)
      if (entry) entry.visited = true
    }
    expect(hot.filter((key) => cache.get(key) !== undefined)).toHaveLength(50)
  })

  it('without use they do not: it is the asking that keeps them', () => {
    const cache = newCache()
    cache.set('cold', answer, 300, 1)
    for (let i = 0; i < 20_000; i++) cache.set(`random${i}`, answer, 300, 1)
    expect(cache.get('cold')).toBeUndefined()
  })

  it('a new entry finds room although every other one is hot', () => {
    const cache = newCache()
    for (let i = 0; i < 5000; i++) {
      cache.set(`hot${i}`, answer, 1e6, 1)
      for (let j = Math.max(0, i - 900); j <= i; j += 7) {
        const entry = cache.get(`hot${j}`)
        if (entry) entry.visited = true
      }
      expect(cache.get(`hot${i}`)).toBeDefined()
    }
  })

  it('what is long past its end is not spared, asked for or not', () => {
    const clock = new FakeClock()
    const cache = new Cache({ clock, bytes: 100_000 })
    cache.set('old', answer, 1, 1)
    cache.get('old')!.visited = true
    clock.advance(4 * 86_400_000)
    for (let i = 0; i < 1100; i++) cache.set(`random${i}`, answer, 300, 1)
    expect(cache.get('old')).toBeUndefined()
  })

  it('gives back the bytes of what is replaced, deleted or cleared', () => {
    const cache = newCache()
    cache.set('a', answer, 300, 1)
    const one = cache.bytes
    cache.set('a', answer, 60, 1)
    expect(cache.bytes).toBe(one)
    cache.delete('a')
    expect(cache.bytes).toBe(0)
    cache.set('b', answer, 300, 1)
    cache.clear()
    expect([cache.bytes, cache.size, cache.get('b')]).toEqual([0, 0, undefined])
  })

  it('gives an answer back as it was', () => {
    const cache = newCache()
    const full = answerWith(3, 9, 22)
    cache.set('a', full, 300, 1)
    const { bytes, ...rest } = restoreAnswer(cache.get('a')!)
    const { bytes: before, ...others } = full
    expect(rest).toEqual({ ...others, hasOpt: false })
    expect(bytes.subarray(12)).toEqual(before.subarray(12))
  })

  it('keeps its times, its revision and what was noted of it', () => {
    const clock = new FakeClock()
    const cache = new Cache({ clock, bytes: 100_000 })
    cache.set('a', answer, 300, 7)
    const entry = cache.get('a')!
    expect(entry).toMatchObject({ revision: 7, visited: false, refreshing: false, staleUntil: 0, rcode: 0 })
    expect(entry.expires - entry.storedAt).toBe(300)
    entry.visited = true
    entry.refreshing = true
    entry.staleUntil = 12.5
    expect(cache.get('a')).toMatchObject({ visited: true, refreshing: true, staleUntil: 12.5, revision: 7 })
    entry.refreshing = false
    expect(cache.get('a')).toMatchObject({ visited: true, refreshing: false })
  })

  it('judged again, an answer may be shorter, and keeps the rest', () => {
    const cache = newCache()
    cache.set('a', answerWith(3, 5, 22), 300, 1)
    cache.set('b', answerWith(1, 6), 300, 1)
    cache.get('a')!.visited = true
    cache.get('a')!.rejudged(answerWith(1, 5, 22), 2)
    expect(recordsOf(cache, 'a')).toBe(plainOf(answerWith(1, 5, 22)))
    expect(cache.get('a')).toMatchObject({ revision: 2, visited: true })
    expect(recordsOf(cache, 'b')).toBe(plainOf(answerWith(1, 6)))
  })

  it('does not keep what is larger than an eighth of it', () => {
    const cache = newCache(2000)
    cache.set('a', answerWith(20), 300, 1)
    expect(cache.size).toBe(0)
    cache.set('a', answer, 300, 1)
    expect(cache.size).toBe(1)
  })

  it('names whose hashes collide cost one another, and nobody a long search', () => {
    const seed = 12_345
    const cache = new Cache({ clock: new FakeClock(), bytes: 64 << 10, seed })
    const slots = 1024
    const place = (key: string) => hashOf(Buffer.from(key), key.length, seed) % slots
    const others = Array.from({ length: 50 }, (_, i) => `other${i}`).filter((key) => place(key) > 100)
    for (const key of others) cache.set(key, answer, 300, 1)
    const colliding: string[] = []
    for (let i = 0; colliding.length < 100; i++) if (place(`c${i}`) === 7) colliding.push(`c${i}`)
    for (const key of colliding) {
      cache.set(key, answer, 300, 1)
      expect(cache.get(key)).toBeDefined()
    }
    expect(colliding.filter((key) => cache.get(key)).length).toBeLessThan(40)
    expect(others.filter((key) => cache.get(key))).toEqual(others)
    for (const key of colliding) cache.delete(key)
    expect(cache.size).toBe(others.length)
  })

  it('is a map that forgets, whatever happens in whatever order', () => {
    const key = fc.nat(60).map((i) => `key${i}`)
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ set: key, records: fc.integer({ min: 1, max: 20 }), last: fc.nat(255) }),
      },
      { weight: 3, arbitrary: fc.record({ visit: key }) },
      { weight: 1, arbitrary: fc.record({ delete: key }) },
      { weight: 1, arbitrary: fc.record({ shorten: key }) },
    )
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 200, maxLength: 400 }),
        fc.integer({ min: 3000, max: 9000 }),
        (steps, bytes) => {
          const cache = newCache(bytes)
          const model = new Map<string, Answer>()
          const startedAt = cache.seconds()
          const times = { storedAt: startedAt, expires: startedAt + 300, staleUntil: 0, revision: 1 }
          const fields = Object.keys(times) as (keyof typeof times)[]
          for (const step of steps) {
            for (let i = 0; i <= 60; i++) {
              const entry = cache.get(`key${i}`)
              // Compared by hand: `expect`, so often, takes more time than all the rest.
              if (entry && fields.some((field) => entry[field] !== times[field]))
                expect.fail(`key${i} has the fields of another: ${fields.map((field) => entry[field])}`)
            }
            if ('set' in step) {
              const stored = answerWith(step.records, step.last, step.last % 3)
              cache.set(step.set, stored, 300, 1)
              model.set(step.set, stored)
              if (stored.bytes.length < bytes / 8 - besides)
                expect(recordsOf(cache, step.set)).toBe(plainOf(stored))
            } else if ('visit' in step) {
              const entry = cache.get(step.visit)
              if (entry) entry.visited = true
            } else if ('delete' in step) {
              cache.delete(step.delete)
              model.delete(step.delete)
            } else {
              const shorter = answerWith(1, 77)
              const entry = cache.get(step.shorten)
              if (!entry || entry.length <= shorter.bytes.length) continue
              entry.rejudged(shorter, 1)
              model.set(step.shorten, shorter)
            }
          }
          let found = 0
          for (let i = 0; i <= 60; i++) {
            const records = recordsOf(cache, `key${i}`)
            if (records === undefined) continue
            found++
            expect(records).toBe(plainOf(model.get(`key${i}`)!))
          }
          expect(cache.size).toBe(found)
          expect(cache.bytes).toBeLessThanOrEqual(bytes)
        },
      ),
      { numRuns: 40 },
    )
  })
})
