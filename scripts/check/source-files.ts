import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { type ParsedSource, parseSource } from './parse-source.ts'

export interface SourceFile extends ParsedSource {
  /** From the project's root, with slashes. */
  readonly path: string
}

/** Every file of source that is ours: of module/, scripts/ and test/, and those at the root. */
export function readSources(root: string): SourceFile[] {
  const atRoot = readdirSync(root).filter((name) => /\.(mjs|ts)$/.test(name))
  const below = ['module', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.([mc]?[tj]s|json)$/.test(name))
      .map((name) => join(folder, name).replaceAll(sep, '/')),
  )
  return [...atRoot, ...below].sort().map((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const parsed = path.endsWith('.json')
      ? { imports: [], comments: [], code: text, style: [] }
      : parseSource(path, text)
    return { path, ...parsed }
  })
}
