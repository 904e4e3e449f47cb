/** Writes what was seen into docs/what-shows.md, between its marks. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Mode } from './browser-in-lan.ts'
import type { Parts, Sight } from './browser-ways.ts'

export interface Tried {
  mode: Mode
  warm: boolean
  sights: Map<string, Sight>
  parts: Map<string, Parts>
}

const file = 'docs/what-shows.md'
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const cell = ({ shows, ms }: Sight) =>
  `${shows} (${ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`})`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

function opened(tried: readonly Tried[]): string {
  const titles = [...(tried[0]?.sights.keys() ?? [])]
  const head = ['HTTPS-First', 'Profile', ...titles]
  return table(
    head,
    tried.map(({ mode, warm, sights }) => [
      mode,
      warm ? 'warm' : 'cold',
      ...titles.map((title) => cell(sights.get(title)!)),
    ]),
  )
}

function inPages(tried: readonly Tried[]): string {
  const rows = tried.flatMap(({ mode, parts }) =>
    [...parts].map(([where, { sights, permission }]) => [
      mode,
      where,
      ...[...sights.values()].map(cell),
      permission,
    ]),
  )
  return table(
    ['HTTPS-First', 'Part, in page', 'img', 'script', 'iframe', 'fetch', 'WebSocket', 'Permission'],
    rows,
  )
}

export function writeTable(tried: readonly Tried[], version: string): void {
  const today = new Date().toISOString().slice(0, 10)
  const text = `Measured ${today}, Chromium ${version}, in the namespaces of \`test/system\`.

### Opened

${opened(tried)}

### As a part of another site's page

${inPages(tried)}`
  const doc = readFileSync(file, 'utf8')
  const filled = doc.replace(
    /(<!-- measured -->\n)[\s\S]*?(<!-- \/measured -->)/,
    (_, open: string, close: string) => `${open}${text}\n${close}`,
  )
  writeFileSync(file, filled)
}
