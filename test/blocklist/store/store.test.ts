import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as turnOfTimers } from 'node:timers/promises'
import { build as bundle } from 'esbuild'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EntrySet, resultOf } from '../../../module/blocklist/format/entries.ts'
import { type BuildOptions, createStoreBuilder } from '../../../module/blocklist/store/builder.ts'
import {
  digestFile,
  openStore,
  removeStore,
  type Store,
  verifyFile,
} from '../../../module/blocklist/store/store.ts'
import { encodeDelta, encodeSnapshot } from '../../../scripts/operator/list/encode.ts'
import { SeededRandom } from '../../helpers/seeded-random.ts'
import { listOf, manyEntries, setOf } from '../entries-of.ts'
import { type Entry, sorted } from '../format/reference-reader.ts'

const key = '0001020304050607'
const directory = mkdtempSync(join(tmpdir(), 'securenet-store-'))
let files = 0
const fresh = () => join(directory, `${++files}.mdb`)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const releaseOf = (set: EntrySet, version = 1) => ({ version, key, names: set.count, result: resultOf(set) })

async function built(set: EntrySet, path = fresh()) {
  const chunks = encodeSnapshot(set, { list: 'threats', version: 1, key })
  return run({ path, list: 'threats', release: releaseOf(set), chunks: chunks.length }, chunks)
}

async function run(options: BuildOptions, chunks: readonly Buffer[]) {
  const builder = createStoreBuilder(options)
  try {
    while (builder.next < chunks.length) await builder.append(chunks[builder.next] as Buffer)
  } catch (error) {
    await builder.close()
    throw error
  }
  return builder.finish()
}

const find = (store: Store, hash: bigint) =>
  store.find(Number(hash >> 32n) | 0, Number(hash & 0xffffffffn) | 0)
const all = (store: Store) => listOf(store.entries(0, 2 ** store.metadata.bucketBits))

/** What the store is to be: the least tag a hash has. */
function leastTags(entries: readonly Entry[]): Map<bigint, number> {
  const tags = new Map<bigint, number>()
  for (const { hash, tag } of entries) tags.set(hash, Math.min(tag, tags.get(hash) ?? 99))
  return tags
}

const edges = fc.constantFrom(
  0n,
  1n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
)
const entry = fc.record({
  hash: fc.oneof(edges, fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }), fc.bigInt({ min: 0n, max: 40n })),
  tag: fc.integer({ min: 0, max: 31 }),
})
const entries = fc.uniqueArray(entry, { maxLength: 300, selector: ({ hash, tag }) => `${hash}/${tag}` })

