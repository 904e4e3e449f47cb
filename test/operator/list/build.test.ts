import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parse } from 'tldts'
import { describe, expect, it } from 'vitest'
import { categoryOf, scopeOf } from '../../../module/blocklist/format/entries.ts'
import { type BuildOptions, buildList, setOf } from '../../../scripts/operator/list/build.ts'
import { BuildStopped } from '../../../scripts/operator/list/build-report.ts'
import { takeCovered } from '../../../scripts/operator/list/covered.ts'
import { findHash } from '../../../scripts/operator/list/find-hash.ts'
import { type Names, parents } from '../../../scripts/operator/list/gather.ts'
import { collisions } from '../../../scripts/operator/list/guards.ts'
import { createHasher } from '../../../scripts/operator/list/hasher.ts'
import { readList } from '../../../scripts/operator/list/lines.ts'
import { normaliseName } from '../../../scripts/operator/list/name.ts'
import type { Scope } from '../../../scripts/operator/list/rule.ts'
import { sharedHosts } from '../../../scripts/operator/list/shared-hosts.ts'

const key = '0123456789abcdef'
type Options = Omit<BuildOptions, 'inputs' | 'key'>
const build = (text: string, options: Options = {}, extra: BuildOptions['inputs'] = []) =>
  buildList({ inputs: [{ name: 'given', source: text, category: 1 }, ...extra], key, ...options })

/** `tree 1`, `exact 0`, or undefined where the name itself is no entry. */
function entry({ set }: Awaited<ReturnType<typeof build>>, name: string): string | undefined {
  const hasher = createHasher(key)
  hasher.hash(name)
  const at = findHash(set, hasher.hi, hasher.lo)
  return at < 0 ? undefined : `${scopeOf(set.tag[at] as number)} ${categoryOf(set.tag[at] as number)}`
}
const stopped = async (promise: Promise<unknown>): Promise<BuildStopped> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(BuildStopped)
  return error as BuildStopped
}

