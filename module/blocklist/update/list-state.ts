import type { UpdateStatus } from './updater.ts'

/** `stale`: it serves, but its head has expired. */
export type ListState = 'none' | 'damaged' | 'stale' | 'verified'

export function listState(status: UpdateStatus | undefined): ListState {
  if (status?.version != null) return status.stale ? 'stale' : 'verified'
  return status?.damaged ? 'damaged' : 'none'
}
