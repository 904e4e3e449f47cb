import { describe, expect, it } from 'vitest'
import { parseSource } from '../../scripts/check/parse-source.ts'
import { deadInComments, deadInPages, type Project } from '../../scripts/check/references.ts'

const project: Project = {
  paths: new Set([
    ...['module', 'module/query', 'module/query/chain.ts', 'module/query/cache.ts', 'module/line/cache.ts'],
    ...['module/line/only.ts', 'docs', 'docs/dns.md', 'docs/adr/0007-clock-floor.md', 'rootfs/lib/paths.sh'],
  ]),
  code: "class LineStore { readHead() {} }\nthrow new Fault('LINE_OLDER')\nwrite('made.json')",
  headings: new Map([
    ['docs/dns.md', ['DNS: what is done', 'Blocked', '3. Chunks']],
    ['README.md', ['Where things are']],
  ]),
}

/** What the check calls dead in a comment of module/query/any.ts. */
function deadIn(comment: string): string[] {
  const { comments } = parseSource('any.ts', comment)
  return deadInComments(project, [{ path: 'module/query/any.ts', comments }])
}

describe('a comment may refer to', () => {
  it.each([
    ['a file beside it', '// as chain.ts has it'],
    ['a file from the root', '/** See module/query/chain.ts. */'],
    ['a file below module/', '// (line/cache.ts)'],
    ['the only file of its name', '// (only.ts)'],
    ['a file that the code makes', '// in made.json'],
    ['a folder', '// all of module/query/'],
    ['a decision', '// ADR 7, docs/adr/0007, docs/adr/0007-clock-floor.md'],
    ['a section by number', '// docs/dns.md §3'],
    ['a section by title', '// (docs/dns.md, Blocked)'],
    ['a class, a method and a code', '// LineStore, readHead(), LINE_OLDER'],
    ['a standard', '// RFC 8914 §4.16; https://example.com/not/here.md; /etc/not/ours.json'],
  ])('%s', (_, comment) => expect(deadIn(comment)).toEqual([]))
})

describe('a comment is refused that refers to', () => {
  it.each([
    ['a page', '5-control.md', '// said (5-control.md)'],
    ['a page of docs', 'docs/gone.md', '// docs/gone.md'],
    ['a file that moved', 'query/judge.ts', '// as query/judge.ts has it'],
    ['a file of which there are several', 'cache.ts', '// cache.ts', 'module/blockpage/any.ts'],
    ['a file of the wrong folder', 'line/chain.ts', '// line/chain.ts'],
    ['a folder', 'module/passage/', '// all of module/passage/'],
    ['a decision', 'ADR 8', '// ADR 8'],
    ['a decision by file', 'docs/adr/0008', '// docs/adr/0008'],
    ['a section by number', 'docs/dns.md §4', '// docs/dns.md §4'],
    ['a section by title', 'docs/dns.md, Precedence)', '// (docs/dns.md, Precedence)'],
    ['a function', 'askIndependently', '/** As `askIndependently` does. */'],
    ['a function of one word', 'judge', '// judge() has it'],
    ['a code', 'LINE_UNKNOWN', '/** LINE_OLDER, LINE_UNKNOWN */'],
  ])('%s that is not there', (_, named, comment, path = 'module/query/any.ts') => {
    const { comments } = parseSource('any.ts', comment)
    expect(deadInComments(project, [{ path, comments }])).toEqual([
      `${path}:1: refers to ${named}, which is not there`,
    ])
  })

  it('nothing, for it stands twice', () => {
    expect(deadIn('/** Serves. */\n/** Serves. */\nexport function serve() {}')).toEqual([
      'module/query/any.ts:2: a second docblock on the same thing',
    ])
    expect(deadIn('/** One. */\nconst one = 1\n/** Two. */\nconst two = 2')).toEqual([])
  })
})

describe('a page', () => {
  const dead = (text: string) => deadInPages(project, [{ path: 'docs/dns.md', text }])

  it('may link to what is there, and name in backticks what the code names', () => {
    const text =
      '[a](../README.md#where-things-are) [b](#blocked) [c](adr/0007-clock-floor.md) `LINE_OLDER` anyWord'
    expect(dead(text.replace('../README.md#where-things-are', '#dns-what-is-done'))).toEqual([])
    expect(
      deadInPages({ ...project, paths: new Set([...project.paths, 'README.md']) }, [
        { path: 'docs/dns.md', text },
      ]),
    ).toEqual([])
  })

  it.each([
    ['a link', '[a](gone.svg)', 'gone.svg'],
    ['an anchor', '[a](#gone)', '#gone'],
    ['an anchor of another page', '[a](dns.md#gone)', 'dns.md#gone'],
    ['a name', '`goneName`', 'goneName'],
    ['a file', 'see `query/gone.ts`', 'query/gone.ts'],
  ])('is refused for %s that is dead', (_, text, named) => {
    expect(dead(`first\n${text}`)).toContain(`docs/dns.md:2: refers to ${named}, which is not there`)
  })
})
