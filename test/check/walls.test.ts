import { describe, expect, it } from 'vitest'
import { layout } from '../../scripts/check/layout.ts'
import { parseSource } from '../../scripts/check/parse-source.ts'
import { breaches, checkWalls } from '../../scripts/check/walls.ts'

const rooms = [...layout.floors.flat(), ...layout.compositionRoot]

/** A file of the room, of which there need not be one. */
function fileIn(at: string): string {
  return /\.(d\.)?ts$/.test(at) ? at : `${at.replace(/\/\*\*$/, '')}/added.ts`
}

/** What the check says of one file more. */
function withFile(path: string, text: string): string[] {
  return breaches(layout, [{ path, ...parseSource(path, text) }])
}

/** How a file names another, from the root of the project. */
function specifier(from: string, to: string): string {
  return '../'.repeat(from.split('/').length - 1) + to
}

describe('the walls', () => {
  describe.each(rooms)('of $at', ({ at, may }) => {
    const from = fileIn(at)
    const roots = new Set(layout.compositionRoot.map((root) => root.at))
    const others = rooms.filter((other) => other.at !== at)

    it('let in what the table allows', () => {
      const text = may.map((other) => `import '${specifier(from, fileIn(other))}'`).join('\n')
      expect(withFile(from, text)).toEqual([])
    })

    it('keep out every other', () => {
      const outer = ['scripts/free-port.ts', 'scripts/operator/keys.ts', 'test/helpers/wire.ts', 'build.mjs']
      const below = others.filter((other) => !may.includes(other.at))
      const text = [...below.map((other) => fileIn(other.at)), ...outer].map(
        (to) => `import '${specifier(from, to)}'`,
      )
      const only = may.length === 0 ? 'nothing of ours' : `only ${may.join(', ')}`
      const ruleFor = (other: string) =>
        roots.has(other) && !roots.has(at)
          ? 'only the composition root imports the composition root'
          : `${at} may import ${only}`
      expect(withFile(from, text.join('\n'))).toEqual([
        ...below.map(
          (other, i) => `${from}:${i + 1}: may not import ${fileIn(other.at)}: ${ruleFor(other.at)}`,
        ),
        ...outer.map(
          (to, i) =>
            `${from}:${below.length + i + 1}: may not import ${to}: the module imports neither scripts nor tests`,
        ),
      ])
    })

    it.each(Object.entries(layout.packages))('hold %s to its place', (name, where) => {
      const allowed = where.includes(at) || where.includes(from)
      expect(withFile(from, `import '${name}/sub'`)).toEqual(
        allowed ? [] : [`${from}:1: may not import ${name}: only ${where.join(', ')} may`],
      )
    })
  })

  it.each([
    ['a folder', 'module/newcomer/part.ts'],
    ['a folder below a known one', 'module/query/deep/part.ts'],
    ['a file at the root of the module', 'module/newcomer.ts'],
    ['a folder of scripts', 'scripts/newcomer/part.ts'],
    ['a script', 'scripts/newcomer.ts'],
    ['a file at the root of the project', 'newcomer.mjs'],
  ])('refuse %s that the table does not name, and who imports it', (_, path) => {
    expect(withFile(path, '')).toEqual([`${path}: lies in no room of the layout (scripts/check/layout.ts)`])
    expect(withFile('module/query/added.ts', `import '${specifier('module/query/added.ts', path)}'`)).toEqual(
      [`module/query/added.ts:1: imports ${path}, which lies in no room of the layout`],
    )
  })

  it.each([
    ["import '../cli/arguments.ts'"],
    ["import type { Verb } from '../cli/arguments.ts'"],
    ["export { Verb } from '../cli/arguments.ts'"],
    ["export type { Verb } from '../cli/arguments.ts'"],
    ["export * from '../cli/arguments.ts'"],
    ["export type * from '../cli/arguments.ts'"],
    ["const verbs = await import('../cli/arguments.ts')"],
    ['const verbs = await import(`../cli/arguments.ts`)'],
    ["let verb: import('../cli/arguments.ts').Verb"],
    ["let verb: typeof import('../cli/arguments.ts')"],
    ["import verbs = require('../cli/arguments.ts')"],
    ["const verbs = require('../cli/arguments.ts')"],
    ["const where = require.resolve('../cli/arguments.ts')"],
    ["const where = import.meta.resolve('../cli/arguments.ts')"],
    ["const where = new URL('../cli/arguments.ts', import.meta.url)"],
    ["import '../../module/query/../cli/arguments.ts'"],
    ['/// <reference path="../cli/arguments.ts" />'],
  ])('see through %s', (text) => {
    expect(withFile('module/query/any.ts', text)).toEqual([
      expect.stringContaining(
        'module/query/any.ts:1: may not import module/cli/arguments.ts: module/query may',
      ),
    ])
  })

  it.each([
    ["const other = './other.ts'; import(other)"],
    ["const load = require; load('lmdb')"],
    ["process.getBuiltinModule('fs')"],
    ["import '/etc/passwd'"],
    ["import 'file:///etc/passwd'"],
    ["import 'data:text/javascript,0'"],
    ["import '#alias'"],
    ["import '../../../outside.ts'"],
  ])('refuse what cannot be told: %s', (text) => {
    expect(withFile('module/interception/none.ts', text)).toEqual([
      'module/interception/none.ts:1: imports what cannot be told from the text: the module names what it imports',
    ])
  })

  it.each([
    ['module/dns/name.ts', 'node:crypto', 'module/dns is pure'],
    ['module/query/any.ts', 'fs', 'module/query is pure'],
    ['module/line/reduce.ts', 'node:child_process', 'only module/platform'],
    ['module/blockpage/locales/nl.ts', 'node:worker_threads', 'only module/blocklist/store'],
    ['module/platform/added.ts', 'node:vm', 'which the layout does not name'],
    ['module/platform/added.ts', 'node:module', 'which the layout does not name'],
    ['module/platform/added.ts', 'undici', 'which the layout does not name'],
    ['module/listener/added.ts', '../../node_modules/mqtt/build/index.js', 'only module/control/mqtt may'],
  ])('keep %s from %s', (path, what, rule) => {
    expect(withFile(path, `import '${what}'`)).toEqual([expect.stringContaining(rule)])
  })

  it('let a file of the same room in, and the tests import everything', () => {
    expect(withFile('module/query/any.ts', "import './chain.ts'\nimport '../dns/name.ts'")).toEqual([])
    expect(
      withFile('test/added.test.ts', "import '../module/main.ts'\nimport '../scripts/check.ts'"),
    ).toEqual([])
  })
})

