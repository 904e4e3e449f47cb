import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type BatchAddon, loadBatchAddon } from '../../module/platform/batch/addon.ts'
import { compileBatch } from '../../scripts/compile-batch.mjs'

/** Compiled for the file that imports this. Null where there is no compiler: that is said. */
export function compiledAddon(): BatchAddon | null {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-addon-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'batch.node')
  const missing = compileBatch(process.arch, file, { root: join(import.meta.dirname, '..', '..') })
  const say = (why: string) => console.log(`skipped: datagrams in batches, ${why}; apt-get install gcc`)
  if (missing === null) return loadBatchAddon(file, say)
  say(missing)
  return null
}

/** Both ways that datagrams go, for `describe.each`; the second is left out where it cannot be tried. */
export function udpWays(): readonly (readonly [string, BatchAddon | null])[] {
  const addon = compiledAddon()
  return [['one by one', null], ...(addon ? [['in batches', addon] as const] : [])]
}
