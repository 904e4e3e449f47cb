import { describe, expect, it } from 'vitest'
import { parseSource } from '../../scripts/check/parse-source.ts'

const findings = (text: string) => parseSource('any.ts', text).style.map((finding) => finding.text)

describe('the style check', () => {
  it.each([
    ['const tickMs = 50', 'tickMs'],
    ['export const limit = 64 * 1024', 'limit'],
    ['const offset = -1', 'offset'],
    ["const zone = 'test.example'", 'zone'],
    ['const text = `one`', 'text'],
    ['const size = (1 << 4) as number', 'size'],
  ])('wants upper case: %s', (text, name) => {
    expect(findings(text)).toEqual([`${name}: a constant number or text of a file is in UPPER_CASE`])
  })

  it.each([
    ['function f(mostBytes: number) {}', 'mostBytes'],
    ['interface I { leastTags: number }', 'leastTags'],
    ['const NAMES_MOST = 9', 'NAMES_MOST'],
    ['const MOST_TRIES = 9', 'MOST_TRIES'],
  ])('wants max and min: %s', (text, name) => {
    expect(findings(text)).toEqual([`${name}: limits are named max and min`])
  })

  it.each(['const a = x[i] as number', 'f((x[i + 1] as string).length)'])('wants x[i]!: %s', (text) => {
    expect(findings(text)).toEqual(['x[i]!, not x[i] as its type'])
  })

  it.each([
    'const TICK_MS = 50',
    'const table = { a: 1 }',
    'const list = [1] as const',
    'let count = 0',
    'function f() { const local = 1; return local }',
    'const a = x[i]!',
    'const b = x.length as number',
    'const c = x[i] as Entry',
    'const most = f(); const atMost = g(); const almost = h()',
  ])('lets be: %s', (text) => expect(findings(text)).toEqual([]))
})
