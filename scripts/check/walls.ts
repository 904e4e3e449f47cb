import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import type { Layout, Room } from './layout.ts'
import type { Import } from './parse-source.ts'

export interface ImportingFile {
  /** From the project's root, with slashes. */
  readonly path: string
  readonly imports: readonly Import[]
}

type External =
  | { readonly kind: 'package' | 'builtin'; readonly name: string }
  /** Computed, absolute, or above the project. */
  | { readonly kind: 'unknown' }

/** What an import leads to. */
type Destination = External | { readonly kind: 'file'; readonly path: string }

const builtins = new Set(builtinModules)

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function destinationOf(from: string, specifier: string | null): Destination {
  if (specifier === null) return { kind: 'unknown' }
  const bare = specifier.replace(/^node:/, '')
  if (bare !== specifier || builtins.has(bare)) return { kind: 'builtin', name: bare }
  if (/^(\/|#|[a-z]+:)/.test(specifier)) return { kind: 'unknown' }
  if (!specifier.startsWith('.')) return { kind: 'package', name: packageName(specifier) }
  const path = posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ''))
  if (path.startsWith('..')) return { kind: 'unknown' }
  return path.startsWith('node_modules/')
    ? { kind: 'package', name: packageName(path.slice('node_modules/'.length)) }
    : { kind: 'file', path }
}

function holds(at: string, path: string): boolean {
  if (at.endsWith('**')) return path.startsWith(at.slice(0, -2))
  return at === path || at === posix.dirname(path)
}

function allRooms({ floors, compositionRoot, outside }: Layout): readonly Room[] {
  return [...floors.flat(), ...compositionRoot, ...outside]
}

/** The room of a file: a room for that file alone wins over its folder's. */
function roomOf(layout: Layout, path: string): Room | undefined {
  const rooms = allRooms(layout)
  return rooms.find(({ at }) => at === path) ?? rooms.find(({ at }) => holds(at, path))
}

/**
 * How high each room stands. The composition root stands on one floor; `outside` is listed in the order in which its
 * rooms may import one another, so each stands on a floor of its own.
 */
function heightsOf({ floors, compositionRoot, outside }: Layout): Map<string, number> {
  const above = [...floors, compositionRoot, ...outside.map((one) => [one])]
  return new Map(above.flatMap((rooms, height) => rooms.map(({ at }) => [at, height] as const)))
}

/** Faults of the table itself: a room that is named twice or not at all, an import that runs upward. */
function faultsOfTable(layout: Layout): string[] {
  const rooms = allRooms(layout)
  const heights = heightsOf(layout)
  const roots = new Set(layout.compositionRoot.map(({ at }) => at))
  const faultOf = (at: string, other: string): string | null => {
    const height = heights.get(other)
    if (other === '**' || (roots.has(at) && roots.has(other))) return null
    if (height === undefined) return 'which the table does not name'
    if (roots.has(other) && at.startsWith('module/'))
      return 'only the composition root imports the composition root'
    return height < heights.get(at)! ? null : 'which is on no lower floor: no import runs upward'
  }
  const twice = rooms.filter(({ at }, i) => rooms.findIndex((other) => other.at === at) !== i)
  return [
    ...twice.map(({ at }) => `layout: ${at} is named twice`),
    ...rooms.flatMap(({ at, may }) =>
      may.flatMap((other) => {
        const fault = faultOf(at, other)
        return fault === null ? [] : [`layout: ${at} may not import ${other}: ${fault}`]
      }),
    ),
  ]
}

/** What a package of npm or a module of Node may be imported by, as far as `from` in `room` is concerned. */
function outsideBreach(layout: Layout, from: string, room: Room, to: External): string | null {
  if (!from.startsWith('module/')) return null
  if (to.kind === 'unknown')
    return 'imports what cannot be told from the text: the module names what it imports'
  const isBuiltin = to.kind === 'builtin'
  const name = isBuiltin ? `node:${to.name}` : to.name
  if (isBuiltin && room.pure) return `may not import ${name}: ${room.at} is pure`
  const where = (isBuiltin ? layout.builtins : layout.packages)[to.name] ?? []
  if (where === 'everywhere' || where.some((at) => at === room.at || at === from)) return null
  return where.length === 0
    ? `may not import ${name}, which the layout does not name`
    : `may not import ${name}: only ${where.join(', ')} may`
}

function insideBreach(layout: Layout, room: Room, path: string): string | null {
  const other = roomOf(layout, path)
  if (!other) return `imports ${path}, which lies in no room of the layout`
  if (other === room || room.may.includes('**') || room.may.includes(other.at)) return null
  if (layout.compositionRoot.includes(other) && !layout.compositionRoot.includes(room))
    return `may not import ${path}: only the composition root imports the composition root`
  if (layout.outside.includes(other) && !layout.outside.includes(room))
    return `may not import ${path}: the module imports neither scripts nor tests`
  const may = room.may.length === 0 ? 'nothing of ours' : `only ${room.may.join(', ')}`
  return `may not import ${path}: ${room.at} may import ${may}`
}

/** @returns a line for each import that the table does not allow, and for each file that no room holds */
export function breaches(layout: Layout, files: readonly ImportingFile[]): string[] {
  return files.flatMap(({ path, imports }) => {
    const room = roomOf(layout, path)
    if (!room) return [`${path}: lies in no room of the layout (scripts/check/layout.ts)`]
    return imports.flatMap(({ specifier, line }) => {
      const to = destinationOf(path, specifier)
      const breach =
        to.kind === 'file' ? insideBreach(layout, room, to.path) : outsideBreach(layout, path, room, to)
      return breach === null ? [] : [`${path}:${line}: ${breach}`]
    })
  })
}

/** The rooms that each room really imports, both by their `at`. */
export function realImports(layout: Layout, files: readonly ImportingFile[]): Map<string, Set<string>> {
  const real = new Map(allRooms(layout).map(({ at }) => [at, new Set<string>()]))
  for (const { path, imports } of files) {
    const from = roomOf(layout, path)
    for (const { specifier } of imports) {
      const to = destinationOf(path, specifier)
      const other = to.kind === 'file' ? roomOf(layout, to.path) : undefined
      if (from && other && other !== from) real.get(from.at)!.add(other.at)
    }
  }
  return real
}

/** What the table allows and no file uses: a room that is empty, an import that is gone. */
function unused(layout: Layout, files: readonly ImportingFile[]): string[] {
  const real = realImports(layout, files)
  const held = new Set(files.map(({ path }) => roomOf(layout, path)?.at))
  return allRooms(layout).flatMap(({ at, may }) => [
    ...(held.has(at) ? [] : [`layout: ${at} holds no file`]),
    ...may
      .filter((other) => other !== '**' && !real.get(at)!.has(other))
      .map((other) => `layout: ${at} may import ${other}, and does not: take it out`),
  ])
}

/** @returns a line for each breach of the layout, and for each thing in it that is wrong or no longer true */
export function checkWalls(layout: Layout, files: readonly ImportingFile[]): string[] {
  return [...faultsOfTable(layout), ...breaches(layout, files), ...unused(layout, files)]
}
