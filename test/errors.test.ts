import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const sources = readdirSync(join(root, 'module'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
)

const textsBelow = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, folder, path), 'utf8'))

/** Codes as they are thrown or reported: capitals with an underscore, in quotes. */
function codesInSources(): Set<string> {
  const codes = new Set<string>()
  for (const path of sources) {
    const text = readFileSync(join(root, 'module', path), 'utf8')
    for (const [, code = ''] of text.matchAll(/'([A-Z]{2,}(?:_[A-Z0-9]+)+)'/g)) codes.add(code)
  }
  return codes
}

/** Node's and its parser's own; an environment variable. */
const foreign = /^(ERR_|HPE_|NO_COLOR$)/

it('every code of the module has its row in docs/errors.md, and no row is without a code', () => {
  const documented = new Set(
    [...readFileSync(join(root, 'docs', 'errors.md'), 'utf8').matchAll(/^\| `(\w+)`/gm)].map(
      ([, code]) => code,
    ),
  )
  const used = [...codesInSources()].filter((code) => !foreign.test(code))
  expect(used.filter((code) => !documented.has(code))).toEqual([])
  // The operator's tool has rows of its own there.
  const inText = ['module', 'scripts/operator'].flatMap(textsBelow).join('\n')
  expect([...documented].filter((code) => !inText.includes(`${code}`))).toEqual([])
})