describe('a store', () => {
  test('is a map from hash to least tag, and gives every entry back', async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.array(entry), async (list, others) => {
        const { path } = await built(setOf(list))
        const store = openStore(path)
        const tags = leastTags(list)
        for (const { hash } of [...list, ...others]) {
          expect(find(store, hash)).toBe(tags.get(hash) ?? -1)
          for (const near of [hash ^ 1n, hash ^ (1n << 31n), hash ^ (1n << 32n), hash ^ (1n << 63n)]) {
            expect(find(store, near)).toBe(tags.get(near) ?? -1)
          }
        }
        expect(all(store)).toEqual(sorted([...list]))
        await store.close()
        removeStore(path)
      }),
      { numRuns: 30 },
    )
  })

  test('100,000 entries are all found, 64 bits of each, and nothing else', async () => {
    const list = manyEntries(100_000)
    const result = await built(setOf(list))
    const store = openStore(result.path)
    const tags = leastTags(list)
    expect(list.filter(({ hash }) => find(store, hash) !== tags.get(hash))).toEqual([])
    for (let bit = 0n; bit < 64n; bit += 1n) {
      const wrong = list.slice(0, 300).filter(({ hash }) => find(store, hash ^ (1n << bit)) !== -1)
      expect(wrong, `bit ${bit}`).toEqual([])
    }
    expect(store.metadata).toMatchObject({
      list: 'threats',
      version: 1,
      key,
      names: 100_000,
      result: result.result,
    })
    expect(store.bytes / 100_000).toBeLessThan(9)
    await store.close()
    expect(verifyFile(result.path, result.digest), 'serving changes no octet').toBe(true)
  })

  test('one bucket with thousands of entries (a skewed hash) is as good', async () => {
    const list = manyEntries(5_000).map(({ hash, tag }) => ({ hash: hash >> 20n, tag }))
    const store = openStore((await built(setOf(list))).path)
    expect(list.every(({ hash }) => find(store, hash) >= 0)).toBe(true)
    expect(find(store, 0xffffffffffffffffn)).toBe(-1)
    await store.close()
  })

  test('a flipped bit in any region, a cut or longer file is seen before it is mapped', async () => {
    const { path, digest, bytes } = await built(setOf(manyEntries(20_000)))
    const good = readFileSync(path)
    for (let region = 0; region < 64; region += 1) {
      const changed = Buffer.from(good)
      const at = Math.floor((region * bytes) / 64)
      changed[at] = (changed[at] as number) ^ (1 << (region & 7))
      writeFileSync(path, changed)
      expect(verifyFile(path, digest), `octet ${at}`).toBe(false)
    }
    writeFileSync(path, good)
    expect(verifyFile(path, digest)).toBe(true)
    appendFileSync(path, 'x')
    expect(verifyFile(path, digest)).toBe(false)
    truncateSync(path, bytes - 1)
    expect(verifyFile(path, digest)).toBe(false)
    rmSync(path)
    expect(verifyFile(path, digest)).toBe(false)
  })

  test('with its lock elsewhere: nothing is written beside it', async () => {
    const { path, digest } = await built(setOf(manyEntries(2_000)))
    const elsewhere = join(directory, 'run')
    mkdirSync(elsewhere)
    rmSync(`${path}-lock`)
    for (let i = 0; i < 2; i += 1) {
      const store = openStore(path, elsewhere)
      expect(all(store)).toHaveLength(2_000)
      await store.close()
    }
    expect(existsSync(`${path}-lock`)).toBe(false)
    expect(verifyFile(path, digest)).toBe(true)
    removeStore(path, elsewhere)
    expect([existsSync(path), readdirSync(elsewhere)]).toEqual([false, []])
  })

  test('what is no finished store is refused', async () => {
    expect(() => openStore(join(directory, 'none.mdb'))).toThrow(
      expect.objectContaining({ code: 'LIST_STORE_IO' }),
    )
    const path = fresh()
    for (const size of [1, 16_383, 100_000]) {
      writeFileSync(path, Buffer.alloc(size, 0x5a))
      expect(() => openStore(path)).toThrow(expect.objectContaining({ code: 'LIST_STORE_FORMAT' }))
    }
    writeFileSync(path, '')
    expect(() => openStore(path)).toThrow(expect.objectContaining({ code: 'LIST_STORE_FORMAT' }))
    const cut = (await built(setOf(manyEntries(20_000)))).path
    truncateSync(cut, 100_000)
    expect(() => openStore(cut)).toThrow(expect.objectContaining({ code: 'LIST_STORE_FORMAT' }))
    const half = fresh()
    const set = setOf(manyEntries(60_000))
    const chunks = encodeSnapshot(set, { list: 'threats', version: 1, key })
    const builder = createStoreBuilder({
      path: half,
      list: 'threats',
      release: releaseOf(set),
      chunks: chunks.length,
    })
    await builder.append(chunks[0] as Buffer)
    await builder.close()
    expect(() => openStore(half)).toThrow(expect.objectContaining({ code: 'LIST_STORE_FORMAT' }))
  })
})

