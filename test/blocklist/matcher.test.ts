import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { createEntrySetBuilder, type Scope, tagOf } from '../../module/blocklist/format/entries.ts'
import { createNameHash, parseKey } from '../../module/blocklist/format/name-hash.ts'
import { createMatcher } from '../../module/blocklist/matcher.ts'
import { neverBlockCore } from '../../module/blocklist/never-block.ts'
import { createStoreBuilder } from '../../module/blocklist/store/builder.ts'
import { openStore, type Store } from '../../module/blocklist/store/store.ts'
import { verdictCategory, verdictLabels, verdictScope } from '../../module/blocklist/verdict.ts'
import { nameFromText } from '../../module/dns/name.ts'
import { encodeSnapshot } from '../../scripts/operator/list/encode.ts'

const directory = mkdtempSync(join(tmpdir(), 'securenet-matcher-'))
const opened: Store[] = []
afterAll(async () => {
  for (const store of opened) await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const wire = (name: string) => nameFromText(name) as Buffer
type Rule = readonly [name: string, category: number, scope: Scope]

async function listOf(rules: readonly Rule[], key = '0001020304050607', version = 3): Promise<Store> {
  const hash = createNameHash(parseKey(key))
  const entries = createEntrySetBuilder()
  for (const [name, category, scope] of rules) {
    const labels = hash.suffixes(wire(name), 0)
    entries.add(hash.hi[labels - 1] as number, hash.lo[labels - 1] as number, tagOf(category, scope))
  }
  const chunks = encodeSnapshot(entries.build(), { list: 'threats', version, key })
  const path = join(directory, `${opened.length}.mdb`)
  const builder = createStoreBuilder({
    path,
    list: 'threats',
    release: { version, key },
    chunks: chunks.length,
  })
  for (const chunk of chunks) await builder.append(chunk)
  await builder.finish()
  const store = openStore(path)
  opened.push(store)
  return store
}

const rules: readonly Rule[] = [
  ['bad.example', 0, 'tree'],
  ['deep.worse.bad.example', 1, 'tree'],
  ['host.example.org', 2, 'exact'],
  ['both.example.net', 3, 'exact'],
  ['both.example.net', 4, 'tree'],
  ['detectportal.firefox.com', 0, 'tree'],
  ['firefox.com', 0, 'tree'],
  ['allowed.test', 1, 'tree'],
  // What no list of ours has (docs/list-format.md §2), and nobody asks for.
  ['single', 1, 'tree'],
]
const store = await listOf(rules)

describe('verdict', () => {
  const matcher = createMatcher({ store, allow: ['allowed.test', 'fine.bad.example'], core: neverBlockCore })

  test.each([
    ['bad.example', 'malware', 'tree', 2, 'bad.example'],
    ['www.bad.example', 'malware', 'tree', 2, 'bad.example'],
    ['BAD.Example', 'malware', 'tree', 2, 'bad.example'],
    ['x.deep.worse.bad.example', 'phishing', 'tree', 4, 'deep.worse.bad.example'],
    ['host.example.org', 'botnet', 'exact', 3, 'host.example.org'],
    ['both.example.net', 'scam', 'tree', 3, 'both.example.net'],
    ['a.both.example.net', 'scam', 'tree', 3, 'both.example.net'],
    ['www.firefox.com', 'malware', 'tree', 2, 'firefox.com'],
  ])('%s is listed: %s, %s, %i labels', (name, category, scope, labels, suffix) => {
    const verdict = matcher.verdict(wire(name), 0)
    expect([verdictScope(verdict), verdictLabels(verdict)]).toEqual([scope, labels])
    const explained = matcher.explain(wire(name), 0)
    expect(explained).toEqual({ listed: true, by: 'list', category, scope, suffix, version: 3 })
    expect(verdictCategory(verdict)).toBeLessThan(16)
  })

  test.each([
    ['example', 'none'],
    ['single', 'none'],
    ['below.single', 'none'],
    ['.', 'none'],
    ['good.example', 'none'],
    ['notbad.example', 'none'],
    ['bad.example.com', 'none'],
    ['below.host.example.org', 'none'],
    ['example.org', 'none'],
    ['detectportal.firefox.com', 'core'],
    ['x.detectportal.firefox.com', 'core'],
    ['allowed.test', 'allow'],
    ['www.allowed.test', 'allow'],
    ['fine.bad.example', 'allow'],
    ['below.fine.bad.example', 'allow'],
  ])('%s is not listed: %s', (name, by) => {
    expect(matcher.verdict(wire(name), 0)).toBe(0)
    expect(matcher.explain(wire(name), 0)).toMatchObject({ listed: false, by })
  })

  test('who overrules is named, and what is overruled', () => {
    expect(matcher.explain(wire('x.fine.bad.example'), 0)).toEqual({
      listed: false,
      by: 'allow',
      suffix: 'fine.bad.example',
      category: 'malware',
      scope: 'tree',
      version: 3,
    })
  })

  test('a name within a message', () => {
    const message = Buffer.concat([
      Buffer.alloc(12, 0xff),
      wire('www.bad.example'),
      Buffer.from('00010001', 'hex'),
    ])
    expect(verdictLabels(matcher.verdict(message, 12))).toBe(2)
  })
})

describe('changes', () => {
  test('no list: nothing is listed, and nothing throws', () => {
    const matcher = createMatcher({ store: null, allow: ['a.example'], core: neverBlockCore })
    expect(matcher.verdict(wire('bad.example'), 0)).toBe(0)
    expect(matcher.explain(wire('bad.example'), 0)).toEqual({ listed: false, by: 'none' })
  })

  test('another list under another key, core and allow with it; the epoch grows with each change', async () => {
    const other = await listOf(
      [
        ['new.example', 1, 'tree'],
        ['time.windows.com', 0, 'tree'],
      ],
      'ffeeddccbbaa9988',
      4,
    )
    const matcher = createMatcher({ store, allow: ['bad.example'], core: neverBlockCore })
    const epochs = [matcher.revision]
    expect(matcher.verdict(wire('bad.example'), 0)).toBe(0)
    matcher.setAllow([])
    epochs.push(matcher.revision)
    expect(matcher.verdict(wire('bad.example'), 0)).not.toBe(0)
    matcher.setStore(other)
    epochs.push(matcher.revision)
    expect(matcher.verdict(wire('bad.example'), 0)).toBe(0)
    expect(matcher.explain(wire('new.example'), 0)).toMatchObject({ listed: true, version: 4 })
    expect(matcher.explain(wire('time.windows.com'), 0)).toMatchObject({ listed: false, by: 'core' })
    matcher.setAllow(['new.example'])
    epochs.push(matcher.revision)
    expect(matcher.explain(wire('new.example'), 0)).toMatchObject({ listed: false, by: 'allow' })
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b))
    expect(new Set(epochs).size).toBe(4)
  })

  test.each(['', '.', 'a..b', `${'a'.repeat(64)}.be`])('%j cannot be allowed', (name) => {
    expect(() => createMatcher({ store: null, allow: [name], core: [] })).toThrow(
      expect.objectContaining({ code: 'LIST_ALLOW_NAME' }),
    )
  })
})

