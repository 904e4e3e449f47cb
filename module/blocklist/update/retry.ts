import { jitteredBackoff } from '../../base/backoff.ts'
import type { Blame } from '../format/list-fault.ts'

/** Whether time may heal it: the network, the broker, the disk. */
export function worthRetrying(blame: Blame | null): boolean {
  return blame !== 'content' && blame !== 'acceptance'
}

const deltaFailuresTolerated = 3

/** Whether a delta gives way to the snapshot: its content is wrong, or it cannot be had. A refused set is the same by any way. */
export function snapshotInstead(blame: Blame | null, failures: number): boolean {
  return blame === 'content' || (blame === 'source' && failures >= deltaFailuresTolerated)
}

/**
 * Whether the half-built file must go: it takes the room, or cannot be trusted. Also for an error that nobody foresaw: gone
 * on with, the same file would bring it again for ever.
 */
export function spoilsFile(blame: Blame | null): boolean {
  return blame !== 'source' && blame !== 'builder'
}

const usual = { firstMs: 5_000, longestMs: 3_600_000 }
const fullDisk = { ...usual, firstMs: 300_000 }

/**
 * @param failures in a row, from 1
 * @param random 0 <= x < 1
 * @returns milliseconds to wait
 */
export function retryDelay(failures: number, blame: Blame | null, random: number): number {
  const range = blame === 'room' ? fullDisk : usual
  return jitteredBackoff(failures, range, random, range.firstMs / 5)
}
