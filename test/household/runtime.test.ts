import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { modemRuntime, parseRuntime } from '../../scripts/household/runtime.ts'
import { projectRoot } from '../../scripts/household/settings.ts'

it('is read as the shell reads it', () => {
  const { flags, env } = modemRuntime()
  const said = execFileSync('sh', [
    '-c',
    '. "$0"; for word in $NODE_FLAGS -- $NODE_ENVIRONMENT; do echo "$word"; done',
    join(projectRoot, 'rootfs/usr/lib/securenet/runtime.sh'),
  ])
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  expect(said.toString().trim().split('\n')).toEqual([...flags, '--', ...pairs])
})

it('must be complete', () => {
  expect(() => parseRuntime("NODE_FLAGS='--x'\n")).toThrow('NODE_ENVIRONMENT')
})
