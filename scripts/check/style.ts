import { type Expression, type Program, type VariableDeclarator, Visitor } from 'oxc-parser'

/** One style, where the linter has no rule for it (docs/glossary.md, One style). */
export interface StyleFinding {
  readonly line: number
  readonly text: string
}

type Found = (at: number, text: string) => void

const isUpper = (name: string) => name === name.toUpperCase()

/** A number, a text, or arithmetic on such. */
function isPrimitive(node: Expression | null): boolean {
  switch (node?.type) {
    case 'Literal':
      return typeof node.value === 'number' || typeof node.value === 'string'
    case 'TemplateLiteral':
      return node.expressions.length === 0
    case 'UnaryExpression':
      return isPrimitive(node.argument)
    case 'BinaryExpression':
      return node.left.type !== 'PrivateIdentifier' && isPrimitive(node.left) && isPrimitive(node.right)
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
      return isPrimitive(node.expression)
    default:
      return false
  }
}

function checkConstant({ id, init }: VariableDeclarator, found: Found): void {
  if (id.type === 'Identifier' && !isUpper(id.name) && isPrimitive(init))
    found(id.start, `${id.name}: a constant number or text of a file is in UPPER_CASE`)
}

export function visitStyle(program: Program, found: Found): void {
  for (const statement of program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const')
      for (const one of declaration.declarations) checkConstant(one, found)
  }
  const seen = new Set<string>()
  new Visitor({
    TSAsExpression: ({ start, expression, typeAnnotation: { type } }) => {
      if (expression.type !== 'MemberExpression' || !expression.computed) return
      if (type === 'TSNumberKeyword' || type === 'TSStringKeyword')
        found(start, 'x[i]!, not x[i] as its type')
    },
    Identifier: ({ start, name }) => {
      if (seen.has(name) || !/^(most|least)[A-Z]|^(MOST|LEAST)_|_(MOST|LEAST)$/.test(name)) return
      seen.add(name)
      found(start, `${name}: limits are named max and min`)
    },
  }).visit(program)
}