describe('building', () => {
  const set = setOf(manyEntries(60_000))
  const chunks = encodeSnapshot(set, { list: 'threats', version: 1, key })
  const options = (path: string) => ({
    path,
    list: 'threats',
    release: releaseOf(set),
    chunks: chunks.length,
  })

  test('goes on after every chunk in another builder', async () => {
    const path = fresh()
    for (let next = 0; next < chunks.length; next += 1) {
      const builder = createStoreBuilder(options(path))
      expect(builder.next).toBe(next)
      await builder.append(chunks[next] as Buffer)
      await builder.close()
    }
    const result = await createStoreBuilder(options(path)).finish()
    expect(result).toMatchObject({ names: 60_000, result: resultOf(set) })
    expect(readdirSync(directory)).not.toContain(`${path}-tries`)
  })

  test('sealed but not yet known to be: finish() alone is left', async () => {
    const path = fresh()
    const first = await run(options(path), chunks)
    const again = createStoreBuilder(options(path))
    expect(again.next).toBe(chunks.length)
    expect(await again.finish()).toMatchObject({ result: first.result, names: first.names })
    const store = openStore(path)
    expect(all(store)).toHaveLength(60_000)
    await store.close()
  })

  test.each(['', 'x', 'x'.repeat(100_000)])(
    'a half-built file that is not one any more: begins anew (%#)',
    async (content) => {
      const path = fresh()
      writeFileSync(path, content)
      const builder = createStoreBuilder(options(path))
      expect(builder.next).toBe(0)
      await builder.append(chunks[0] as Buffer)
      await builder.close()
      truncateSync(path, 40_000)
      expect(createStoreBuilder(options(path)).next).toBe(0)
    },
  )

  test('a bit that flips in what is half built: it is told of the file, never of the version, and a fresh one is right', async () => {
    const base = fresh()
    const half = chunks.length - 1
    const builder = createStoreBuilder(options(base))
    while (builder.next < half) await builder.append(chunks[builder.next] as Buffer)
    await builder.close()
    const good = readFileSync(base)
    const random = new SeededRandom(Number(process.env['SECURENET_SEED'] ?? 9))
    const told: string[] = []
    for (let page = 2; page < good.length / 16_384; page += 1) {
      // Of LMDB's own pages a flipped bit may end the process: another test's. A leaf, of many buckets: flags, end of the index.
      const header = good.subarray(page * 16_384, page * 16_384 + 24)
      if (header.readUInt16LE(18) !== 2 || header.readUInt16LE(20) < 20) continue
      const path = fresh()
      const octets = Buffer.from(good)
      const at = (page + 1) * 16_384 - 1 - random.below(60)
      octets[at] = (octets[at] as number) ^ (1 << random.below(8))
      writeFileSync(path, octets)
      const outcome = await run(options(path), chunks).catch((error: { code: string }) => error)
      if ('code' in outcome) told.push(outcome.code)
      else expect(outcome.result).toBe(resultOf(set))
      removeStore(path)
      expect((await run(options(path), chunks)).result).toBe(resultOf(set))
      removeStore(path)
    }
    expect(told.length).toBeGreaterThan(5)
    expect(told.filter((code) => !/^LIST_(DAMAGED|STORE_FORMAT)$/.test(code))).toEqual([])
  })

  test('for another version begins anew', async () => {
    const path = fresh()
    const builder = createStoreBuilder(options(path))
    await builder.append(chunks[0] as Buffer)
    await builder.close()
    const other = createStoreBuilder({ ...options(path), release: { ...releaseOf(set), version: 2 } })
    expect(other.next).toBe(0)
    await other.abort()
    expect(existsSync(path)).toBe(false)
  })

  test('four builders that died without progress, and it begins anew', async () => {
    const path = fresh()
    const builder = createStoreBuilder(options(path))
    await builder.append(chunks[0] as Buffer)
    await builder.close()
    writeFileSync(`${path}-tries`, '4')
    const next = createStoreBuilder(options(path))
    expect(next.next).toBe(0)
    await next.abort()
    expect(readdirSync(directory).filter((name) => join(directory, name).startsWith(path))).toEqual([])
  })

  test.each([
    ['the wrong chunk', (b: BuildOptions) => b, 1],
    ['another list', (b: BuildOptions) => ({ ...b, list: 'other' }), 0],
    ['another key', (b: BuildOptions) => ({ ...b, release: { ...b.release, key: 'ffffffffffffffff' } }), 0],
    ['another version', (b: BuildOptions) => ({ ...b, release: { ...b.release, version: 9 } }), 0],
    ['another number of names', (b: BuildOptions) => ({ ...b, release: { ...b.release, names: 5 } }), 0],
    ['another number of chunks', (b: BuildOptions) => ({ ...b, chunks: 4 }), 0],
  ])('refuses a chunk of %s', async (_, change, index) => {
    const builder = createStoreBuilder(change(options(fresh())))
    await expect(builder.append(chunks[index] as Buffer)).rejects.toMatchObject({
      code: 'LIST_CHUNK_MISPLACED',
    })
    await builder.abort()
  })

  test('another result hash: refused, and the file removed', async () => {
    const path = fresh()
    const release = { ...releaseOf(set), result: resultOf(setOf([])) }
    await expect(run({ ...options(path), release }, chunks)).rejects.toMatchObject({
      code: 'LIST_RESULT_MISMATCH',
    })
    expect(existsSync(path)).toBe(false)
  })

  test('chunks that lack an entry: refused by the count', async () => {
    const path = fresh()
    const lacking = encodeSnapshot(setOf(manyEntries(59_999)), { list: 'threats', version: 1, key })
    const release = { version: 1, key, result: resultOf(set) }
    await expect(run({ ...options(path), release }, lacking)).rejects.toMatchObject({
      code: 'LIST_RESULT_MISMATCH',
    })
  })

  test('on a full disk: a clear error, and the room is given back', async () => {
    const small = join(directory, 'small')
    mkdirSync(small)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', small], { stdio: 'ignore' })
    } catch {
      return // needs root
    }
    try {
      const path = join(small, '1.mdb')
      await expect(run(options(path), chunks)).rejects.toMatchObject({ code: 'LIST_DISK_FULL' })
      expect(readdirSync(small)).toEqual([])
      writeFileSync(join(small, 'others'), Buffer.alloc(190_000))
      expect(() => createStoreBuilder(options(path))).toThrow(
        expect.objectContaining({ code: 'LIST_DISK_FULL' }),
      )
      // The folder of the lock files is what is full: that of the list has room.
      const full = { ...options(fresh()), lockDirectory: small }
      expect(() => createStoreBuilder(full)).toThrow(
        expect.objectContaining({
          code: 'LIST_DISK_FULL',
          message: expect.stringContaining(`no room left in ${small}`),
          remedy: `Free space in ${small}.`,
        }),
      )
    } finally {
      execFileSync('umount', [small])
    }
  })

  test('on a medium that has become read-only: opened twice, and each can be closed', async () => {
    const medium = join(directory, 'read-only')
    const locks = join(directory, 'read-only-locks')
    for (const folder of [medium, locks]) mkdirSync(folder)
    const mount = (...args: string[]) => execFileSync('mount', [...args, medium], { stdio: 'ignore' })
    try {
      mount('-t', 'tmpfs', '-o', 'size=4m', 'tmpfs')
    } catch {
      return // needs root
    }
    try {
      const path = join(medium, '1.mdb')
      await run(options(path), chunks)
      mount('-o', 'remount,ro')
      const serving = openStore(path, locks)
      const count = () => serving.entries(0, 2 ** serving.metadata.bucketBits).count
      expect(count()).toBe(set.count)
      // As the thread that builds the next list does with the one that a delta starts from.
      const base = openStore(path, locks)
      expect(base.metadata.names).toBe(set.count)
      await base.close()
      // lmdb gives a read transaction back in the next turn of the timers, and then takes another.
      await turnOfTimers()
      expect(count()).toBe(set.count)
      await serving.close()
      expect(readdirSync(locks)).toEqual([])
    } finally {
      execFileSync('umount', ['-l', medium])
    }
  })

  test('a version in the middle of a chain, of which no head knows the result, has as many entries as it says', async () => {
    const set = setOf(manyEntries(100))
    const [chunk] = encodeSnapshot(set, { list: 'threats', version: 1, key }) as [Buffer]
    const options = { list: 'threats', release: { version: 1, key }, chunks: 1 }
    await expect(run({ ...options, path: fresh() }, [chunk])).resolves.toMatchObject({ names: set.count })
    // docs/list-format.md §3: magic, format, kind, list, key and both versions come before the number of entries.
    const lying = Buffer.from(chunk)
    lying.writeUInt32BE(set.count + 1, 4 + 1 + 1 + 1 + 'threats'.length + 8 + 8 + 8)
    await expect(run({ ...options, path: fresh() }, [lying])).rejects.toMatchObject({
      code: 'LIST_RESULT_MISMATCH',
    })
  })
})