describe('a build', () => {
  it('adds the test names of every category, exact, and counts every dropped line by reason and place', async () => {
    const drops: string[] = []
    const built = await build('evil.example\n\nworse.example/x\n192.0.2.1\nworse.example/y\r\nlast.example', {
      onDrop: ({ input, line, reason, text }) => drops.push(`${input}:${line} ${reason} ${text}`),
    })
    expect(built.set.count).toBe(2 + 6)
    expect(entry(built, 'evil.example')).toBe('tree 1')
    expect(entry(built, 'last.example')).toBe('tree 1')
    expect(entry(built, 'malware.test.securenet.example')).toBe('exact 0')
    expect(entry(built, 'resolver-bypass.test.securenet.example')).toBe('exact 5')
    const [input] = built.report.inputs
    expect(input).toMatchObject({ format: 'domains', lines: 6, taken: 2 })
    expect(input?.dropped).toEqual(
      new Map([
        ['path', 2],
        ['ip-address', 1],
      ]),
    )
    expect(drops).toEqual([
      'given:3 path worse.example/x',
      'given:4 ip-address 192.0.2.1',
      'given:5 path worse.example/y',
    ])
    expect(built.report.drops).toHaveLength(3)
  })

  it('where two inputs have a name, the earlier one gives the category, and a tree wins over exact', async () => {
    const built = await build('both.example', {}, [
      { name: 'other', source: 'both.example\nonly.example', category: 0, format: 'adblock' },
      { name: 'third', source: '||only.example^', category: 4 },
    ])
    expect(entry(built, 'both.example')).toBe('tree 1')
    expect(entry(built, 'only.example')).toBe('tree 4')
    expect(built.report.inputs.map(({ duplicates }) => duplicates)).toEqual([0, 1, 0])
  })

  it('an exception takes back names of its own input only; what a tree above keeps blocked is said', async () => {
    const built = await build(
      '||evil.example^\n||a.good.example^\n||good.example^\n@@||good.example^\n@@||fine.evil.example^\n||off.example^\n||off.example^$badfilter',
      {},
      [{ name: 'other', source: 'good.example', category: 0 }],
    )
    expect(entry(built, 'evil.example')).toBe('tree 1')
    expect(entry(built, 'a.good.example')).toBeUndefined()
    expect(entry(built, 'good.example')).toBe('tree 0')
    expect(entry(built, 'off.example')).toBeUndefined()
    expect(built.report.inputs[0]).toMatchObject({ excepted: 3 })
    expect(built.report.unexpressed).toEqual(['fine.evil.example'])
  })

  it('an important rule stands against exceptions that are not, as in AdGuard', async () => {
    const built = await build(
      [
        '||firm.example^$important\n@@||firm.example^\n@@||a.firm.example^',
        '||open.example^$important\n@@||open.example^$important',
        '||off.example^$important\n||off.example^$important,badfilter',
        '||wide.example^\n@@||wide.example^\n||wide.example^$badfilter\n||a.wide.example^',
      ].join('\n'),
    )
    const listed = ['firm', 'open', 'off', 'wide', 'a.wide'].filter((name) => entry(built, `${name}.example`))
    expect(listed).toEqual(['firm'])
    expect(built.report.unexpressed).toEqual([])
  })

  it('a passthru of all below a name leaves what is listed there by itself (RPZ: the more specific owner decides)', async () => {
    const built = await build('$TTL 60\n*.good.example CNAME rpz-passthru.\nbad.good.example CNAME .')
    expect(entry(built, 'bad.good.example')).toBe('exact 1')
  })

  it.each([
    ['a page', '\n<!DOCTYPE html>\n<html>\nevil.example\n'],
    ['a page behind a comment', '# list\n<html>\nevil.example\n'],
    ['an XML error', '<?xml version="1.0"?>\n<Error/>\nevil.example'],
    ['JSON', '{"error": "rate limit"}\nevil.example'],
    ['JSON in a list', '[\n "evil.example"\n]\nevil.example'],
    ['UTF-16', Buffer.from('evil.example\n', 'utf16le')],
    ['a packed file without its ending', gzipSync('evil.example')],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13])],
  ])('%s is no list, whatever else it holds', async (_, content) => {
    const source = (async function* () {
      yield content
    })()
    const error = await build('good.example', {}, [{ name: 'other', source, category: 0 }]).catch(
      (reason) => reason,
    )
    expect(error).toMatchObject({ code: 'LIST_INPUT', message: expect.stringContaining('other is no list') })
  })

  it.each(['Service Unavailable', '', '# no names today', '@@||fine.example^'])(
    'an input of no names stops it, whatever the others have: %j',
    async (text) => {
      const extra = [{ name: 'other', source: text, category: 0 }]
      expect(await stopped(build('good.example', { force: true }, extra))).toMatchObject({
        code: 'LIST_EMPTY',
        message: expect.stringContaining('other'),
      })
    },
  )

  it('what a tree of the same category covers needs no entry; another category, or an exact name, covers nothing', async () => {
    const built = await build(
      'evil.example\na.evil.example\nb.a.evil.example\nwww.mal.evil.example\nblogspot.com\nx.blogspot.com',
      {},
      [
        { name: 'malware', source: 'mal.evil.example\nunder.mal.evil.example', category: 0 },
        {
          name: 'exact',
          source: 'one.example CNAME .\nbelow.one.example CNAME .',
          category: 1,
          format: 'rpz',
        },
      ],
    )
    const has = (name: string) => entry(built, name)
    expect(
      ['evil', 'mal.evil', 'www.mal.evil', 'one', 'below.one'].map((name) => has(`${name}.example`)),
    ).toEqual(['tree 1', 'tree 0', 'tree 1', 'exact 1', 'exact 1'])
    expect(['a.evil', 'b.a.evil', 'under.mal.evil'].map((name) => has(`${name}.example`))).toEqual(
      Array(3).fill(undefined),
    )
    // Made exact by its guard, it covers nothing.
    expect(has('x.blogspot.com')).toBe('tree 1')
    expect(built.report.covered).toBe(3)
  })

  it('every look-up has the same answer with what is covered as without', () => {
    const label = fc.constantFrom('a', 'b', 'c')
    const name = fc
      .array(label, { minLength: 1, maxLength: 4 })
      .map((labels) => `${labels.join('.')}.example`)
    const listed = fc.record({
      category: fc.integer({ min: 0, max: 2 }),
      scope: fc.constantFrom<Scope>('tree', 'exact'),
      input: fc.constant(0),
    })
    const answer = (names: Names, asked: string) => {
      const own = names.get(asked)
      const tree = parents(asked).find((parent) => names.get(parent)?.scope === 'tree')
      return own?.category ?? (tree === undefined ? undefined : names.get(tree)?.category)
    }
    fc.assert(
      fc.property(fc.array(fc.tuple(name, listed), { maxLength: 25 }), fc.array(name), (entries, asked) => {
        const names: Names = new Map(entries)
        const before = new Map(names)
        takeCovered(names)
        for (const one of [...asked, ...before.keys()]) expect(answer(names, one)).toBe(answer(before, one))
      }),
    )
  })

  it('a tree that comes to cover listed names withdraws none of them', async () => {
    const below = Array.from({ length: 100 }, (_, i) => `n${i}.evil.example`).join('\n')
    const previous = await build(below)
    const built = await build(`${below}\nevil.example`, { previous })
    expect(built.report.change).toMatchObject({ added: 1, removed: 0 })
  })

  it('a parenthesis that is never closed hides all that follows: refused, with its line', async () => {
    const zone = 'a.example CNAME .\nb.example TXT (\nc.example CNAME .\n'
    const input = (source: string) =>
      buildList({ inputs: [{ name: 'zone', source, category: 1, format: 'rpz' }], key })
    await expect(input(zone)).rejects.toMatchObject({
      code: 'LIST_INPUT',
      message: expect.stringContaining('line 2'),
    })
    const far = `${zone}${'c.example CNAME .\n'.repeat(20_000)})\n`
    await expect(input(far)).rejects.toMatchObject({ code: 'LIST_INPUT' })
  })

  it('a banner or a few odd lines do not turn trees into single names; they are pointed at', async () => {
    const plain = Array.from({ length: 3000 }, (_, i) => `bad${i}.example`)
    const built = await build(['||odd.example^', '##BANNER', ...plain].join('\n'))
    expect(entry(built, 'bad7.example')).toBe('tree 1')
    expect(entry(built, 'odd.example')).toBe('tree 1')
    expect(built.report.inputs[0]).toMatchObject({ format: 'domains', others: new Map([['adblock', 2]]) })
    const late = await build([...Array(5000).fill('# licence'), '||bad.example^'].join('\n'))
    expect(late.report.inputs[0]).toMatchObject({ format: 'adblock' })
  })

  it('reads a stream, packed or not, in pieces that break lines and characters', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'securenet-list-'))
    const text = `\ufeff# x\n${Array.from({ length: 30_000 }, (_, i) => `bücher${i}.example`).join('\n')}`
    const plain = join(folder, 'list.txt')
    const packed = join(folder, 'list.txt.gz')
    writeFileSync(plain, text)
    writeFileSync(packed, gzipSync(text))
    for (const file of [plain, packed]) {
      const built = await buildList({ inputs: [{ name: file, source: readList(file), category: 1 }], key })
      expect(built.set.count).toBe(30_006)
    }
    const unreadable = [join(folder, 'none.gz'), join(folder, 'none'), folder, join(folder, 'text.gz')]
    writeFileSync(join(folder, 'text.gz'), text)
    for (const path of unreadable) {
      const error = await buildList({
        inputs: [{ name: 'x', source: readList(path), category: 1 }],
        key,
      }).catch((reason) => reason)
      expect(error).toMatchObject({ code: 'LIST_INPUT' })
      expect(error.message).toContain(path)
    }
    for (const file of [plain, packed])
      await expect(
        buildList({ inputs: [{ name: file, source: readList(file, 100_000), category: 1 }], key }),
      ).rejects.toMatchObject({ code: 'LIST_INPUT_TOO_LARGE', message: expect.stringContaining(file) })
    rmSync(folder, { recursive: true })
  })

  it.each([2, 3])('more names than modems have room for are refused: %d', async (mostNames) => {
    const extra = [{ name: 'other', source: 'c.example\nd.example', category: 0 }]
    await expect(build('a.example\nb.example', { mostNames }, extra)).rejects.toMatchObject({
      code: 'LIST_TOO_LARGE',
    })
    await build('a.example\nb.example', { mostNames: 4 }, extra)
  })

  it('without a name, or with a key that is none, is refused', async () => {
    expect((await stopped(build('# nothing'))).code).toBe('LIST_EMPTY')
    expect(await stopped(build('local=evil.example\nx y'))).toMatchObject({
      message: 'no name was found in given as domains: 2 lines dropped',
      remedy: expect.stringContaining('--drops'),
    })
    await expect(buildList({ inputs: [], key: 'xyz' })).rejects.toThrow(
      expect.objectContaining({ code: 'LIST_KEY' }),
    )
  })
})

