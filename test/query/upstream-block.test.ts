import { describe, expect, test } from 'vitest'
import { addressBytes } from '../../module/base/address.ts'
import { categoryName } from '../../module/category.ts'
import { createUpstreamBlock } from '../../module/query/upstream-block.ts'

const block = createUpstreamBlock([
  { address: '192.0.2.80', category: 'phishing' },
  { address: '2001:db8::80', category: 'malware' },
  { address: '192.0.2.81', category: 'blocked' },
])

/** In the midst of other octets, as in an answer. */
function categoryOf(address: string, of = block): string | null {
  const bytes = addressBytes(address)
  const answer = Buffer.concat([Buffer.alloc(7, 0xaa), bytes, Buffer.alloc(3, 0xbb)])
  const category = of(answer, 7, bytes.length)
  return category < 0 ? null : categoryName(category)
}

describe('blocked behind us', () => {
  test.each([
    ['192.0.2.80', 'phishing'],
    ['::ffff:192.0.2.80', 'phishing'],
    ['2001:db8::80', 'malware'],
    ['192.0.2.81', 'blocked'],
    ['146.112.61.108', 'phishing'],
    ['::ffff:146.112.61.107', 'malware'],
    ['146.112.61.111', null],
    ['192.0.2.82', null],
    ['2001:db8::81', null],
  ])('%s: %s', (address, category) => expect(categoryOf(address)).toBe(category))

  test('without configuration, Cisco’s alone', () => {
    const plain = createUpstreamBlock([])
    expect(categoryOf('192.0.2.80', plain)).toBeNull()
    expect(categoryOf('146.112.61.104', plain)).toBe('blocked')
  })

  test('an address of another length is none', () => {
    expect(block(Buffer.from([192, 0, 2]), 0, 3)).toBe(-1)
  })
})
