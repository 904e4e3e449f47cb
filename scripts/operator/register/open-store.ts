import { LmdbStore } from './lmdb-store.ts'
import type { Store } from './store.ts'

export const isPostgres = (place: string) => /^postgres(ql)?:\/\//.test(place)

/**
 * @param place a folder, or a postgresql:// address
 * @throws OperatorError OPERATOR_REGISTER
 */
export async function openStore(place: string): Promise<Store> {
  if (!isPostgres(place)) return LmdbStore.open(place)
  const { PostgresStore } = await import('./postgres-store.ts')
  return PostgresStore.open(place)
}
