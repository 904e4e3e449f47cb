import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { architectureSvg } from './check/architecture-svg.ts'
import { layout } from './check/layout.ts'
import { readProject } from './check/read-project.ts'
import { deadInComments, deadInPages } from './check/references.ts'
import { readSources } from './check/source-files.ts'
import { checkWalls } from './check/walls.ts'

const bin = (name: string) => join('node_modules', '.bin', name)

interface Check {
  readonly name: string
  /** Prints its own findings. @returns whether there are none */
  run(): boolean
}

function tool(name: string, command: string, args: readonly string[] = []): Check {
  return { name, run: () => spawnSync(bin(command), args, { stdio: 'inherit' }).status === 0 }
}

function own(name: string, find: () => readonly string[]): Check {
  const run = () => {
    const findings = find()
    for (const finding of findings) console.log(finding)
    return findings.length === 0
  }
  return { name, run }
}

function architecture(): string[] {
  const committed = readFileSync('docs/architecture.svg', 'utf8')
  return committed === architectureSvg(layout, sources)
    ? []
    : [
        'docs/architecture.svg: not what the imports are: `node scripts/run.mjs draw-architecture` draws it again',
      ]
}

function references(): string[] {
  const { project, pages } = readProject('.', sources)
  return [...deadInComments(project, sources), ...deadInPages(project, pages)]
}

/** Not yet in this style. */
const NOT_YET = /^(module\/(upstream|blocklist|daemon|base)|scripts\/operator|test)\//

function style(): string[] {
  return sources
    .filter(({ path }) => !NOT_YET.test(path))
    .flatMap(({ path, style }) => style.map(({ line, text }) => `${path}:${line}: ${text}`))
}

const sources = readSources('.')
const checks: readonly Check[] = [
  own('walls', () => checkWalls(layout, sources)),
  own('architecture', architecture),
  own('references', references),
  own('style', style),
  tool('types', 'tsc'),
  tool('lint and format', 'biome', ['check', '--error-on-warnings', '--max-diagnostics=50', '.']),
  tool('dead code', 'knip'),
]

let failed = 0
for (const { name, run } of checks) {
  const started = performance.now()
  const passed = run()
  if (!passed) failed++
  console.log(`${passed ? 'ok' : 'FAILED'}  ${name}  ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
process.exitCode = failed === 0 ? 0 : 1