describe('the guards', () => {
  it.each([
    ['co.uk', 'public-suffix'],
    ['com', 'bare-tld'],
    ['*', 'root'],
    ['*.be', 'bare-tld'],
    ['pool.ntp.org', 'core'],
    ['ntp.org', 'core'],
    ['sub.pool.ntp.org', 'core'],
    ['proximus.be', 'core'],
  ])('%s stops the build: %s', async (name, guard) => {
    const error = await stopped(build(`evil.example\n${name}`))
    expect(error).toMatchObject({ code: 'LIST_GUARD' })
    expect(error.report.findings[0]).toMatchObject({ guard, action: 'stop' })
  })

  it('an entry above many names of the core is found once', async () => {
    const { report } = await stopped(build('evil.example\napple.com'))
    expect(report.findings.map(({ guard, name }) => `${guard} ${name}`)).toEqual([
      'core apple.com',
      'gate apple.com',
      'shared apple.com',
    ])
  })

  it('told to, they leave such entries out, and say so', async () => {
    const built = await build('evil.example\nco.uk\nntp.org\nbank.example', {
      popular: 'bank.example',
      guards: { suffix: 'drop', core: 'drop', popular: 'drop' },
    })
    expect(['co.uk', 'ntp.org', 'bank.example'].map((name) => entry(built, name))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(entry(built, 'evil.example')).toBe('tree 1')
    expect(built.report.findings.map(({ guard }) => guard).sort()).toEqual([
      'core',
      'popular',
      'public-suffix',
    ])
  })

  it('a hosting suffix keeps its own name only, or stops the build if that is wanted', async () => {
    const text = 'blogspot.com\nevil.blogspot.com'
    const built = await build(text)
    expect(entry(built, 'blogspot.com')).toBe('exact 1')
    expect(entry(built, 'evil.blogspot.com')).toBe('tree 1')
    expect((await stopped(build(text, { guards: { hosting: 'stop' } }))).report.findings[0]?.guard).toBe(
      'hosting-suffix',
    )
  })

  it('a single label that is no TLD is left out without a stop', async () => {
    const built = await build('com12786312634\nevil.example')
    expect(entry(built, 'com12786312634')).toBeUndefined()
    expect(built.report.findings).toMatchObject([{ guard: 'bare-tld', action: 'drop' }])
  })

  it.each(['com', 'com12786312634', '*'])('%s is never an entry, exempt or not', async (name) => {
    const guards = { suffix: 'drop', exempt: new Set([name, '']) } as const
    const built = await build(`evil.example\n${name}`, { guards })
    expect(built.set.count).toBe(1 + 6)
    expect(built.report.findings).toMatchObject([{ action: 'drop' }])
  })

  it('a stop at a TLD does not advise what cannot be', async () => {
    expect((await stopped(build('evil.example\ncom'))).remedy).not.toContain('--exempt')
    expect((await stopped(build('evil.example\nco.uk'))).remedy).toContain('--exempt')
  })

  it.each([
    ['bank.example', 'bank.example'],
    ['www.bank.example', 'www.bank.example'],
    ['example.net', 'shop.example.net'],
  ])('%s blocks a popular name (%s) and stops the build', async (name, hits) => {
    const popular = '1,bank.example\n2,shop.example.net\n'
    const error = await stopped(build(`evil.example\n${name}`, { popular }))
    expect(error.report.findings[0]).toMatchObject({ guard: 'popular', name, hits })
    await build(name, { popular, guards: { exempt: new Set([name]) } })
  })

  it.each([
    ...['docs.google.com', 'sites.google.com', 'storage.googleapis.com', 'bit.ly', 't.co', 's.id'],
    ...['raw.githubusercontent.com', 'login.microsoftonline.com', 'www.gstatic.com', 'gstatic.com'],
    ...['fonts.googleapis.com', 'sharepoint.com', 'cdn.jsdelivr.net', 'www.tinyurl.com', 'deb.debian.org'],
  ])('%s is a host that many share: it stops the build', async (name) => {
    const error = await stopped(build(`evil.example\n${name}`))
    expect(error.code).toBe('LIST_GUARD')
    expect(error.report.findings.map(({ guard }) => guard)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(shared|gate)$/)]),
    )
    const built = await build(`evil.example\n${name}`, {
      guards: { popular: 'drop', shared: 'drop', core: 'drop' },
    })
    expect(entry(built, name)).toBeUndefined()
  })

  it('what is below a shared host is listed, and a shared host that is meant too', async () => {
    const built = await build('evil.sharepoint.com\ns.id', { guards: { exempt: new Set(['s.id']) } })
    expect(['evil.sharepoint.com', 's.id'].map((name) => entry(built, name))).toEqual(['tree 1', 'tree 1'])
    expect(built.report.findings).toEqual([])
  })

  it('banks and authorities of a country are guarded where that is asked for', async () => {
    expect((await build('evil.example\nkeytradebank.be')).report.findings).toEqual([])
    const error = await stopped(build('evil.example\nkeytradebank.be', { country: 'be' }))
    expect(error.report.findings).toMatchObject([{ guard: 'shared', hits: 'keytradebank.be' }])
  })

  it('every shared host is a name that a list could hold, once, and none that many are given names under', () => {
    const hosts = sharedHosts('be')
    expect(new Set(hosts).size).toBe(hosts.length)
    for (const host of hosts) expect(normaliseName(host)).toEqual({ ok: true, name: host })
    const suffixes = hosts.filter((host) => parse(host, { allowPrivateDomains: true }).publicSuffix === host)
    expect(suffixes).toEqual([])
  })

  it.each([
    '1,bank.example\r\n2,www.mail.example\r\n',
    'GlobalRank,TldRank,Domain,TLD\n1,1,bank.example,example,5\n2,2,www.mail.example,example,4\n',
    '"Rank","Domain","Open Page Rank"\n"1","bank.example","10.00"\n"2","www.mail.example","9.00"\n',
    'origin,rank\nhttps://bank.example,1000\nhttps://www.mail.example/,1000\n',
    '# two names\nbank.example\nwww.mail.example\n',
  ])('a ranking is read as it is published: %j', async (popular) => {
    const error = await stopped(build('bank.example\nmail.example', { popular }))
    expect(error.report).toMatchObject({
      popular: 2,
      findings: [{ hits: 'bank.example' }, { hits: 'www.mail.example' }],
    })
  })

  it('a file of popular names that holds none guards nothing, and is refused', async () => {
    await expect(build('evil.example', { popular: '{"rank": 1,\n"page": 2}' })).rejects.toMatchObject({
      code: 'LIST_POPULAR',
    })
  })

  it('the way out fits the guards that stopped the build: no name is exempt from the core', async () => {
    const core = await stopped(build('evil.example\nsub.pool.ntp.org'))
    expect(core.remedy).not.toContain('--exempt')
    expect(core.remedy).toContain('--drop-findings')
    expect((await stopped(build('evil.example\nco.uk'))).remedy).toContain('--exempt NAME (public-suffix)')
    await stopped(build('sub.pool.ntp.org', { guards: { exempt: new Set(['sub.pool.ntp.org']) } }))
  })

  it('a name for which every modem would refuse the whole list stops the build, and nothing is exempt', async () => {
    const text = 'evil.example\ngoogle.be\nwikipedia.org'
    const error = await stopped(build(text, { guards: { exempt: new Set(['google.be']) } }))
    expect(error.report.findings).toMatchObject([
      { guard: 'gate', name: 'google.be', hits: 'google.be', action: 'stop' },
      { guard: 'gate', name: 'wikipedia.org', action: 'stop' },
    ])
    expect(error.remedy).not.toContain('--exempt')
    const built = await build(text, { guards: { popular: 'drop' } })
    expect(entry(built, 'google.be')).toBeUndefined()
    expect(entry(await build('mail.google.be'), 'mail.google.be')).toBe('tree 1')
  })

  it('an entry below or beside a popular name is no hit, nor is an exact one above it', async () => {
    const built = await build(
      'login.bank.example\nbank2.example',
      { popular: 'bank.example\nshop.hosted.example' },
      [
        { name: 'exact', source: 'example\nother.example.org', category: 1, format: 'adblock' },
        { name: 'exact2', source: 'hosted.example CNAME .', category: 1, format: 'rpz' },
      ],
    )
    expect(built.report.findings.filter(({ guard }) => guard === 'popular')).toEqual([])
  })

  it('a collision is found: a hash that is in the set though its name is not', async () => {
    const { set } = await build('evil.example')
    const hasher = createHasher(key)
    // The set has the hash of evil.example; to somebody who lists nothing, that is a collision.
    expect(collisions(set, new Map(), ['www.evil.example'], hasher)).toMatchObject([
      { guard: 'collision', name: 'evil.example', hits: 'www.evil.example', action: 'stop' },
    ])
    expect(
      collisions(
        set,
        new Map([['evil.example', { category: 1, scope: 'tree', input: 0 }]]),
        ['evil.example'],
        hasher,
      ),
    ).toEqual([])
  })

  it('more change than allowed needs force, also when the key changes', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.example`)
    const previous = await build(names.join('\n'))
    const less = names.slice(20).join('\n')
    const slightly = names.slice(5).join('\n')
    for (const other of [key, 'ffffffffffffffff']) {
      const again = (text: string, options: Options = {}) =>
        buildList({ inputs: [{ name: 'x', source: text, category: 1 }], key: other, previous, ...options })
      const error = await stopped(again(less))
      expect(error).toMatchObject({ code: 'LIST_CHANGE', report: { change: { added: 0, removed: 20 } } })
      expect((await again(less, { force: true })).report.change?.percent).toBeCloseTo(18.9, 1)
      expect((await again(slightly)).report.change).toMatchObject({ removed: 5 })
      await stopped(again(slightly, { maxChangePercent: 2 }))
    }
  })
})

describe('too much change', () => {
  const many = (word: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${word}${i}.example`).join('\n')
  const input = (name: string, category: number, source: string) => ({ name, category, source })
  const base = [
    input('big', 1, many('big', 3000)),
    input('small', 0, many('small', 40)),
    input('side', 1, many('side', 60)),
  ]
  const before = () => buildList({ inputs: base, key })
  const next = async (inputs: BuildOptions['inputs'], options: Partial<BuildOptions> = {}) =>
    buildList({ inputs, key, previous: await before(), ...options })
  const replaced = (at: number, ...by: BuildOptions['inputs']) =>
    base.flatMap((one, i) => (i === at ? by : [one]))

  it.each<[string, BuildOptions['inputs'], string]>([
    ['a category that is half gone', replaced(1, input('small', 0, many('small', 20))), 'category malware'],
    ['a category without its input', replaced(1), 'category malware'],
    ['a category that doubles', replaced(1, input('small', 0, many('small', 80))), 'category malware'],
    [
      'names that move to another category',
      replaced(1, input('small', 4, many('small', 40))),
      'category malware',
    ],
    ['an input that is gone', replaced(2), 'input side (phishing)'],
    ['an input that is cut', replaced(2, input('side', 1, many('side', 30))), 'input side (phishing)'],
    ['an input with other names', replaced(2, input('side', 1, many('other', 60))), 'input side (phishing)'],
  ])('%s: said of which, though the list as a whole hardly changes', async (_, inputs, who) => {
    const error = await stopped(next(inputs))
    expect(error).toMatchObject({ code: 'LIST_CHANGE', message: expect.stringContaining(who) })
    expect(error.report.change?.percent).toBeLessThan(10)
    expect((await next(inputs, { force: true })).set.count).toBeGreaterThan(3000)
    await stopped(next(inputs, { key: 'ffffffffffffffff' }))
  })

  it.each<[string, BuildOptions['inputs']]>([
    ['an input under another name', replaced(2, input('renamed', 1, many('side', 60)))],
    [
      'an input that is cut in two',
      replaced(2, input('a', 1, many('side', 30)), input('b', 1, many('side', 60))),
    ],
    [
      'an input whose names another one has',
      [input('all', 1, `${many('big', 3000)}\n${many('side', 60)}`), ...base.slice(1, 2)],
    ],
    ['the order of inputs', [...base].reverse()],
    ['a few names of a small category', replaced(1, input('small', 0, many('small', 35)))],
    ['a category that begins', [...base, input('new', 4, many('scam', 200))]],
  ])('%s: no name is withdrawn, and nothing stops it', async (_, inputs) => {
    await next(inputs)
  })

  it('is said in words', async () => {
    const previous = await buildList({ inputs: [input('a', 1, many('a', 100))], key })
    const grown = stopped(buildList({ inputs: [input('a', 1, many('a', 3174))], key, previous }))
    expect((await grown).message).toBe(
      'the list: 0 of 106 names would go (0 %), 3074 would come: 30 times as many, more than 10 %',
    )
    const cut = stopped(buildList({ inputs: [input('a', 1, many('a', 47))], key, previous }))
    expect((await cut).message).toBe(
      'the list: 53 of 106 names would go (50 %), 0 would come (0 %), more than 10 %',
    )
  })
})

