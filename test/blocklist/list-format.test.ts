import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeBucket } from '../../module/blocklist/bucket.ts'
import { encodeDelta, encodeSnapshot } from '../../module/blocklist/codec.ts'
import { resultOf, type Scope, tagOf } from '../../module/blocklist/entries.ts'
import { setOf } from './entries-of.ts'
import { applyChunks, type Entry, nameHash, readChunk, resultHash, sorted } from './reference-reader.ts'

// The vectors of docs/list-format.md: what the page says, what the module does and what the reader reads are one.
const page = readFileSync(join(import.meta.dirname, '../../docs/list-format.md'), 'utf8')
const packed = page.replaceAll(/\s/g, '')
const key = '0001020304050607'
const octets = Buffer.from(key, 'hex')

const entry = (name: string, category: number, scope: Scope = 'tree'): Entry => ({
  hash: nameHash(octets, name),
  tag: tagOf(category, scope),
})
const seven = sorted([
  entry('malware.example', 0),
  entry('phish.example', 1),
  entry('login.example.net', 1),
  entry('pages.example.org', 1, 'exact'),
  entry('botnet.example', 2),
])
const eight = sorted([
  ...seven.filter(({ hash }) => hash !== nameHash(octets, 'phish.example')),
  entry('scam.example', 4),
])

describe('docs/list-format.md', () => {
  const names = [...page.matchAll(/^\| ([a-z0-9.-]+) \| ([0-9a-f]{16}) \|$/gm)].map(([, name, hash]) => ({
    name,
    hash,
  }))

  test('has names with their hashes', () => expect(names.length).toBeGreaterThan(4))

  test.each(names)('$name', ({ name, hash }) => {
    expect(
      nameHash(octets, name as string)
        .toString(16)
        .padStart(16, '0'),
    ).toBe(hash)
  })

  test.each([
    ['7', seven],
    ['8', eight],
  ])('entries and result hash of version %s', (_, entries) => {
    const line = entries.map(
      ({ hash, tag }) => hash.toString(16).padStart(16, '0') + tag.toString(16).padStart(2, '0'),
    )
    expect(packed).toContain(line.join(''))
    expect(packed).toContain(resultHash(entries))
    expect(resultOf(setOf(entries))).toBe(resultHash(entries))
  })

  test('the snapshot', () => {
    const [chunk, ...more] = encodeSnapshot(setOf(seven), { list: 'threats', version: 7, key }) as [Buffer]
    expect(more).toEqual([])
    expect(packed).toContain(chunk.toString('hex'))
    expect(page).toContain(`one chunk of ${chunk.length} octets`)
    expect(readChunk(chunk)).toMatchObject({
      kind: 'S',
      list: 'threats',
      version: 7n,
      names: 5,
      entries: seven,
    })
  })

  test('the delta', () => {
    const [chunk] = encodeDelta(setOf(seven), setOf(eight), {
      list: 'threats',
      version: 8,
      from: 7,
      key,
    }) as [Buffer]
    expect(packed).toContain(chunk.toString('hex'))
    expect(page).toContain(`one chunk of ${chunk.length} octets; it removes place 2 `)
    expect(readChunk(chunk)).toMatchObject({ kind: 'D', from: 7n, version: 8n, removals: [2n] })
    expect(applyChunks(seven, [chunk])).toEqual(eight)
  })

  test('the bucket', () => {
    const set = setOf(seven)
    const bucket = encodeBucket(set, 0, set.count, { bucketBits: 0, tags: [1, 0, 2, 0x11] })
    expect(packed).toContain(Buffer.from(bucket).toString('hex'))
  })
})
