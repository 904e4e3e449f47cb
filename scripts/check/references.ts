import { posix } from 'node:path'
import type { Comment } from './parse-source.ts'

/** What comments and pages may refer to. */
export interface Project {
  /** Files and folders that are kept, from the project's root, with slashes. */
  readonly paths: ReadonlySet<string>
  /** The code of all sources, and all data (schemas, scripts of the modem), without comments where it has them. */
  readonly code: string
  /** Of each page of Markdown, by its path. */
  readonly headings: ReadonlyMap<string, readonly string[]>
}

export interface CommentedFile {
  readonly path: string
  readonly comments: readonly Pick<Comment, 'text' | 'line' | 'adjoins'>[]
}

export interface Page {
  readonly path: string
  readonly text: string
}

/** Names that others gave: of standards, of tools, of other programs. */
const FOREIGN_NAMES = new Set([
  ...['BLOBMSG_TYPE_STRING', 'CONFIG_NF_FLOW_TABLE', 'IP_PKTINFO', 'O_DSYNC', 'MDB_BAD_RSLOT', 'TargetName'],
  ...[
    'HttpsUpgrades',
    'JavaScript',
    'MurmurHash3',
    'gABI',
    'macOS',
    'flattenedVerify',
    'ignoreCache',
    'reusePort',
  ],
  ...['noControlCharactersInRegex', 'noTemplateCurlyInString', 'noThenProperty'],
])

/** Files of others, and of an example. */
const FOREIGN_FILES = new Set(['malware.txt', 'uci.sh'])

const FILE =
  /(?<![\w/.@*{}$-])(?:\.{1,2}\/)*(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs|cjs|json|md|sh|yaml|svg|txt)\b/g
const FOLDER = /(?<![\w/.-])(?:module|scripts|test|docs|rootfs)\/(?:[\w.-]+\/)*(?![\w{*-])/g
const RECORD = /\bADR (\d+)\b|\bdocs\/adr\/(\d{4})\b/g
const SECTION = /(?<![\w/-])((?:docs\/)?[\w-]+\.md)(?: §(\d+)|, ([A-Z][^().,;:]*)\))/g
/** Names with a capital or an underscore inside, and what is called. */
const NAME =
  /\b[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+\b|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+\b|\b[a-z]\w*(?=\(\))/g
const ROOMS = ['module', 'scripts', 'test', 'rootfs', 'docs']

function wordsOf(code: string): Set<string> {
  return new Set(code.match(/[A-Za-z_$][\w$]*/g))
}

/** The anchor of a heading, by the rule of Git forges. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
}

/** Names of a data model that the page itself defines. */
const DEFINES_NAMES = new Set(['docs/usp.md'])

/** Says of a text what it refers to that is not there. */
class ReferenceCheck {
  readonly #project: Project
  readonly #words: ReadonlySet<string>
  /** Paths by their last part. */
  readonly #endings = new Map<string, string[]>()

  constructor(project: Project) {
    this.#project = project
    this.#words = wordsOf(project.code)
    for (const path of project.paths) {
      const name = posix.basename(path)
      this.#endings.set(name, [...(this.#endings.get(name) ?? []), path])
    }
  }

  /** A file beside this one, from the root or one of its folders, or the only one whose path ends so. */
  #hasFile(from: string, named: string): boolean {
    const { paths, code } = this.#project
    const beside = posix.join(posix.dirname(from), named)
    if (FOREIGN_FILES.has(named)) return true
    if ([named, beside, ...ROOMS.map((room) => `${room}/${named}`)].some((path) => paths.has(path)))
      return true
    if (this.#endings.get(posix.basename(named))?.filter((path) => path.endsWith(`/${named}`)).length === 1)
      return true
    // A file that is made: the code names it.
    return !/\.(ts|md)$/.test(named) && code.includes(named)
  }

  #hasRecord(number: string): boolean {
    const start = `docs/adr/${number.padStart(4, '0')}-`
    return [...this.#project.paths].some((path) => path.startsWith(start))
  }

  #hasSection(from: string, page: string, number?: string, title?: string): boolean {
    const { headings } = this.#project
    const found = headings.get(page) ?? headings.get(posix.join(posix.dirname(from), page)) ?? []
    return found.some((heading) => (number ? heading.startsWith(`${number}. `) : heading === title))
  }

  /** Files, folders, decisions and sections. */
  places(from: string, text: string): string[] {
    const dead = [...text.matchAll(FILE)]
      .map(([named]) => named)
      .filter((named) => !this.#hasFile(from, named))
    for (const [named] of text.matchAll(FOLDER))
      if (!this.#project.paths.has(named.replace(/\/$/, ''))) dead.push(named)
    for (const [named, short, long] of text.matchAll(RECORD))
      if (!this.#hasRecord((short ?? long)!)) dead.push(named)
    for (const [named, page, number, title] of text.matchAll(SECTION))
      if (!this.#hasSection(from, page!, number, title)) dead.push(named)
    return dead
  }

  names(text: string): string[] {
    return (text.match(NAME) ?? []).filter((name) => !this.#words.has(name) && !FOREIGN_NAMES.has(name))
  }

  links(from: string, text: string): string[] {
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
      if (/^[a-z]+:/.test(target!)) return []
      const [path, fragment] = target!.split('#') as [string, string?]
      const page = path === '' ? from : posix.join(posix.dirname(from), path)
      if (!this.#project.paths.has(page)) return [target!]
      const anchors = (this.#project.headings.get(page) ?? []).map(anchor)
      return fragment === undefined || anchors.includes(fragment) ? [] : [target!]
    })
  }
}

/** @returns a line for each comment that refers to what is not there, and for each docblock that stands twice */
export function deadInComments(project: Project, files: readonly CommentedFile[]): string[] {
  const check = new ReferenceCheck(project)
  return files.flatMap(({ path, comments }) =>
    comments.flatMap(({ text, line, adjoins }, i) => {
      const dead = [...check.places(path, text), ...check.names(text)]
      const former = comments[i - 1]?.text ?? ''
      const twice = adjoins && text.startsWith('*') && former.startsWith('*') && !former.includes('@typedef')
      return [
        ...dead.map((named) => `${path}:${line}: refers to ${named}, which is not there`),
        ...(twice ? [`${path}:${line}: a second docblock on the same thing`] : []),
      ]
    }),
  )
}

/** @returns a line for each page that refers to what is not there; names count where they stand in backticks */
export function deadInPages(project: Project, pages: readonly Page[]): string[] {
  const check = new ReferenceCheck(project)
  return pages.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => {
      const quoted = (line.match(/`[^`]+`/g) ?? []).join(' ')
      const names = DEFINES_NAMES.has(path) ? [] : check.names(quoted)
      const dead = [...check.places(path, line), ...names, ...check.links(path, line)]
      return dead.map((named) => `${path}:${i + 1}: refers to ${named}, which is not there`)
    }),
  )
}
