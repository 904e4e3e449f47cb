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

/** What a half-built file has no part in: it is gone on with. */
const othersFaults = new Set([
  'LIST_CHUNK_MISSING',
  'LIST_CHUNK_BAD',
  // It counts its own deaths (build-tries.ts).
  'LIST_BUILDER_DIED',
])

/**
 * Whether the half-built file must go: it takes the room, or cannot be trusted. Also for a code that nobody foresaw: gone
 * on with, the same file would bring it again for ever.
 */
export function spoilsFile(code: string): boolean {
  return !othersFaults.has(code)
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
