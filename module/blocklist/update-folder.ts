import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, removeStore, type Store, verifyFile } from './store.ts'
import { freshState, type ListFile, type UpdateState } from './update-state.ts'

const builtFile = /^(\d+)-\d+\.mdb$/
/** What LMDB and the builder lay beside a file. */
const companion = /-(lock|tries|room)$/

/** The folder of a list: the state, the files it names, and at most one half-built file. */
export class ListFolder {
  readonly path: string
  /** Where LMDB's lock files go: a tmpfs, so that a full disk cannot hinder. */
  readonly locks: string

  constructor(path: string, locks = path) {
    this.path = path
    this.locks = locks
  }

  get statePath(): string {
    return join(this.path, 'state.json')
  }

  create(): void {
    mkdirSync(this.path, { recursive: true })
    mkdirSync(this.locks, { recursive: true })
  }

  /** @returns the file's store, once its octets are known to be what was written; else null */
  open(entry: ListFile | null): Store | null {
    if (!entry) return null
    const path = join(this.path, entry.file)
    if (!verifyFile(path, entry.digest)) return null
    try {
      return openStore(path, this.locks)
    } catch {
      return null
    }
  }

  /** Removes every file that is neither the state, nor named by it, nor kept by `keep`. */
  sweep(state: UpdateState, keep: (file: string) => boolean): void {
    // The state may be on its way to the medium at this very moment.
    const named = new Set(['state.json', 'state.json.tmp'])
    for (const entry of [state.current, state.previous]) if (entry) named.add(entry.file)
    for (const name of readdirSync(this.path)) {
      const owner = name.replace(companion, '')
      if (named.has(owner) || keep(owner)) continue
      removeStore(join(this.path, owner), this.locks)
      rmSync(join(this.path, name), { recursive: true, force: true })
    }
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
    removeStore(join(this.path, file), this.locks)
  }

  /** Octets of the files that the state names. */
  used(state: UpdateState): number {
    let bytes = 0
    for (const entry of [state.current, state.previous])
      if (entry) bytes += statSync(join(this.path, entry.file), { throwIfNoEntry: false })?.size ?? 0
    return bytes
  }

  /** Everything but the state, which nobody may be writing now. */
  wipe(): void {
    this.create()
    this.sweep(freshState, () => false)
    rmSync(`${this.statePath}.tmp`, { force: true })
  }
}
