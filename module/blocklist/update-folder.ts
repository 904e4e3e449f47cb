import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, removeStore, type Store, verifyFile } from './store.ts'
import type { ListFile, UpdateState } from './update-state.ts'

const builtFile = /^(\d+)-\d+\.mdb(?:-lock)?$/

/** The folder of a list: the state, the files it names, and at most one half-built file. */
export class ListFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get statePath(): string {
    return join(this.path, 'state.json')
  }

  create(): void {
    mkdirSync(this.path, { recursive: true })
  }

  /** @returns the file's store, once its octets are known to be what was written; else null */
  open(entry: ListFile | null): Store | null {
    if (!entry) return null
    const path = join(this.path, entry.file)
    if (!verifyFile(path, entry.digest)) return null
    try {
      return openStore(path)
    } catch {
      return null
    }
  }

  /** Removes every file that is neither the state, nor named by it, nor kept by `keep`. */
  sweep(state: UpdateState, keep: (file: string) => boolean): void {
    const named = new Set(['state.json'])
    for (const entry of [state.current, state.previous])
      if (entry) named.add(entry.file).add(`${entry.file}-lock`)
    for (const name of readdirSync(this.path))
      if (!named.has(name) && !keep(name.replace(/-lock$/, '')))
        rmSync(join(this.path, name), { recursive: true, force: true })
  }

  /** After a start, what an interrupted update left may be of use: a newer version, half built. */
  sweepAtStart(state: UpdateState): void {
    const failed = new Set(state.failed)
    this.sweep(state, (name) => {
      const version = Number(builtFile.exec(name)?.[1] ?? Number.NaN)
      return version > (state.current?.version ?? -1) && !failed.has(version)
    })
  }

  remove({ file }: ListFile): void {
    removeStore(join(this.path, file))
  }

  has(file: string): boolean {
    return statSync(join(this.path, file), { throwIfNoEntry: false }) !== undefined
  }

  /** Octets of the files that the state names. */
  used(state: UpdateState): number {
    let bytes = 0
    for (const entry of [state.current, state.previous])
      if (entry) bytes += statSync(join(this.path, entry.file), { throwIfNoEntry: false })?.size ?? 0
    return bytes
  }

  wipe(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
