import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const bin = (name: string) => join('node_modules', '.bin', name)

/** Types, lint with format and import directions, dead code: each names its own findings. */
const checks: readonly [string, string, readonly string[]][] = [
  ['types', bin('tsc'), []],
  ['lint and format', bin('biome'), ['check', '--error-on-warnings', '--max-diagnostics=50', '.']],
  ['dead code', bin('knip'), []],
]

let failed = 0
for (const [what, command, args] of checks) {
  const started = performance.now()
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) failed++
  console.log(
    `${status === 0 ? 'ok' : 'FAILED'}  ${what}  ${((performance.now() - started) / 1000).toFixed(1)} s`,
  )
}
process.exitCode = failed === 0 ? 0 : 1
