import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../../scripts/operator/register/open-store.ts'
import type { Entry, Store } from '../../../scripts/operator/register/store.ts'
import { postgresMissing, startPostgres } from './postgres.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'securenet-register-'))

interface Place {
  open(): Promise<Store>
  remove(): Promise<void>
}

async function lmdb(): Promise<Place> {
  const path = folder()
  return { open: () => openStore(path), remove: async () => rmSync(path, { recursive: true }) }
}
async function postgres(): Promise<Place> {
  const server = await startPostgres()
  return { open: () => openStore(server.address), remove: server.stop }
}

const all = async (store: Store) => {
  const found: Entry[] = []
  for (;;) {
    const more = await store.entries(found.at(-1)?.number ?? 0, 7)
    if (more.length === 0) return found
    found.push(...more)
  }
}

describe.each([
  { name: 'LMDB', make: lmdb, missing: false },
  { name: 'PostgreSQL', make: postgres, missing: postgresMissing },
])('$name', ({ make, missing }) => {
  let place: Place
  let store: Store
  beforeAll(async () => {
    if (missing) return
    place = await make()
    store = await place.open()
  }, 120_000)
  afterAll(async () => {
    if (missing) return
    await store.close()
    await place.remove()
  })

  it.skipIf(missing)('gives back what was written, with the number of its changes', async () => {
    const value = { text: 'ü\u2028', number: 2 ** 52, list: [1, null], none: null }
    expect(await store.commit([{ kind: 'line', key: 'a', value }])).toBe(true)
    expect(await store.commit([{ kind: 'line', key: 'a', value: { ...value, number: 2 } }])).toBe(true)
    expect(await store.get('line', ['b', 'a'])).toEqual([
      undefined,
      { value: { ...value, number: 2 }, version: 2 },
    ])
    expect(await store.get('order', ['a'])).toEqual([undefined])
  })

  it.skipIf(missing)('commits whole or not at all', async () => {
    const before = await all(store)
    const writes = [
      { kind: 'pack', key: 'free', value: 1, expected: 0 },
      { kind: 'line', key: 'a', value: 9, expected: 1 },
    ] as const
    expect(await store.commit(writes, ['never'])).toBe(false)
    expect(await store.get('pack', ['free'])).toEqual([undefined])
    expect(await all(store)).toEqual(before)
    expect(await store.commit([writes[0], { ...writes[1], expected: 2 }], ['done'])).toBe(true)
    expect((await store.get('line', ['a']))[0]).toEqual({ value: 9, version: 3 })
    expect((await all(store)).at(-1)?.value).toBe('done')
  })

  it.skipIf(missing)('removes, and knows that there is nothing', async () => {
    await store.commit([{ kind: 'pack', key: 'gone', value: 1 }])
    expect(await store.commit([{ kind: 'pack', key: 'gone', value: undefined, expected: 2 }])).toBe(false)
    expect(await store.commit([{ kind: 'pack', key: 'gone', value: undefined, expected: 1 }])).toBe(true)
    expect(await store.commit([{ kind: 'pack', key: 'gone', value: undefined }])).toBe(true)
    expect(await store.commit([{ kind: 'pack', key: 'gone', value: 2, expected: 1 }])).toBe(false)
    expect(await store.commit([{ kind: 'pack', key: 'gone', value: 2, expected: 0 }])).toBe(true)
  })

  it.skipIf(missing)('pages through any keys in the order of their octets', async () => {
    const key = fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/)
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (keys, limit) => {
          await store.commit(keys.map((each) => ({ kind: 'document', key: each, value: each })))
          const seen: string[] = []
          for (;;) {
            const page = await store.page('document', seen.at(-1) ?? '', limit)
            if (page.length === 0) break
            expect(page.length).toBeLessThanOrEqual(limit)
            seen.push(...page.map(([each]) => each))
          }
          expect(seen).toEqual([...keys].sort())
          await store.commit(keys.map((each) => ({ kind: 'document', key: each, value: undefined })))
        },
      ),
      { numRuns: 25 },
    )
  })

  it.skipIf(missing)('of many who expect the same version one is served', async () => {
    const other = await place.open()
    const tries = Array.from({ length: 24 }, (_, i) =>
      (i % 2 ? store : other).commit([{ kind: 'order', key: 'race', value: i, expected: 0 }], [{ i }]),
    )
    const won = (await Promise.all(tries)).flatMap((isDone, i) => (isDone ? [i] : []))
    expect(won).toHaveLength(1)
    expect((await store.get('order', ['race']))[0]).toEqual({ value: won[0], version: 1 })
    await other.close()
  })

  it.skipIf(missing)('numbers entries upwards whoever writes them, and loses none', async () => {
    const other = await place.open()
    const before = (await all(store)).length
    await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? store : other).commit([], [{ i }])))
    const found = await all(store)
    expect(found).toHaveLength(before + 40)
    const numbers = found.map(({ number }) => number)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    await other.close()
  })

  it.skipIf(missing)('is there again when it is opened again', async () => {
    const again = await place.open()
    expect((await again.get('line', ['a']))[0]).toMatchObject({ version: 3 })
    await again.close()
  })
})

it.skipIf(postgresMissing)(
  'PostgreSQL refuses to change the journal',
  async () => {
    const server = await startPostgres()
    const store = await openStore(server.address)
    await store.commit([], [{ who: 'me' }])
    const host = decodeURIComponent(server.address.split('host=')[1]!)
    const psql = (sql: string) =>
      execFileSync('psql', ['-h', host, '-U', 'operator', '-d', 'postgres', '-c', sql], { stdio: 'pipe' })
    for (const sql of [
      "update securenet_journal set value = '{}'",
      'delete from securenet_journal',
      'truncate securenet_journal',
    ])
      expect(() => psql(sql)).toThrow(/only ever added to/)
    expect(await store.entries(0, 9)).toMatchObject([{ value: { who: 'me' } }])
    await store.close()
    await server.stop()
  },
  120_000,
)

it('LMDB: another process of the machine has the same register', { timeout: 60_000 }, async () => {
  const path = folder()
  const store = await openStore(path)
  await store.commit([{ kind: 'order', key: 'a', value: 'ours', expected: 0 }])
  const root = join(import.meta.dirname, '..', '..', '..')
  const outfile = join(root, 'dist', 'test', `other-register-${process.pid}.mjs`)
  await build({
    stdin: {
      contents: `import { openStore } from './scripts/operator/register/open-store.ts'
        const store = await openStore(${JSON.stringify(path)})
        const claim = (expected) => store.commit([{ kind: 'order', key: 'a', value: 'theirs', expected }])
        console.log(await claim(0), await claim(1))
        await store.close()`,
      resolveDir: root,
    },
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
  })
  expect(execFileSync(process.execPath, [outfile], { encoding: 'utf8' })).toBe('false true\n')
  expect((await store.get('order', ['a']))[0]).toEqual({ value: 'theirs', version: 2 })
  rmSync(outfile)
  await store.close()
  rmSync(path, { recursive: true })
})

it.each(['/proc/version/register', 'postgresql://nobody:secret@127.0.0.1:9/none'])(
  'a register that cannot be used is named: %s',
  async (place) => {
    await expect(openStore(place)).rejects.toMatchObject({
      code: 'OPERATOR_REGISTER',
      message: expect.not.stringContaining('secret'),
    })
  },
)
