import { type Argument, type Expression, type Program, parseSync, Visitor } from 'oxc-parser'
import { type StyleFinding, visitStyle } from './style.ts'

export interface Import {
  /** As it is written; null where it is computed, so that what is imported cannot be told. */
  readonly specifier: string | null
  /** 1 for the first. */
  readonly line: number
}

function literal(node: Expression | Argument | undefined): string | null {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? null
  return null
}

/** `import.meta.url` */
function isOwnUrl(node: Argument | undefined): boolean {
  return (
    node?.type === 'MemberExpression' &&
    node.object.type === 'MetaProperty' &&
    node.property.type === 'Identifier' &&
    node.property.name === 'url'
  )
}

function isRequire(node: Expression): boolean {
  if (node.type === 'Identifier') return node.name === 'require'
  return (
    node.type === 'MemberExpression' &&
    node.property.type === 'Identifier' &&
    ((node.object.type === 'Identifier' &&
      node.object.name === 'require' &&
      node.property.name === 'resolve') ||
      (node.object.type === 'MetaProperty' && node.property.name === 'resolve'))
  )
}

type Found = (at: number, specifier: string | null) => void

function visitImports(program: Program, found: Found): void {
  /** Starts of `require` that a call has accounted for. */
  const called = new Set<number>()
  new Visitor({
    ImportDeclaration: (node) => found(node.start, node.source.value),
    ExportAllDeclaration: (node) => found(node.start, node.source.value),
    ExportNamedDeclaration: (node) => {
      if (node.source) found(node.start, node.source.value)
    },
    ImportExpression: (node) => found(node.start, literal(node.source)),
    TSImportType: (node) => found(node.start, node.source.value),
    TSExternalModuleReference: (node) => found(node.start, node.expression.value),
    CallExpression: (node) => {
      if (!isRequire(node.callee)) return
      called.add(node.callee.start)
      found(node.start, literal(node.arguments[0]))
    },
    NewExpression: (node) => {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'URL') return
      if (isOwnUrl(node.arguments[1])) found(node.start, literal(node.arguments[0]))
    },
    Identifier: (node) => {
      if (node.name === 'require' && !called.has(node.start)) found(node.start, null)
      if (node.name === 'getBuiltinModule') found(node.start, null)
    },
  }).visit(program)
}

export interface Comment {
  /** Without its marks; a docblock begins with the second `*`. */
  readonly text: string
  readonly line: number
  /** Nothing but white space stands between it and the one before. */
  readonly adjoins: boolean
}

export interface ParsedSource {
  /**
   * Every way in which a file brings in another: import and export ... from (of types too), import(),
   * import('...').Type, require and its resolve, new URL(..., import.meta.url), /// <reference path>.
   */
  readonly imports: readonly Import[]
  readonly comments: readonly Comment[]
  /** The text with its comments taken out. */
  readonly code: string
  readonly style: readonly StyleFinding[]
}

/** @throws Error where the text cannot be parsed */
export function parseSource(path: string, text: string): ParsedSource {
  const { program, errors, comments } = parseSync(path, text)
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`)
  const imports: Import[] = []
  const lineOf = (at: number) => text.slice(0, at).split('\n').length
  visitImports(program, (at, specifier) => imports.push({ specifier, line: lineOf(at) }))
  let code = ''
  let end = 0
  const remarks = comments.map((comment) => {
    const between = text.slice(end, comment.start)
    code += `${between} `
    end = comment.end
    return { text: comment.value, line: lineOf(comment.start), adjoins: between.trim() === '' }
  })
  for (const { text: remark, line } of remarks) {
    const [, specifier] = /^\/\s*<reference\s+path=["']([^"']+)/.exec(remark) ?? []
    if (specifier !== undefined) imports.push({ specifier: `./${specifier}`, line })
  }
  const style: StyleFinding[] = []
  visitStyle(program, (at, finding) => style.push({ line: lineOf(at), text: finding }))
  return { imports, comments: remarks, style, code: code + text.slice(end) }
}
