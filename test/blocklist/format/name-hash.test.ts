import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createNameHash, parseKey } from '../../../module/blocklist/format/name-hash.ts'
import { nameFromText } from '../../../module/dns/name.ts'
import { halfSipHash, nameHash } from './reference-reader.ts'

/** vectors_hsip64 of the reference implementation: key 00..07, input 00, 01, ... of the length that is the row's number. */
const published = [
  '218d1f59b9b83cc8',
  'be552412f8387315',
  '064f39ef7c50eb57',
  'ce0f1a45f7060679',
  'd5e78a175be52ea1',
  'cb9d7c3f2f3db580',
  'ce3e91358aa2bc25',
  'ff202728b07bc684',
  'edfee820bce4858c',
  '5b51cccc13888307',
  '95b0469f06a6f2ee',
  'ae26333994ddcd48',
  '7bc71f9faef5c799',
  '5a2352d75a0c3744',
  '3bb1a870eae8e658',
  '217d0bcb4e81c902',
  '7336aad25f7bf3b5',
]
const key = Buffer.from('0001020304050607', 'hex')

/** The published octets are two little-endian words. */
const octetsOf = (hash: bigint) => {
  const octets = Buffer.alloc(8)
  octets.writeUInt32LE(Number(hash >> 32n), 0)
  octets.writeUInt32LE(Number(hash & 0xffffffffn), 4)
  return octets.toString('hex')
}

function suffixesOf(hex: string, name: string): bigint[] {
  const hash = createNameHash(parseKey(hex))
  const wire = nameFromText(name) as Buffer
  const labels = hash.suffixes(wire, 0)
  return Array.from({ length: labels }, (_, i) => {
    const [hi, lo] = [(hash.hi[i] as number) >>> 0, (hash.lo[i] as number) >>> 0]
    return (BigInt(hi) << 32n) | BigInt(lo)
  })
}

describe('HalfSipHash-2-4-64', () => {
  test.each(published.map((expected, length) => ({ expected, length })))(
    'reference, $length octets',
    ({ expected, length }) => {
      const message = Uint8Array.from({ length }, (_, i) => i)
      expect(octetsOf(halfSipHash(key, message))).toBe(expected)
    },
  )

  test('the module gives the published vector where a name makes the same message', () => {
    // Label of 0 octets cannot be; the message 03 .. is a label of three: compare with the reference instead.
    expect(suffixesOf('0001020304050607', 'abc')[0]).toBe(halfSipHash(key, Buffer.from('\x03abc', 'latin1')))
  })
})

describe('names', () => {
  test('vectors of docs/list-format.md', () => {
    expect(
      suffixesOf('0001020304050607', 'www.example.com').map((hash) => hash.toString(16).padStart(16, '0')),
    ).toMatchInlineSnapshot(`
      [
        "9cd80b8b4e2c92c5",
        "165dd85f071c0fbf",
        "39261d868d9928df",
      ]
    `)
  })

  const label = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 63 })
  const names = fc
    .array(label, { minLength: 1, maxLength: 20 })
    .map((labels) => labels.join('.'))
    .filter((name) => name.length <= 253)

  test('every suffix as the reference says', () => {
    fc.assert(
      fc.property(names, fc.uint8Array({ minLength: 8, maxLength: 8 }), (name, octets) => {
        const labels = name.split('.')
        const expected = labels.map((_, i) => nameHash(octets, labels.slice(labels.length - 1 - i).join('.')))
        expect(suffixesOf(Buffer.from(octets).toString('hex'), name)).toEqual(expected)
      }),
    )
  })

  test('capitals, an offset and what follows the name change nothing', () => {
    const hash = createNameHash(parseKey('0001020304050607'))
    const lower = Buffer.from('\x03www\x07example\x03com\x00', 'latin1')
    hash.suffixes(lower, 0)
    const expected = [...hash.hi.subarray(0, 3), ...hash.lo.subarray(0, 3)]
    const mixed = Buffer.from('\xff\x41\x03wWw\x07eXAMPLe\x03COM\x00ZZZZZ', 'latin1')
    expect(hash.suffixes(mixed, 2)).toBe(3)
    expect([...hash.hi.subarray(0, 3), ...hash.lo.subarray(0, 3)]).toEqual(expected)
  })

  test('octets next to A-Z and above 127 are not folded', () => {
    for (const octet of [0x40, 0x5b, 0x60, 0x7b, 0xc1, 0xda, 0xff, 0x00]) {
      const hash = createNameHash(parseKey('0001020304050607'))
      hash.suffixes(Uint8Array.of(1, octet, 0), 0)
      const expected = halfSipHash(key, Uint8Array.of(1, octet, 0, 0))
      expect([(hash.hi[0] as number) >>> 0, (hash.lo[0] as number) >>> 0]).toEqual([
        Number(expected >> 32n),
        Number(expected & 0xffffffffn),
      ])
    }
  })

  test('the root has no labels; 127 labels are all hashed', () => {
    const hash = createNameHash(parseKey('0001020304050607'))
    expect(hash.suffixes(Uint8Array.of(0), 0)).toBe(0)
    const longest = Buffer.from(`${'\x01a'.repeat(127)}\x00`, 'latin1')
    expect(hash.suffixes(longest, 0)).toBe(127)
    const expected = nameHash(key, Array(127).fill('a').join('.'))
    expect((hash.lo[126] as number) >>> 0).toBe(Number(expected & 0xffffffffn))
  })

  test.each(['', '00', '000102030405060', '00010203040506zz', '000102030405060708'])(
    'key %j is refused',
    (hex) => {
      expect(() => parseKey(hex)).toThrow(expect.objectContaining({ code: 'LIST_KEY' }))
    },
  )
})
