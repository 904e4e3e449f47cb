import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBucket, encodeBucket, findInBucket } from '../../../module/blocklist/store/bucket.ts'
import { listOf, manyEntries, setOf } from '../entries-of.ts'

const tags = [1, 0, 2, 0x11]
/** Entries whose hash begins with `bucketBits` zeros. */
function bucketOf(count: number, bucketBits: number) {
  const entries = manyEntries(count, BigInt(count))
  const set = setOf(
    entries.map(({ hash }, i) => ({
      hash: hash >> BigInt(bucketBits),
      tag: tags[i % tags.length] as number,
    })),
  )
  return { set, octets: encodeBucket(set, 0, set.count, { bucketBits, tags }) }
}

function decoded(octets: Uint8Array, bucketBits: number) {
  const entries: { hash: bigint; tag: number }[] = []
  decodeBucket(octets, 0, { bucketBits, tags }, (hi, lo, tag) => {
    entries.push({ hash: (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0), tag })
  })
  return entries
}

describe('a bucket', () => {
  // Around the counts at which one bit more is coded in unary, up to more than any list puts into one.
  const counts = Array.from({ length: 18 }, (_, bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1])
    .flat()
    .filter((count) => count > 0)

  it.each([0, 1, 12, 23, 24])(
    'of a number with %i bits gives back what was put in, whatever its count',
    (bucketBits) => {
      for (const count of counts) {
        const { set, octets } = bucketOf(count, bucketBits)
        expect(decoded(octets, bucketBits)).toEqual(listOf(set))
        const [hi, lo] = [set.hi[set.count - 1] as number, set.lo[set.count - 1] as number]
        expect(findInBucket(octets, hi, lo, { bucketBits, tags })).not.toBe(-1)
      }
    },
  )

  it('with flipped bits is told, or read as another: its reader always ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(0, 8, 14),
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        (count, bucketBits, flips) => {
          const { octets } = bucketOf(count, bucketBits)
          for (const flip of flips) {
            const at = flip % (octets.length * 8)
            octets[at >>> 3] = (octets[at >>> 3] as number) ^ (1 << (at & 7))
          }
          try {
            decoded(octets, bucketBits)
          } catch (error) {
            expect(error).toMatchObject({ code: 'LIST_STORE_FORMAT' })
          }
        },
      ),
    )
  })
})
