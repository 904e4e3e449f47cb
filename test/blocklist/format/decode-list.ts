/** Chunks read back in memory, whole lists at once; a modem streams them (module/blocklist/store/builder.ts). */
import { badCoding } from '../../../module/blocklist/format/bits.ts'
import type { ChunkHeader } from '../../../module/blocklist/format/chunk.ts'
import { type DecodedChunk, decodeInSteps } from '../../../module/blocklist/format/decode-chunk.ts'
import {
  compareEntries,
  createEntrySetBuilder,
  type EntrySet,
  rangeOf,
} from '../../../module/blocklist/format/entries.ts'
import { addedTwice, wrongBase } from '../../../module/blocklist/store/merge.ts'

/**
 * Decodes one chunk of a snapshot or delta, alone; takes memory for its own entries only.
 * @throws SecureNetError LIST_CHUNK_FORMAT, LIST_CHUNK_CODING, LIST_CHUNK_TOO_LARGE
 */
export function decodeChunk(chunk: Uint8Array): DecodedChunk {
  const steps = decodeInSteps(chunk)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** @throws SecureNetError as decodeChunk, and LIST_CHUNK_CODING where it is not a snapshot's */
export function decodeSnapshotChunk(chunk: Uint8Array): { header: ChunkHeader; entries: EntrySet } {
  const { header, additions } = decodeChunk(chunk)
  if (header.kind !== 'snapshot') throw badCoding('it is not a chunk of a snapshot')
  return { header, entries: additions }
}

/** All chunks of a snapshot, in order. */
export function decodeSnapshot(chunks: readonly Uint8Array[]): EntrySet {
  const set = createEntrySetBuilder()
  let names = 0
  for (const chunk of chunks) {
    const { header, entries } = decodeSnapshotChunk(chunk)
    names = header.names
    for (let i = 0; i < entries.count; i += 1) {
      set.add(entries.hi[i] as number, entries.lo[i] as number, entries.tag[i] as number)
    }
  }
  const built = set.build()
  if (built.count !== names) throw badCoding(`${built.count} entries where ${names} were announced`)
  return built
}

/**
 * All chunks of a delta on a set.
 * @throws SecureNetError LIST_DELTA_BASE where the delta starts from another set
 */
export function applyDelta(base: EntrySet, chunks: readonly Uint8Array[]): EntrySet {
  const result = createEntrySetBuilder(base.count)
  for (const chunk of chunks) {
    const { header, additions, removals } = decodeChunk(chunk)
    const [first, end] = rangeOf(base, header.prefixBits, header.index)
    if (header.kind !== 'delta' || header.baseNames !== base.count) throw wrongBase(header, base.count)
    if (removals.length > 0 && (removals.at(-1) as number) >= end - first) throw wrongBase(header, base.count)
    let next = 0
    if (meet(additions, base, first, end)) throw addedTwice(header)
    for (let i = first; i < end; i += 1) {
      if (removals[next] === i - first) next += 1
      else result.add(base.hi[i] as number, base.lo[i] as number, base.tag[i] as number)
    }
    for (let i = 0; i < additions.count; i += 1) {
      result.add(additions.hi[i] as number, additions.lo[i] as number, additions.tag[i] as number)
    }
  }
  return result.build()
}

/** Whether any of the additions is among the base's entries [first, end). */
function meet(additions: EntrySet, base: EntrySet, first: number, end: number): boolean {
  let i = first
  for (let j = 0; j < additions.count && i < end; j += 1) {
    while (i < end && compareEntries(base, i, additions, j) < 0) i += 1
    if (i < end && compareEntries(base, i, additions, j) === 0) return true
  }
  return false
}
