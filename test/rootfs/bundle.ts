import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const project = join(import.meta.dirname, '..', '..')

export interface Bundle {
  folder: string
  /** securenet.cjs, as build.mjs makes it. */
  file: string
  remove(): void
}

/** The module as it is shipped, in a folder of the test's own. */
export function buildBundle(...options: string[]): Bundle {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-bundle-'))
  execFileSync(process.execPath, [join(project, 'build.mjs'), '--out', folder, ...options], { stdio: 'pipe' })
  return {
    folder,
    file: join(folder, 'securenet.cjs'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
