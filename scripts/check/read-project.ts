import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { Page, Project } from './references.ts'
import type { SourceFile } from './source-files.ts'

const MADE = new Set(['node_modules', 'dist', '.git', '.household'])
/** Data that has no comments, or whose comments are names as well. */
const DATA = /\.(json|yaml|c|h|Makefile)$|^rootfs\//

function pathsBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (folder === '' && MADE.has(entry.name)) return []
    const path = posix.join(folder, entry.name)
    return entry.isDirectory() ? [path, ...pathsBelow(root, path)] : [path]
  })
}

function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!)
}

/** The project as far as comments and pages refer to it; CHANGELOG.md is history, and may name what is gone. */
export function readProject(
  root: string,
  sources: readonly SourceFile[],
): { project: Project; pages: Page[] } {
  const paths = pathsBelow(root)
  const files = paths.filter((path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile())
  const read = (path: string) => ({ path, text: readFileSync(join(root, path), 'utf8') })
  const markdown = files.filter((path) => path.endsWith('.md')).map(read)
  const scenarios = files
    .filter((path) => path.startsWith('test/scenarios/') && path.endsWith('.txt'))
    .map(read)
  const data = files.filter((path) => DATA.test(path)).map((path) => read(path).text)
  return {
    project: {
      paths: new Set(paths),
      code: [...sources.map(({ code }) => code), ...data].join('\n'),
      headings: new Map(markdown.map(({ path, text }) => [path, headingsOf(text)])),
    },
    pages: [...markdown.filter(({ path }) => path !== 'CHANGELOG.md'), ...scenarios],
  }
}
