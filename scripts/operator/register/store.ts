/** Kinds of records, and what their keys are. */
export const kinds = {
  line: 'lineId',
  order: 'lineId',
  report: 'lineId',
  pack: 'name of the pack',
  document: 'topic',
  act: 'idempotency key',
  outcome: 'act/lineId',
} as const
export type Kind = keyof typeof kinds

/** A record; `version` counts its changes, from 1. */
export interface Stored<T = unknown> {
  value: T
  version: number
}

export interface Write {
  kind: Kind
  key: string
  /** JSON; undefined removes the record. */
  value: unknown
  /** The version that must stand there, 0: none. Left out: whatever stands there. */
  expected?: number
}

/** An entry of the journal. */
export interface Entry {
  /** Ascending, not without gaps. */
  number: number
  value: unknown
}

/**
 * Where the operator's register lies. Everything that two implementations must agree about is in
 * test/operator/register/store.test.ts, which runs against each.
 */
export interface Store {
  /** In the order of `keys`; undefined for what is not there. */
  get(kind: Kind, keys: readonly string[]): Promise<(Stored | undefined)[]>
  /** Records with a key after `after`, ascending by the key's octets, `limit` at most. */
  page(kind: Kind, after: string, limit: number): Promise<[string, Stored][]>
  /**
   * All writes and entries or none; on disk when it resolves.
   * @returns false, with nothing changed, where a version is not the expected one
   */
  commit(writes: readonly Write[], entries?: readonly unknown[]): Promise<boolean>
  /** Entries with a number above `after`, ascending, `limit` at most. */
  entries(after: number, limit: number): Promise<Entry[]>
  close(): Promise<void>
}