describe('a delta', () => {
  const change = fc.record({
    size: fc.nat(3000),
    removed: fc.double({ min: 0, max: 1, noNaN: true }),
    added: fc.nat(3000),
  })

  test('on a store gives what it gives on a set, and leaves the base alone', async () => {
    await fc.assert(
      fc.asyncProperty(change, async ({ size, removed, added }) => {
        const base = manyEntries(size)
        const from = setOf(base)
        const to = setOf([...base.filter((_, i) => (i * 0.618) % 1 >= removed), ...manyEntries(added, 77n)])
        const before = await built(from)
        const store = openStore(before.path)
        const chunks = encodeDelta(from, to, { list: 'threats', version: 2, from: 1, key })
        const path = fresh()
        const release = releaseOf(to, 2)
        const after = await run(
          { path, list: 'threats', release, chunks: chunks.length, base: store },
          chunks,
        )
        const result = openStore(path)
        expect(all(result)).toEqual(listOf(to))
        expect(after.result).toBe(resultOf(to))
        await Promise.all([store.close(), result.close()])
        expect(verifyFile(before.path, before.digest)).toBe(true)
        removeStore(path)
        removeStore(before.path)
      }),
      { numRuns: 12 },
    )
  })

  test('of many chunks, on a base with fewer buckets than chunks', async () => {
    const [from, to] = [setOf(manyEntries(50)), setOf(manyEntries(60_000, 5n))]
    const store = openStore((await built(from)).path)
    const chunks = encodeDelta(from, to, { list: 'threats', version: 2, from: 1, key })
    expect(chunks.length).toBeGreaterThan(2 ** store.metadata.bucketBits)
    const path = fresh()
    await run(
      { path, list: 'threats', release: releaseOf(to, 2), chunks: chunks.length, base: store },
      chunks,
    )
    const result = openStore(path)
    expect(all(result)).toEqual(listOf(to))
    await Promise.all([store.close(), result.close()])
  })

  test('from another base is refused', async () => {
    const [a, b, to] = [setOf(manyEntries(50)), setOf(manyEntries(51)), setOf(manyEntries(60))]
    const store = openStore((await built(a)).path)
    const chunks = encodeDelta(b, to, { list: 'threats', version: 2, from: 1, key })
    const options = {
      path: fresh(),
      list: 'threats',
      release: releaseOf(to, 2),
      chunks: chunks.length,
      base: store,
    }
    await expect(run(options, chunks)).rejects.toMatchObject({ code: 'LIST_DELTA_BASE' })
    await store.close()
  })
})

