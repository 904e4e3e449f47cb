import { mkdirSync } from 'node:fs'
import { open, type RootDatabase } from 'lmdb'
import { registerError } from './register-error.ts'
import type { Entry, Kind, Store, Stored, Write } from './store.ts'

type Key = [Kind, string] | ['entry', number]

/** A folder of its own. Several processes of one machine may have it open; commits of one turn share one flush. */
export class LmdbStore implements Store {
  readonly #db: RootDatabase<unknown, Key>
  readonly #folder: string

  private constructor(folder: string, db: RootDatabase<unknown, Key>) {
    this.#folder = folder
    this.#db = db
  }

  /** @throws OperatorError OPERATOR_REGISTER naming the folder */
  static open(folder: string): LmdbStore {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      // A number must be on disk before a modem hears it: no commit resolves before its flush.
      const db = open<unknown, Key>({
        path: folder,
        noSubdir: false,
        overlappingSync: false,
        encoding: 'json',
      })
      return new LmdbStore(folder, db)
    } catch (error) {
      throw registerError(folder, error)
    }
  }

  async get(kind: Kind, keys: readonly string[]): Promise<(Stored | undefined)[]> {
    return keys.map((key) => this.#db.get([kind, key]) as Stored | undefined)
  }

  async page(kind: Kind, after: string, limit: number): Promise<[string, Stored][]> {
    // One more octet than the key: the first that may follow.
    const range = this.#db.getRange({ start: [kind, after], end: [kind, '\u{10ffff}'], limit: limit + 1 })
    const found: [string, Stored][] = []
    for (const { key, value } of range)
      if (key[1] !== after && found.length < limit) found.push([key[1] as string, value as Stored])
    return found
  }

  async commit(writes: readonly Write[], entries: readonly unknown[] = []): Promise<boolean> {
    try {
      return await this.#db.transaction(() => this.#write(writes, entries))
    } catch (error) {
      throw registerError(this.#folder, error)
    }
  }

  /** Inside a transaction, which is not undone by returning: first all preconditions, then all writes. */
  #write(writes: readonly Write[], entries: readonly unknown[]): boolean {
    const before = writes.map(({ kind, key }) => this.#db.get([kind, key]) as Stored | undefined)
    const isStale = writes.some(
      ({ expected }, i) => expected !== undefined && (before[i]?.version ?? 0) !== expected,
    )
    if (isStale) return false
    for (const [i, { kind, key, value }] of writes.entries())
      if (value === undefined) this.#db.removeSync([kind, key])
      else this.#db.putSync([kind, key], { value, version: (before[i]?.version ?? 0) + 1 })
    let number = this.#lastEntry()
    for (const value of entries) this.#db.putSync(['entry', ++number], value)
    return true
  }

  #lastEntry(): number {
    const range = {
      start: ['entry', Number.MAX_SAFE_INTEGER],
      end: ['entry', 0],
      reverse: true,
      limit: 1,
    } as const
    for (const key of this.#db.getKeys(range as never)) return key[1] as number
    return 0
  }

  async entries(after: number, limit: number): Promise<Entry[]> {
    const range = this.#db.getRange({
      start: ['entry', after + 1],
      end: ['entry', Number.MAX_SAFE_INTEGER],
      limit,
    })
    return [...range].map(({ key, value }) => ({ number: key[1] as number, value }))
  }

  async close(): Promise<void> {
    await this.#db.close()
  }
}
