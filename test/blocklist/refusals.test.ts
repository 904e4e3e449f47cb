// What docs/list-format.md §3 says a reader refuses, clause by clause, on the chunks of its §6.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EntrySet } from '../../module/blocklist/format/entries.ts'
import { type BuildOptions, createStoreBuilder } from '../../module/blocklist/store/builder.ts'
import { openStore, type Store } from '../../module/blocklist/store/store.ts'
import { applyDelta, decodeSnapshot } from './format/decode-list.ts'
import { chunkVectors } from './format/page-vectors.ts'

const { snapshot, toEight, toNine } = chunkVectors
const key = '0001020304050607'
const directory = mkdtempSync(join(tmpdir(), 'securenet-refusals-'))
let files = 0

async function build(version: number, chunks: readonly Buffer[], more: Partial<BuildOptions> = {}) {
  const path = join(directory, `${++files}.mdb`)
  const builder = createStoreBuilder({
    path,
    list: 'threats',
    release: { version, key },
    chunks: chunks.length,
    ...more,
  })
  try {
    for (const chunk of chunks) await builder.append(chunk)
  } catch (error) {
    await builder.abort()
    throw error
  }
  return openStore((await builder.finish()).path)
}

const entriesOf = (store: Store): EntrySet => {
  const { count, hi, lo, tag } = store.entries(0, 2 ** store.metadata.bucketBits)
  return { count, hi: hi.slice(), lo: lo.slice(), tag: tag.slice() }
}

let seven: Store
let eight: Store
beforeAll(async () => {
  seven = await build(7, [snapshot])
  eight = await build(8, [toEight], { base: seven })
})
afterAll(async () => {
  await seven.close()
  await eight.close()
  rmSync(directory, { recursive: true })
})

/** With other octets, as hex, at some offsets. */
function changed(chunk: Buffer, ...changes: readonly (readonly [at: number, hex: string])[]): Buffer {
  const octets = Buffer.from(chunk)
  for (const [at, hex] of changes) octets.write(hex, at, 'hex')
  return octets
}

// Offsets in a chunk of the list `threats`.
const [kind, name, version, from, names, baseNames, p, i, tags] = [5, 7, 22, 30, 38, 42, 46, 47, 52]
/** Of the four groups of the snapshot, and of the octets that follow them. */
const group = (n: number) => 57 + 10 * n
const bits = group(4)

describe('a chunk', () => {
  test.each<[string, Buffer, string, RegExp]>([
    ['over 65,536 octets', Buffer.concat([snapshot, Buffer.alloc(65_536)]), 'TOO_LARGE', /65673/],
    ['another magic', changed(snapshot, [0, '54']), 'FORMAT', /format 1/],
    ['another format', changed(snapshot, [4, '02']), 'FORMAT', /format 1/],
    ['another kind', changed(snapshot, [kind, '58']), 'CODING', /neither/],
    ['a bad list name', changed(snapshot, [name, '2f']), 'CODING', /proper name/],
    ['a version of 2^53', changed(snapshot, [version, '0020000000000000']), 'CODING', /version/],
    ['a base version of 2^53', changed(toEight, [from, '0020000000000000']), 'CODING', /version/],
    ['a snapshot with a base version', changed(snapshot, [from + 7, '01']), 'CODING', /starts from/],
    ['a snapshot with entries of a base', changed(snapshot, [baseNames + 3, '01']), 'CODING', /starts from/],
    ['p over 16', changed(snapshot, [p, '11']), 'CODING', /place/],
    ['i of 2^p', changed(snapshot, [i + 3, '01']), 'CODING', /place/],
    ['a tag above 1f', changed(snapshot, [tags + 1, '20']), 'CODING', /tags/],
    ['a tag twice', changed(snapshot, [tags + 1, '01']), 'CODING', /tags/],
    ['groups out of order', changed(snapshot, [group(0), '02']), 'CODING', /out of order/],
    ['a group twice', changed(snapshot, [group(0), '01']), 'CODING', /out of order/],
    [
      'a group of no values',
      Buffer.concat([
        changed(snapshot, [group(0) + 2, '0000000000000000']).subarray(0, bits),
        snapshot.subarray(bits + 8),
      ]),
      'CODING',
      /no values/,
    ],
    ['a group of a tag that is not announced', changed(snapshot, [group(3), '12']), 'CODING', /out of place/],
    ['removals in a snapshot', changed(snapshot, [group(3), 'ff02']), 'CODING', /out of place/],
    ['k of 31 for additions', changed(snapshot, [group(0) + 1, '1f']), 'CODING', /Rice parameter/],
    ['k of 64 for additions', changed(snapshot, [group(0) + 1, '40']), 'CODING', /Rice parameter/],
    ['k of 32 for removals', changed(toEight, [tags + 5 + 1 + 10 + 1, '20']), 'CODING', /Rice parameter/],
    ['values that do not fit', changed(snapshot, [group(1) + 5, '03']), 'CODING', /cut off/],
    [
      'a value that ends too early',
      changed(snapshot, [bits, 'ffffffffffffffff']),
      'CODING',
      /too large|early/,
    ],
    ['bits left over', changed(snapshot, [group(0) + 1, '3e']), 'CODING', /do not end/],
    ['octets at the end', Buffer.concat([snapshot, Buffer.of(0)]), 'CODING', /follow/],
    ['a gap of 0', changed(snapshot, [bits + 16, '0000000000000000']), 'CODING', /twice/],
    ['a hash outside the range', changed(snapshot, [p, '01']), 'CODING', /outside/],
  ])('with %s', async (_, chunk, code, message) => {
    const refused = expect.objectContaining({
      code: `LIST_CHUNK_${code}`,
      message: expect.stringMatching(message),
    })
    expect(() => decodeSnapshot([chunk])).toThrow(refused)
    await expect(build(7, [chunk])).rejects.toThrow(refused)
  })

  test('the tags may be in another order, and one may have no entry', async () => {
    for (const chunk of [changed(snapshot, [tags, '11020001']), changed(toEight, [tags, '0402000111'])]) {
      const base = chunk.length === toEight.length ? { base: seven } : {}
      await (await build(base.base ? 8 : 7, [chunk], base)).close()
    }
    const unused = Buffer.concat([
      changed(snapshot, [tags - 1, '05']).subarray(0, tags),
      Buffer.of(5),
      snapshot.subarray(tags),
    ])
    await (await build(7, [unused])).close()
  })
})

