import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const sources = readdirSync(join(root, 'module'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.ts'),
)

/** Codes as they are thrown or reported: capitals with an underscore, in quotes. */
function codesInSources(): Set<string> {
  const codes = new Set<string>()
  for (const path of sources) {
    const text = readFileSync(join(root, 'module', path), 'utf8')
    for (const [, code = ''] of text.matchAll(/'([A-Z]{2,}(?:_[A-Z0-9]+)+)'/g)) codes.add(code)
  }
  return codes
}

/** Node's and its parser's own. */
const foreign = /^(ERR_|HPE_)/

it('every code of the module has its row in docs/errors.md, and no row is without a code', () => {
  const documented = new Set(
    [...readFileSync(join(root, 'docs', 'errors.md'), 'utf8').matchAll(/^\| `(\w+)`/gm)].map(
      ([, code]) => code,
    ),
  )
  const used = [...codesInSources()].filter((code) => !foreign.test(code))
  expect(used.filter((code) => !documented.has(code))).toEqual([])
  const inText = sources.map((path) => readFileSync(join(root, 'module', path), 'utf8')).join('\n')
  expect([...documented].filter((code) => !inText.includes(`${code}`))).toEqual([])
})
