import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ranksBelow } from '../format/head.ts'
import { blameOf } from '../format/list-fault.ts'
import { clearTries, countTry } from '../store/crash-count.ts'
import { storageError } from '../store/storage-error.ts'
import { openStore, removeStore, removeStoreAside, type Store, verifyFile } from '../store/store.ts'
import { freshState, type ListFile, type UpdateState } from './state.ts'
import { listStateFile, STATE_FILES, write } from './state-keeper.ts'

const builtFile = /^(\d+)-\d+\.mdb$/
/** The state at the moment when a file began to serve. */
const SEAL = '-state'
/** What LMDB, the builder and the updater lay beside a file. */
const companion = /-(lock|tries|room|state|state\.tmp)$/

/** Whether a file that the state does not name stays. */
export type KeepFile = (file: string) => boolean

/** What an interrupted update left may be of use after a start: a newer version, half built. */
export function keepNewer(state: UpdateState): KeepFile {
  const failed = new Set(state.failed)
  return (name) => {
    const version = Number(builtFile.exec(name)?.[1] ?? Number.NaN)
    return version > (state.current?.version ?? -1) && !failed.has(version)
  }
}

function ranksAbove(a: UpdateState, b: UpdateState): boolean {
  const versionOf = ({ current }: UpdateState) => current?.version ?? 0
  return ranksBelow(b, a) || (!ranksBelow(a, b) && versionOf(a) > versionOf(b))
}

const ownerOf = (name: string) => name.replace(companion, '')

function straysAmong(names: readonly string[], state: UpdateState, keep: KeepFile): string[] {
  // The state may be on its way to the medium at this very moment.
  const named = new Set(STATE_FILES.flatMap((name) => [name, `${name}.tmp`]))
  for (const entry of [state.current, state.previous]) if (entry) named.add(entry.file)
  return names.filter((name) => !named.has(ownerOf(name)) && !keep(ownerOf(name)))
}

/** `damaged`: it is not what was written. `blocked`: it is whole and cannot be mapped, for the lock folder is full or may not be written. */
export type Opened = Store | 'damaged' | 'blocked'

/** The folder of a list: the state, the files it names, and at most one half-built file. */
export class ListFolder {
  readonly path: string
  /** Where LMDB's lock files go: a tmpfs, so that a full disk cannot hinder. */
  readonly locks: string

  constructor(path: string, locks = path) {
    this.path = path
    this.locks = locks
  }

  /** @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO */
  create(): void {
    try {
      for (const folder of [this.path, this.locks]) {
        const found = statSync(folder, { throwIfNoEntry: false })
        if (found && !found.isDirectory()) rmSync(folder)
        mkdirSync(folder, { recursive: true })
      }
    } catch (error) {
      throw storageError(error, this.path)
    }
  }

  /**
   * Maps a file, once its octets are known to be what was written.
   * @param onRefusal told what the medium refused
   */
  open({ file, digest }: ListFile, onRefusal: (error: unknown) => void): Opened {
    const path = join(this.path, file)
    if (!verifyFile(path, digest)) return 'damaged'
    // On a full disk it is opened without: a try that cannot be counted is no reason not to serve.
    const attempt = (act: () => void) => {
      try {
        act()
      } catch (error) {
        onRefusal(storageError(error, path))
      }
    }
    attempt(() => countTry(path))
    if (!existsSync(path)) return 'damaged'
    try {
      const store = openStore(path, this.locks)
      attempt(() => clearTries(path))
      return store
    } catch (error) {
      attempt(() => clearTries(path))
      if (blameOf(error) === 'file') return 'damaged'
      onRefusal(error)
      return 'blocked'
    }
  }

  /** Removes every file that is neither the state, nor named by it, nor kept by `keep`; before anybody is served. */
  sweep(state: UpdateState, keep: KeepFile): void {
    for (const name of straysAmong(readdirSync(this.path), state, keep)) {
      removeStore(join(this.path, ownerOf(name)), this.locks)
      rmSync(join(this.path, name), { recursive: true, force: true })
    }
  }

  /**
   * As sweep, off this thread: queries do not wait for a file system that removes a large file.
   * @throws SecureNetError LIST_STORE_IO
   */
  async tidy(state: UpdateState, keep: KeepFile): Promise<void> {
    try {
      for (const name of straysAmong(await readdir(this.path), state, keep)) {
        await removeStoreAside(join(this.path, ownerOf(name)), this.locks)
        await rm(join(this.path, name), { recursive: true, force: true })
      }
    } catch (error) {
      throw storageError(error, this.path)
    }
  }

  remove({ file }: ListFile): void {
    removeStore(join(this.path, file), this.locks)
    rmSync(join(this.path, `${file}${SEAL}`), { force: true })
  }

  /**
   * Writes the state that is about to be beside the file that it is about, for the day when both state files are lost.
   * Flushes the folder: the file's own name is lasting after this.
   * @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO
   */
  async seal(file: string, state: UpdateState): Promise<void> {
    await write(listStateFile(this.path, `${file}${SEAL}`), state)
  }

  /** @returns the state when the newest file began to serve, as far as it is true still; null where there is none */
  sealed(): UpdateState | null {
    const states = readdirSync(this.path).flatMap((name) => {
      if (!name.endsWith(`.mdb${SEAL}`)) return []
      try {
        const { value } = listStateFile(this.path, name).readSync()
        return value?.current && `${value.current.file}${SEAL}` === name ? [value] : []
      } catch {
        return []
      }
    })
    const newest = states.reduce<UpdateState | null>(
      (best, state) => (best && ranksAbove(best, state) ? best : state),
      null,
    )
    // Its end took the former file away.
    const isOver = !newest?.previous || !existsSync(join(this.path, newest.previous.file))
    return newest && isOver ? { ...newest, previous: null, probation: null } : newest
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
    for (const name of STATE_FILES) rmSync(join(this.path, `${name}.tmp`), { force: true })
  }
}
