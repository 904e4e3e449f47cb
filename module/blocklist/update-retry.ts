/** What the content itself is to blame for: the same bytes would fail again. */
const contentFaults = new Set([
  'LIST_RESULT_MISMATCH',
  'LIST_DELTA_BASE',
  'LIST_CHUNK_CODING',
  'LIST_CHUNK_FORMAT',
  'LIST_CHUNK_MISPLACED',
  'LIST_CHUNK_TOO_LARGE',
  'LIST_HEAD_WRONG',
  'LIST_GATE_FAILED',
])

/** Whether time may heal it: the network, the broker, the disk. */
export function worthRetrying(code: string): boolean {
  return !contentFaults.has(code)
}

const deltaFailuresTolerated = 3

/** Whether a delta gives way to the snapshot: its content is wrong, or it cannot be had. A failed gate is the set's. */
export function snapshotInstead(code: string, failures: number): boolean {
  if (code === 'LIST_GATE_FAILED') return false
  if (contentFaults.has(code)) return true
  return /^LIST_CHUNK_(BAD|MISSING)$/.test(code) && failures >= deltaFailuresTolerated
}

/** Whether the half-built file must go: it takes the room, or cannot be trusted. */
export function spoilsFile(code: string): boolean {
  return (
    /^LIST_(DISK_FULL|QUOTA|STORE_IO|STORE_FORMAT|DELTA_BASE|CHUNK_CODING|CHUNK_MISPLACED)$/.test(code) ||
    code === 'EIO'
  )
}

const firstMs = 5_000
const mostMs = 3_600_000
const fullDiskMs = 300_000

/**
 * Exponential back-off with full jitter, so that modems that failed together do not come back together.
 * @param failures in a row, from 1
 * @param random 0 <= x < 1
 */
export function retryDelay(failures: number, code: string, random: number): number {
  const least = /^LIST_(DISK_FULL|QUOTA)$/.test(code) ? fullDiskMs : firstMs
  const ceiling = Math.min(mostMs, least * 2 ** Math.min(failures - 1, 20))
  return Math.round(least / 5 + random * (ceiling - least / 5))
}