describe('kill -9', () => {
  const set = setOf(manyEntries(120_000))
  const chunks = encodeSnapshot(set, { list: 'threats', version: 1, key })
  const from = join(directory, 'chunks')
  const program = join(directory, 'program', 'build-child.cjs')

  beforeAll(async () => {
    mkdirSync(from)
    for (const [index, chunk] of chunks.entries())
      writeFileSync(join(from, String(index).padStart(4, '0')), chunk)
    const require = createRequire(import.meta.url)
    await bundle({
      stdin: {
        contents: readFileSync(join(import.meta.dirname, 'build-child.ts'), 'utf8').replace(
          /^([\s\S]*?)(const \[dir[\s\S]*)$/,
          '$1void (async () => {\n$2})()',
        ),
        resolveDir: import.meta.dirname,
        loader: 'ts',
      },
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      alias: {
        lmdb: join(dirname(require.resolve('lmdb')), 'index.cjs'),
        'ordered-binary': join(import.meta.dirname, '../../../scripts/bundle/ordered-binary.cjs'),
        msgpackr: join(import.meta.dirname, '../../../scripts/bundle/msgpackr.cjs'),
      },
    })
    const native = `${process.platform}-${process.arch}`
    const prebuilt = dirname(require.resolve(`@lmdb/lmdb-${native}/package.json`))
    const { glibcVersionRuntime } = (process.report.getReport() as { header: Record<string, unknown> }).header
    const name = `node.napi.${glibcVersionRuntime ? 'glibc' : 'musl'}.node`
    cpSync(join(prebuilt, name), join(dirname(program), 'prebuilds', native, name))
  })

  test('at 25 moments: every next process goes on, and the list is whole', async () => {
    const path = fresh()
    const args = [
      '--disallow-code-generation-from-strings',
      program,
      from,
      path,
      JSON.stringify(releaseOf(set)),
    ]
    const starts: number[] = []
    const random = new SeededRandom(Number(process.env['SECURENET_SEED'] ?? 5))
    for (let i = 0; i < 25; i += 1) {
      const [after, delayMs] = [random.below(14), random.below(15)]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const exit = once(child, 'exit')
      let lines = 0
      child.stdout.on('data', (text: Buffer) => {
        if (lines === 0) starts.push(Number(/next (\d+)/.exec(String(text))?.[1]))
        lines += String(text).split('\n').length - 1
        // Somewhere between this chunk and the next.
        if (lines > after) setTimeout(() => child.kill('SIGKILL'), delayMs)
      })
      await exit
    }
    expect(Math.max(...starts)).toBeGreaterThan(3)
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
    const result = JSON.parse(output.trim().split('\n').at(-1) as string)
    expect(result).toMatchObject({ names: 120_000, result: resultOf(set), digest: digestFile(path) })
    const store = openStore(path)
    expect(resultOf(store.entries(0, 2 ** store.metadata.bucketBits))).toBe(resultOf(set))
    await store.close()
  })
})
