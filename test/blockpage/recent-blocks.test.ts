import { expect, it } from 'vitest'
import { RecentBlocks } from '../../module/blockpage/recent-blocks.ts'

it('remembers for an hour, a bounded number, and nothing after a wipe', () => {
  let now = 0
  const recent = new RecentBlocks(() => now)
  recent.add('shop.example', 'phishing')
  expect(recent.categoryOf('shop.example')).toBe('phishing')
  now = 3_599_999
  expect(recent.categoryOf('shop.example')).toBe('phishing')
  now = 3_600_000
  expect(recent.categoryOf('shop.example')).toBeNull()
  for (let i = 0; i < 1000; i++) recent.add(`n${i}.example`, 'malware')
  expect(recent.categoryOf('n0.example')).toBeNull()
  expect(recent.categoryOf('n999.example')).toBe('malware')
  recent.clear()
  expect(recent.categoryOf('n999.example')).toBeNull()
})