describe('the table', () => {
  const floor = (...rooms: readonly [string, ...string[]][]) => rooms.map(([at, ...may]) => ({ at, may }))
  const small = { compositionRoot: floor(['module/main.ts']), outside: [], packages: {}, builtins: {} }
  const file = (path: string, text = '') => ({ path, ...parseSource(path, text) })
  const files = [file('module/a/a.ts'), file('module/b/b.ts', "import '../a/a.ts'"), file('module/main.ts')]

  it.each([
    ['upward', [floor(['module/a', 'module/b']), floor(['module/b'])]],
    ['along a floor', [floor(['module/a', 'module/b'], ['module/b'])]],
    ['in a circle', [floor(['module/a', 'module/b'], ['module/b', 'module/a'])]],
  ])('allows no import %s', (_, floors) => {
    expect(checkWalls({ ...small, floors }, files)).toContain(
      'layout: module/a may not import module/b: which is on no lower floor: no import runs upward',
    )
  })

  it.each([
    ['a room twice', [floor(['module/a'], ['module/a'])], 'layout: module/a is named twice'],
    ['a room that is not there', [floor(['module/a', 'module/z'])], 'which the table does not name'],
    ['an empty room', [floor(['module/z'])], 'layout: module/z holds no file'],
    ['the composition root', [floor(['module/a', 'module/main.ts'])], 'only the composition root imports'],
    [
      'an import that is not made',
      [floor(['module/b']), floor(['module/a', 'module/b'])],
      'layout: module/a may import module/b, and does not: take it out',
    ],
  ])('refuses %s', (_, floors, fault) => {
    expect(checkWalls({ ...small, floors }, files)).toContainEqual(expect.stringContaining(fault))
  })

  it('is held to what the files really import', () => {
    const floors = [floor(['module/a']), floor(['module/b', 'module/a'])]
    expect(checkWalls({ ...small, floors }, files)).toEqual([])
  })
})