it.each<[string, number]>([
  ['com', 1],
  ['', 1],
  ['192.0.2.1', 1],
  ['Evil.example', 1],
  ['evil.example.', 1],
  ['bücher.example', 1],
  ['evil..example', 1],
  [`${'a'.repeat(64)}.example`, 1],
  ['evil.example', 16],
  ['evil.example', -1],
])('no set is made of %j in category %d', (name, category) => {
  const names = new Map([[name, { category, scope: 'tree', input: 0 } as const]])
  expect(() => setOf(names, key)).toThrow(expect.objectContaining({ code: 'LIST_ENTRY' }))
})

it('a real list of 13,752 names is built whole, but for what is no name', async () => {
  const { blacklist } = createRequire(import.meta.url)('eth-phishing-detect/src/config.json') as {
    blacklist: string[]
  }
  const built = await build(blacklist.join('\n'))
  const left = built.report.inputs[0]
  expect(left?.lines).toBe(13_752)
  const dropped = [...(left?.dropped.values() ?? [])].reduce((sum, n) => sum + n, 0)
  const guarded = built.report.findings.filter(({ action }) => action === 'drop').length
  const { covered } = built.report
  expect(built.set.count - 6 + covered + (left?.duplicates ?? 0) + dropped + guarded).toBe(13_752)
  expect(dropped + guarded).toBeLessThan(10)
})
