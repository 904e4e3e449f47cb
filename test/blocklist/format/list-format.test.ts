import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { resultOf, type Scope, scopeOf, tagOf } from '../../../module/blocklist/format/entries.ts'
import { createMatcher } from '../../../module/blocklist/matcher.ts'
import { decodeBucket, encodeBucket } from '../../../module/blocklist/store/bucket.ts'
import { createStoreBuilder } from '../../../module/blocklist/store/builder.ts'
import { openStore, type Store } from '../../../module/blocklist/store/store.ts'
import { categoryName } from '../../../module/category.ts'
import { nameFromText } from '../../../module/dns/name.ts'
import { encodeDelta, encodeSnapshot } from '../../../scripts/operator/list/encode.ts'
import { listOf, setOf } from '../entries-of.ts'
import { applyDelta } from './decode-list.ts'
import { chunkVectors, page } from './page-vectors.ts'
import {
  applyChunks,
  type Entry,
  lookUp,
  nameHash,
  readChunk,
  resultHash,
  sorted,
} from './reference-reader.ts'

// The vectors of docs/list-format.md: what the page says, what the module does and what the reader reads are one.
const packed = page.replaceAll(/\s/g, '')
const key = '0001020304050607'
const octets = Buffer.from(key, 'hex')
const directory = mkdtempSync(join(tmpdir(), 'securenet-format-'))
const stores: Store[] = []
afterAll(async () => {
  for (const store of stores) await store.close()
  rmSync(directory, { recursive: true })
})

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
const without = (entries: Entry[], ...names: string[]) => {
  const gone = names.map((name) => nameHash(octets, name))
  return entries.filter(({ hash }) => !gone.includes(hash))
}
const eight = sorted([...without(seven, 'phish.example'), entry('scam.example', 4)])
const nine = sorted([
  ...without(eight, 'botnet.example', 'scam.example', 'login.example.net'),
  entry('login.example.net', 0),
  entry('shop.malware.example', 1),
  entry('pages.example.org', 4),
])
const { snapshot, toEight, toNine } = chunkVectors

/** As a modem does it: the store of a version from the chunks on the page. */
async function storeOf(version: number, chunks: readonly Buffer[], base?: Store): Promise<Store> {
  const path = join(directory, `${version}.mdb`)
  const options = { path, list: 'threats', release: { version, key }, chunks: chunks.length }
  const builder = createStoreBuilder(base ? { ...options, base } : options)
  for (const chunk of chunks) await builder.append(chunk)
  await builder.finish()
  const store = openStore(path)
  stores.push(store)
  return store
}

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
    ['9', nine],
  ])('entries and result hash of version %s', (_, entries) => {
    const line = entries.map(
      ({ hash, tag }) => hash.toString(16).padStart(16, '0') + tag.toString(16).padStart(2, '0'),
    )
    expect(packed).toContain(line.join(''))
    expect(packed).toContain(resultHash(entries))
    expect(resultOf(setOf(entries))).toBe(resultHash(entries))
  })

  test('the snapshot', () => {
    expect(encodeSnapshot(setOf(seven), { list: 'threats', version: 7, key })).toEqual([snapshot])
    expect(page).toContain(`one chunk of ${snapshot.length} octets`)
    expect(readChunk(snapshot)).toMatchObject({
      kind: 'S',
      list: 'threats',
      version: 7n,
      names: 5,
      entries: seven,
    })
  })

  test('the delta', () => {
    const chunks = encodeDelta(setOf(seven), setOf(eight), { list: 'threats', version: 8, from: 7, key })
    expect(chunks).toEqual([toEight])
    expect(page).toContain(`one chunk of ${toEight.length} octets; it removes place 2 `)
    expect(readChunk(toEight)).toMatchObject({ kind: 'D', from: 7n, version: 8n, removals: [2n] })
    expect(applyChunks(seven, [toEight])).toEqual(eight)
  })

  test('the delta in two chunks, which no publisher would cut so small', () => {
    expect(page).toContain(`of ${toNine[0].length} and ${toNine[1].length} octets`)
    expect(toNine.map((chunk) => readChunk(chunk))).toMatchObject([
      { prefixBits: 1, index: 0, removals: [1n, 3n] },
      { prefixBits: 1, index: 1, removals: [0n] },
    ])
    expect(applyChunks(eight, toNine)).toEqual(nine)
    expect(listOf(applyDelta(setOf(eight), toNine))).toEqual(nine)
  })

  test('look-ups, by the reader and on the stores that the module builds from the page', async () => {
    const rows = [...page.matchAll(/^\| (\S+) \| ([^|]+) \| ([^|]+) \|$/gm)].filter(([, , , cell = '']) =>
      /^(\S+ [01][0-9a-f]|not listed)$/.test(cell),
    )
    expect(rows.length).toBe(4)
    const base = await storeOf(7, [snapshot])
    const storeOfEight = await storeOf(8, [toEight], base)
    const versions = [
      { entries: eight, store: storeOfEight },
      { entries: nine, store: await storeOf(9, toNine, storeOfEight) },
    ]
    for (const [, asked = '', ...cells] of rows)
      for (const [i, { entries, store }] of versions.entries()) {
        const [suffix, tag] = cells[i] === 'not listed' ? [] : (cells[i]?.split(' ') ?? [])
        const found = tag === undefined ? null : { suffix, tag: Number.parseInt(tag, 16) }
        expect(lookUp(entries, octets, asked), asked).toEqual(found)
        const matcher = createMatcher({ store, allow: [], core: [] })
        expect(matcher.explain(nameFromText(asked) as Buffer, 0), asked).toMatchObject(
          found
            ? { listed: true, suffix, category: categoryName(found.tag & 15), scope: scopeOf(found.tag) }
            : { listed: false },
        )
      }
  })

  test('the buckets', () => {
    const [all, some] = [setOf(seven), setOf(eight)]
    const tags = [0, 1, 2, 4, 17]
    const one = encodeBucket(all, 0, all.count, { bucketBits: 0, tags: [1, 0, 2, 0x11] })
    expect(packed).toContain(Buffer.from(one).toString('hex'))
    const last = encodeBucket(some, 4, 5, { bucketBits: 1, tags })
    expect(packed).toContain(`\`tags\`${tags.join()}`)
    expect(packed).toContain(Buffer.from(last).toString('hex'))
    const back: number[] = []
    decodeBucket(last, 1, { bucketBits: 1, tags }, (hi, lo, tag) => back.push(hi, lo, tag))
    expect(back).toEqual([some.hi[4], some.lo[4], some.tag[4]])
  })
})
