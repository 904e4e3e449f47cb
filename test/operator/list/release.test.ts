import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { resultOf } from '../../../module/blocklist/format/entries.ts'
import type { Chunks } from '../../../module/blocklist/format/head.ts'
import { Archive } from '../../../scripts/operator/list/archive.ts'
import { setOf } from '../../../scripts/operator/list/build.ts'
import type { Names } from '../../../scripts/operator/list/gather.ts'
import {
  type EarlierVersion,
  makeRelease,
  type PublishedList,
} from '../../../scripts/operator/list/release.ts'
import { applyDelta, decodeSnapshot } from '../../blocklist/format/decode-list.ts'

const key = '0123456789abcdef'
const root = mkdtempSync(join(tmpdir(), 'securenet-archive-'))
afterAll(() => rmSync(root, { recursive: true }))

/** Version n lists names n to n + 20,000. */
function setAt(version: number, under = key) {
  const names: Names = new Map()
  for (let i = version; i < version + 20_000; i += 1)
    names.set(`n${i}.example`, { category: 1, scope: 'tree', input: 0 })
  return setOf(names, under)
}
const chunksOf = ({ chunks }: PublishedList, part: string) =>
  [...chunks].filter(([topic]) => topic.includes(part)).map(([, chunk]) => chunk)

function describes(chunks: Chunks, bytes: readonly Buffer[]): void {
  expect(chunks.bytes).toBe(bytes.reduce((sum, { length }) => sum + length, 0))
  expect(chunks.chunks).toEqual(bytes.map((chunk) => createHash('sha256').update(chunk).digest('base64url')))
  expect(Math.max(...bytes.map(({ length }) => length))).toBeLessThanOrEqual(65_536)
}

describe('a release', () => {
  it('describes its chunks, and they decode to the set', async () => {
    const set = setAt(1)
    const published = await makeRelease({ list: 'securenet', version: 1, key, set })
    expect(published.release).toMatchObject({
      version: 1,
      key,
      names: 20_000,
      result: resultOf(set),
      deltas: [],
    })
    const snapshot = chunksOf(published, '/1/snapshot/')
    describes(published.release.snapshot, snapshot)
    expect(resultOf(decodeSnapshot(snapshot))).toBe(resultOf(set))
    expect([...published.chunks.keys()][0]).toBe('securenet/v1/list/securenet/1/snapshot/0')
  })

  it('has deltas from versions under the same key, and names those between earlier ones again', async () => {
    const earlier: EarlierVersion[] = []
    let last: PublishedList | undefined
    for (let version = 1; version <= 6; version += 1) {
      const set = setAt(version)
      last = await makeRelease({ list: 'securenet', version, key, set, earlier, direct: [1, 3] })
      earlier.push({ release: last.release, readSet: async () => set })
    }
    const ways = last?.release.deltas.map(({ from, to = 6 }) => `${from}-${to}`) ?? []
    expect(ways.slice(0, 2)).toEqual(['5-6', '3-6'])
    expect(ways).toEqual(expect.arrayContaining(['4-5', '2-5', '3-4', '1-4', '2-3', '1-2']))
    expect(new Set(ways).size).toBe(ways.length)
    // Only what leads to this version is new to the broker.
    expect([...(last?.chunks.keys() ?? [])].filter((topic) => topic.includes('/delta/')).length).toBe(2)
    const delta = chunksOf(last as PublishedList, '/6/delta/3/')
    describes(last?.release.deltas[1] as Chunks, delta)
    expect(resultOf(applyDelta(setAt(3), delta))).toBe(resultOf(setAt(6)))
    const other = await makeRelease({
      list: 'securenet',
      version: 7,
      key: 'ff23456789abcdef',
      set: setAt(7),
      earlier,
    })
    expect(other.release.deltas).toEqual([])
  })

  it('names no earlier delta that leads nowhere', async () => {
    const earlier: EarlierVersion[] = []
    const ways: string[][] = []
    // Between 2 and 3 so much changes that the snapshot is smaller.
    for (const [at, start] of [1, 2, 100_000, 100_001].entries()) {
      const set = setAt(start)
      const { release } = await makeRelease({ list: 'securenet', version: at + 1, key, set, earlier })
      earlier.push({ release, readSet: async () => set })
      ways.push(release.deltas.map(({ from, to = at + 1 }) => `${from}-${to}`))
    }
    expect(ways).toEqual([[], ['1-2'], [], ['3-4']])
  })

  it('has no delta that is larger than its snapshot', async () => {
    const before = setAt(100_000)
    const { release } = await makeRelease({ list: 'securenet', version: 1, key, set: before })
    const next = await makeRelease({
      list: 'securenet',
      version: 2,
      key,
      set: setAt(1),
      earlier: [{ release, readSet: async () => before }],
    })
    expect(next.release.deltas).toEqual([])
  })
})

it.each([
  ['a tag that is none', [1, 2], [1, 0x20]],
  ['an order that is none', [2, 1], [1, 1]],
  ['an entry twice', [1, 1], [1, 1]],
])('nothing is published with %s', async (_, lo, tag) => {
  const set = { count: 2, hi: new Uint32Array(2), lo: Uint32Array.from(lo), tag: Uint8Array.from(tag) }
  await expect(makeRelease({ list: 'securenet', version: 1, key, set })).rejects.toThrow(
    expect.objectContaining({ code: 'LIST_ENTRY' }),
  )
})

describe('the archive', () => {
  it('keeps versions whole, knows the published ones, and never changes one', async () => {
    const archive = new Archive(root, 'securenet')
    expect(await archive.versions()).toEqual([])
    expect(await archive.nextVersion()).toBe(1)
    const set = setAt(1)
    const built = await makeRelease({ list: 'securenet', version: 1, key, set })
    await archive.save(set, built)
    await expect(archive.save(set, built)).rejects.toThrow(
      expect.objectContaining({ code: 'LIST_ARCHIVE_VERSION' }),
    )
    expect(await archive.nextVersion()).toBe(2)
    expect(await archive.published()).toEqual([])
    await archive.markPublished(1)
    expect((await archive.published()).map(({ version }) => version)).toEqual([1])
    expect(await new Archive(root, 'securenet').load(1)).toEqual(built)
    const latest = await archive.latest()
    expect(resultOf((await latest?.readSet()) as typeof set)).toBe(built.release.result)
    expect(readdirSync(join(root, 'securenet'))).toEqual(['1'])
  })

  it('does not see what an interrupted save left, and says where a version is damaged or unknown', async () => {
    const archive = new Archive(root, 'other')
    const set = setAt(3)
    await archive.save(set, await makeRelease({ list: 'other', version: 3, key, set }))
    mkdirSync(join(root, 'other', '.4.123'))
    expect((await archive.versions()).map(({ version }) => version)).toEqual([3])
    writeFileSync(join(root, 'other', '3', 'set.bin'), 'x'.repeat(90))
    await expect((await archive.latest())?.readSet()).rejects.toThrow(
      expect.objectContaining({ code: 'LIST_ARCHIVE_DAMAGED' }),
    )
    await expect(archive.load(9)).rejects.toThrow(expect.objectContaining({ code: 'LIST_ARCHIVE_UNKNOWN' }))
    await archive.save(set, await makeRelease({ list: 'other', version: 5, key, set }))
    expect(await archive.prune(1)).toEqual([3])
    expect(readdirSync(join(root, 'other'))).toEqual(['5'])
  })
})