test('as a plain search through the rules says', async () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))
  const rule = fc.tuple(name, fc.integer({ min: 0, max: 5 }), fc.constantFrom<Scope>('tree', 'exact'))
  await fc.assert(
    fc.asyncProperty(
      fc.array(rule, { maxLength: 8 }),
      fc.array(name, { maxLength: 2 }),
      async (list, allow) => {
        const matcher = createMatcher({ store: await listOf(list), allow, core: ['c.c'] })
        const below = (asked: string, zone: string) => asked === zone || asked.endsWith(`.${zone}`)
        fc.assert(
          fc.property(name, (asked) => {
            const hits = list.filter(([zone, , scope]) =>
              scope === 'exact' ? asked === zone : below(asked, zone),
            )
            const spared = [...allow, 'c.c'].some((zone) => below(asked, zone))
            const labels = spared ? 0 : Math.max(0, ...hits.map(([zone]) => zone.split('.').length))
            expect(verdictLabels(matcher.verdict(wire(asked), 0))).toBe(labels)
          }),
          { numRuns: 40 },
        )
      },
    ),
    { numRuns: 25 },
  )
})

test('every name of the core is one', () => {
  expect(
    neverBlockCore.filter(
      (name) => nameFromText(name) === null || !name.includes('.') || name !== name.toLowerCase(),
    ),
  ).toEqual([])
  expect(new Set(neverBlockCore).size).toBe(neverBlockCore.length)
})
