import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expandName, isWithin, lowerName, nameFromText, nameToText, skipName } from '../../module/dns/name.ts'

const into = Buffer.alloc(300)
const wire = (text: string) => nameFromText(text) as Buffer

describe('names', () => {
  it.each([
    ['www.Example.COM', 'www.example.com'],
    ['example.com.', 'example.com'],
    ['.', '.'],
    ['a\\.b.example', 'a\\.b.example'],
    ['a\\000b.example', 'a\\000b.example'],
    ['nl\\010.example', 'nl\\010.example'],
    ['back\\\\slash.example', 'back\\\\slash.example'],
    ['\\065bc.example', 'abc.example'],
  ])('text %s -> wire -> %s', (text, back) => {
    expect(nameToText(wire(text))).toBe(back)
  })

  it('a dot inside a label is not a label boundary', () => {
    expect([...wire('a\\.b')]).toEqual([3, 97, 46, 98, 0])
  })

  it.each(['', 'a..b', '.a', 'é€.example', `${'a'.repeat(64)}.b`, `${'a.'.repeat(128)}`, 'a\\999.b'])(
    'refuses %j',
    (text) => {
      expect(nameFromText(text)).toBeNull()
    },
  )

  it.each<[string, number[]]>([
    ['cut off', [3, 97, 98]],
    ['no end', [1, 97]],
    ['label type 01 (RFC 6891 §5)', [0x41, 0, 0]],
    ['label type 10', [0x80, 0, 0]],
    ['a pointer, in a question (RFC 9267 §2)', [0xc0, 0]],
  ])('lowerName refuses: %s', (_, octets) => {
    expect(lowerName(Buffer.from(octets), 0, octets.length, into)).toBe(-1)
  })

  it.each<[string, number[], number]>([
    ['a pointer to itself', [0xc0, 12], 12],
    ['a pointer forwards', [0xc0, 14, 0], 12],
    ['two pointers in a circle', [0xc0, 14, 0xc0, 12], 14],
    ['a loop through a label', [1, 97, 0xc0, 12], 14],
    ['a pointer cut off', [0xc0], 12],
    ['a pointer into the header', [0xc0, 11], 12],
  ])('expandName refuses: %s (RFC 9267 §2)', (_, octets, at) => {
    const message = Buffer.concat([Buffer.alloc(12), Buffer.from(octets)])
    expect(expandName(message, at, message.length, into)).toBe(-1)
  })

  it('expands through pointers that go backwards', () => {
    const header = Buffer.alloc(12)
    const message = Buffer.from([...header, 3, 99, 111, 109, 0, 1, 65, 0xc0, 12, 1, 66, 0xc0, 17])
    const length = expandName(message, 21, message.length, into)
    expect(nameToText(into.subarray(0, length))).toBe('b.a.com')
  })

  it('255 octets are a name, 256 are not (RFC 1035 §2.3.4)', () => {
    const label = (n: number) => [n, ...Array(n).fill(97)]
    const longest = Buffer.from([...label(63), ...label(63), ...label(63), ...label(61), 0])
    expect(longest.length).toBe(255)
    expect(lowerName(longest, 0, longest.length, into)).toBe(255)
    const over = Buffer.from([...label(63), ...label(63), ...label(63), ...label(62), 0])
    expect(lowerName(over, 0, over.length, into)).toBe(-1)
  })

  it.each([
    ['a.lan', 'lan', true],
    ['lan', 'lan', true],
    ['xlan', 'lan', false],
    ['x.y.home.arpa', 'home.arpa', true],
    ['arpa', 'home.arpa', false],
    ['a\\003lan', 'lan', false],
  ])('isWithin(%s, %s) is %s', (name, zone, expected) => {
    const bytes = wire(name)
    expect(isWithin(bytes, bytes.length, wire(zone))).toBe(expected)
  })

  it('any octets: no throw, no read past the end, lengths within bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(600), (octets, start) => {
        for (const read of [lowerName, expandName]) {
          const length = read(octets, start, octets.length, into)
          expect(length === -1 || (length > 0 && length <= 255)).toBe(true)
        }
        const end = skipName(octets, start, octets.length)
        expect(end === -1 || (end > start && end <= octets.length)).toBe(true)
      }),
    )
  })

  it('text and wire are inverse for every name', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 10 }), (labels) => {
        const bytes = Buffer.from([...labels.flatMap((l) => [l.length, ...l]), 0])
        const lower = Buffer.alloc(255)
        const length = lowerName(bytes, 0, bytes.length, lower)
        expect(nameFromText(nameToText(lower))).toEqual(lower.subarray(0, length))
      }),
    )
  })
})
