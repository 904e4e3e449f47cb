import type { UpdateStatus } from './update/updater.ts'

/** `stale`: it serves, but its head has expired. */
export type ListState = 'none' | 'damaged' | 'stale' | 'verified'

export function listState(status: UpdateStatus | undefined): ListState {
  if (status?.version != null) return status.stale ? 'stale' : 'verified'
  return status?.damaged ? 'damaged' : 'none'
}