describe('a delta', () => {
  // Its additions, one of tag 04, and its removal (k = 2).
  const addition = tags + 5 + 1
  const value = toEight.length - 9
  const removal = toEight.length - 1
  const malware: [number, string][] = [
    [addition, '00'],
    [value, '45c0b4451e8c0ddd'],
  ]
  test.each<[string, Buffer]>([
    ['a removal beyond the base', changed(toEight, [removal, '90'])],
    ['an addition that the base has', changed(toEight, ...malware)],
    ['an addition that the base has and the delta removes', changed(toEight, ...malware, [removal, '20'])],
    ['another number of entries of the base', changed(toEight, [baseNames + 3, '06'])],
  ])('with %s', async (_, chunk) => {
    const refused = expect.objectContaining({ code: 'LIST_DELTA_BASE' })
    await expect(build(8, [chunk], { base: seven })).rejects.toThrow(refused)
    expect(() => applyDelta(entriesOf(seven), [chunk])).toThrow(refused)
  })

  test('with another version of the base', async () => {
    const chunk = changed(toEight, [from + 7, '06'])
    await expect(build(8, [chunk], { base: seven })).rejects.toMatchObject({ code: 'LIST_DELTA_BASE' })
  })

  test('that leaves an entry whose tag it does not announce', async () => {
    const chunk = changed(toEight, [tags + 2, '03'])
    await expect(build(8, [chunk], { base: seven })).rejects.toMatchObject({ code: 'LIST_CHUNK_CODING' })
  })
})

describe('chunks that do not belong together', () => {
  const [first, second] = toNine as [Buffer, Buffer]
  test.each<[string, Buffer[], string, Partial<BuildOptions>?]>([
    ['other tags', [first, changed(second, [tags + 2, '05'])], 'LIST_CHUNK_MISPLACED'],
    ['tags in another order', [first, changed(second, [tags, '01000411'])], 'LIST_CHUNK_MISPLACED'],
    ['another number of entries', [first, changed(second, [names + 3, '06'])], 'LIST_CHUNK_MISPLACED'],
    [
      'another number of entries of the base',
      [first, changed(second, [baseNames + 3, '06'])],
      'LIST_DELTA_BASE',
    ],
    ['another p', [first, changed(second, [p, '02'])], 'LIST_CHUNK_MISPLACED'],
    ['one twice', [first, first], 'LIST_CHUNK_MISPLACED'],
    ['one alone', [first], 'LIST_CHUNK_MISPLACED'],
    ['a snapshot', [first, snapshot], 'LIST_CHUNK_MISPLACED'],
    ['another list', [first, changed(second, [name, '73'])], 'LIST_CHUNK_MISPLACED'],
    ['another key', [first, changed(second, [version - 1, 'ff'])], 'LIST_CHUNK_MISPLACED'],
    ['another version', [first, changed(second, [version + 7, '0a'])], 'LIST_CHUNK_MISPLACED'],
  ])('%s', async (_, chunks, code) => {
    await expect(build(9, chunks, { base: eight })).rejects.toMatchObject({ code })
  })

  test('those of the page do', async () => {
    const nine = await build(9, toNine, { base: eight })
    expect(nine.metadata.names).toBe(5)
    await nine.close()
  })
})
