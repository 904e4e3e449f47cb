import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { layout } from './check/layout.ts'
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

const checks: readonly Check[] = [
  own('walls', () => checkWalls(layout, readSources('.'))),
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
