import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SecureNetError } from '../../../module/base/error.ts'
import { MAX_CHUNK_BYTES } from '../../../module/blocklist/format/chunk.ts'
import { resultOf } from '../../../module/blocklist/format/entries.ts'
import { encodeDelta, encodeSnapshot } from '../../../scripts/operator/list/encode.ts'
import { listOf, manyEntries, setOf } from '../entries-of.ts'
import { applyDelta, decodeChunk, decodeSnapshot } from './decode-list.ts'
import { applyChunks, type Entry, readChunk, resultHash, sorted } from './reference-reader.ts'

const options = { list: 'threats', version: 7, key: '0001020304050607' }

const edges = fc.constantFrom(
  0n,
  1n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
)
const entry = fc.record({
  hash: fc.oneof(edges, fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }), fc.bigInt({ min: 0n, max: 40n })),
  tag: fc.integer({ min: 0, max: 31 }),
})
const entries = fc.uniqueArray(entry, { maxLength: 60, selector: ({ hash, tag }) => `${hash}/${tag}` })

describe('snapshot', () => {
  test('any set comes back, also from the independent reader', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const set = setOf(list)
        const chunks = encodeSnapshot(set, options)
        expect(listOf(decodeSnapshot(chunks))).toEqual(sorted([...list]))
        expect(chunks.flatMap((chunk) => readChunk(chunk).entries)).toEqual(sorted([...list]))
        expect(resultOf(set)).toBe(resultHash(sorted([...list])))
      }),
    )
  })

  test('large sets are cut into chunks of at most 64 KiB that decode alone', () => {
    const list = manyEntries(60_000)
    const chunks = encodeSnapshot(setOf(list), options)
    expect(chunks.length).toBe(8)
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(MAX_CHUNK_BYTES)
    const last = decodeChunk(chunks[7] as Buffer)
    expect(listOf(last.additions)).toEqual(sorted(list.filter(({ hash }) => hash >> 61n === 7n)))
    expect(chunks.flatMap((chunk) => readChunk(chunk).entries)).toEqual(sorted(list))
  })

  test('the empty list is one chunk', () => {
    const chunks = encodeSnapshot(setOf([]), options)
    expect(chunks).toHaveLength(1)
    expect(decodeSnapshot(chunks).count).toBe(0)
  })

  test('six bytes a name at most', () => {
    const chunks = encodeSnapshot(setOf(manyEntries(100_000)), options)
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    // log2 of 10 fewer names is 3.3 bits more a name than at a million.
    expect(bytes / 100_000).toBeLessThan(6.2 + 3.4 / 8)
  })
})

describe('delta', () => {
  const deltaOptions = { ...options, from: 6 }

  test('leads from any set to any other, also by the independent reader', () => {
    fc.assert(
      fc.property(entries, entries, fc.array(fc.boolean()), (a, b, kept) => {
        const unique = new Map([...a.filter((_, i) => kept[i]), ...b].map((e) => [`${e.hash}/${e.tag}`, e]))
        const [from, to] = [setOf(a), setOf([...unique.values()])]
        const chunks = encodeDelta(from, to, deltaOptions)
        expect(listOf(applyDelta(from, chunks))).toEqual(listOf(to))
        expect(applyChunks(listOf(from), chunks)).toEqual(listOf(to))
      }),
    )
  })

  test('large ones are cut, too', () => {
    const [from, to] = [
      setOf(manyEntries(60_000)),
      setOf([...manyEntries(20_000), ...manyEntries(30_000, 99n)]),
    ]
    const chunks = encodeDelta(from, to, deltaOptions)
    expect(chunks.length).toBeGreaterThan(1)
    expect(resultOf(applyDelta(from, chunks))).toBe(resultOf(to))
  })

  test('1,000 added and 1,000 removed of 200,000 cost under 10 KB', () => {
    const all = manyEntries(201_000)
    const chunks = encodeDelta(setOf(all.slice(0, 200_000)), setOf(all.slice(1_000)), deltaOptions)
    expect(chunks).toHaveLength(1)
    expect((chunks[0] as Buffer).length).toBeLessThan(10_000)
  })

  test('another base is refused', () => {
    const [a, b] = [setOf(manyEntries(20)), setOf(manyEntries(25))]
    const chunks = encodeDelta(b, a, deltaOptions)
    expect(() => applyDelta(a, chunks)).toThrow(expect.objectContaining({ code: 'LIST_DELTA_BASE' }))
  })
})

describe('hostile chunks', () => {
  const list: Entry[] = manyEntries(300)
  const snapshot = encodeSnapshot(setOf(list), options)[0] as Buffer
  const delta = encodeDelta(setOf(list), setOf(manyEntries(250)), { ...options, from: 6 })[0] as Buffer

  const decode = (octets: Uint8Array) => {
    try {
      return decodeChunk(octets).additions.count
    } catch (error) {
      expect(error).toBeInstanceOf(SecureNetError)
      expect((error as SecureNetError).code).toMatch(/^LIST_CHUNK_/)
      return -1
    }
  }

  test('changed octets never crash nor hang', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(snapshot, delta),
        fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (chunk, changes) => {
          const octets = Buffer.from(chunk)
          for (const [at, value] of changes) octets[at % octets.length] = value
          decode(octets)
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('every change in the header is noticed or harmless, octet by octet', () => {
    for (let at = 0; at < 100; at += 1) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const octets = Buffer.from(delta)
        octets[at] = value
        decode(octets)
      }
    }
  })

  test('cut at any place, or followed by anything, it is refused', () => {
    for (let length = 0; length < snapshot.length; length += 1)
      expect(decode(snapshot.subarray(0, length))).toBe(-1)
    expect(decode(Buffer.concat([snapshot, Buffer.of(0)]))).toBe(-1)
  })

  test('arbitrary octets', () => {
    const magic = Buffer.from('534e424c01', 'hex')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        decode(octets)
        decode(Buffer.concat([magic, octets]))
      }),
    )
  })

  test('more than 64 KiB is refused unread', () => {
    expect(() => decodeChunk(Buffer.alloc(MAX_CHUNK_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'LIST_CHUNK_TOO_LARGE' }),
    )
  })

  test('a name of a list that could not be a topic is refused', () => {
    expect(() => encodeSnapshot(setOf(list), { ...options, list: 'a/#' })).toThrow(
      expect.objectContaining({ code: 'LIST_NAME' }),
    )
  })
})
