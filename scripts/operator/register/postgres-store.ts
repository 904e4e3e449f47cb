import type { Pool, PoolClient } from 'pg'
import { OperatorError } from '../exit.ts'
import { registerError } from './register-error.ts'
import type { Entry, Kind, Store, Stored, Write } from './store.ts'

/** COLLATE "C": keys in the order of their octets, whatever the database's language. */
const schema = `
create table if not exists securenet_record (
  kind text not null,
  key text collate "C" not null,
  version bigint not null,
  value jsonb not null,
  primary key (kind, key)
);
create table if not exists securenet_journal (
  number bigint generated always as identity primary key,
  value jsonb not null
);
create or replace function securenet_journal_stays() returns trigger language plpgsql as
  $$ begin raise exception 'the journal is only ever added to'; end $$;
create or replace trigger securenet_journal_stays before update or delete or truncate on securenet_journal
  execute function securenet_journal_stays();
`
/** Two tools that start at once must not make the tables at once. */
const schemaLock = 7_230_871

interface Row {
  key: string
  value: unknown
  version: string
}

const storedOf = ({ value, version }: Row): Stored => ({ value, version: Number(version) })

/** The order in which two commits take their locks is the same, so that neither waits for the other in a circle. */
const byKey = (a: Write, b: Write) => (`${a.kind}/${a.key}` < `${b.kind}/${b.key}` ? -1 : 1)

/** @returns false where another version stands there than is expected */
async function writeOne(client: PoolClient, { kind, key, value, expected }: Write): Promise<boolean> {
  const where = expected === undefined || expected === 0 ? '' : ` and version = ${Number(expected)}`
  if (value === undefined) {
    const { rowCount } = await client.query(
      `delete from securenet_record where kind = $1 and key = $2${where}`,
      [kind, key],
    )
    return expected === undefined || expected === 0
      ? rowCount === 0 || expected === undefined
      : rowCount === 1
  }
  const json = JSON.stringify(value)
  const insert = 'insert into securenet_record (kind, key, version, value) values ($1, $2, 1, $3)'
  const text =
    expected === undefined
      ? `${insert} on conflict (kind, key) do update set value = $3, version = securenet_record.version + 1`
      : expected === 0
        ? `${insert} on conflict (kind, key) do nothing`
        : `update securenet_record set value = $3, version = version + 1 where kind = $1 and key = $2${where}`
  const { rowCount } = await client.query(text, [kind, key, json])
  return rowCount === 1
}

/** For several operators on several machines: PostgreSQL 14 or newer. */
export class PostgresStore implements Store {
  readonly #pool: Pool
  readonly #address: string

  private constructor(address: string, pool: Pool) {
    this.#address = address
    this.#pool = pool
  }

  /**
   * Makes the tables where they are missing.
   * @param address postgresql://user@host/database, or with ?host=/folder of a Unix socket
   * @throws OperatorError OPERATOR_REGISTER naming the address
   */
  static async open(address: string): Promise<PostgresStore> {
    // Only where it is wanted: the embedded register needs no PostgreSQL client.
    const { Pool } = (await import('pg')).default
    const pool = new Pool({ connectionString: address, max: 8, connectionTimeoutMillis: 10_000 })
    // An idle connection that breaks is replaced at the next query, which tells if it cannot be.
    pool.on('error', () => undefined)
    const store = new PostgresStore(address, pool)
    try {
      await store.#transaction(async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [schemaLock])
        const { rows } = await client.query("select to_regclass('securenet_journal') is not null as made")
        if (rows[0]?.made !== true) await client.query(schema)
        return true
      })
    } catch (error) {
      await pool.end()
      throw error
    }
    return store
  }

  async get(kind: Kind, keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const rows = await this.#query<Row>(
      'select key, version, value from securenet_record where kind = $1 and key = any($2)',
      [kind, keys],
    )
    const found = new Map(rows.map((row) => [row.key, storedOf(row)]))
    return keys.map((key) => found.get(key))
  }

  async page(kind: Kind, after: string, limit: number): Promise<[string, Stored][]> {
    const rows = await this.#query<Row>(
      'select key, version, value from securenet_record where kind = $1 and key > $2 order by key limit $3',
      [kind, after, limit],
    )
    return rows.map((row) => [row.key, storedOf(row)])
  }

  commit(writes: readonly Write[], entries: readonly unknown[] = []): Promise<boolean> {
    return this.#transaction(async (client) => {
      for (const write of [...writes].sort(byKey)) if (!(await writeOne(client, write))) return false
      if (entries.length > 0)
        await client.query(
          'insert into securenet_journal (value) select value::jsonb from unnest($1::text[]) as given(value)',
          [entries.map((entry) => JSON.stringify(entry))],
        )
      return true
    })
  }

  async entries(after: number, limit: number): Promise<Entry[]> {
    const rows = await this.#query<{ number: string; value: unknown }>(
      'select number, value from securenet_journal where number > $1 order by number limit $2',
      [after, limit],
    )
    return rows.map(({ number, value }) => ({ number: Number(number), value }))
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #query<T extends object>(text: string, values: unknown[]): Promise<T[]> {
    try {
      return (await this.#pool.query(text, values)).rows as T[]
    } catch (error) {
      throw registerError(this.#address, error)
    }
  }

  /** Rolled back where `act` gives false or throws. */
  async #transaction(act: (client: PoolClient) => Promise<boolean>): Promise<boolean> {
    let client: PoolClient | undefined
    try {
      client = await this.#pool.connect()
      await client.query('begin')
      const isDone = await act(client)
      await client.query(isDone ? 'commit' : 'rollback')
      client.release()
      return isDone
    } catch (error) {
      // With the connection its transaction ends.
      client?.release(true)
      throw error instanceof OperatorError ? error : registerError(this.#address, error)
    }
  }
}
