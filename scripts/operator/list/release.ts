import { createHash } from 'node:crypto'
import type { ChunkRef } from '../../../module/blocklist/format/chunk-ref.ts'
import { type EntrySet, resultOf } from '../../../module/blocklist/format/entries.ts'
import type { Chunks, Delta, Release } from '../../../module/blocklist/format/head.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { encodeDelta, encodeSnapshot } from './encode.ts'
import { checkSet } from './entry-rules.ts'

/** A version that modems may have. */
export interface EarlierVersion {
  release: Release
  readSet(): Promise<EntrySet>
}

export interface ReleaseOptions {
  list: string
  version: number
  key: string
  set: EntrySet
  /** Published versions, in any order; those under another key lead nowhere. */
  earlier?: readonly EarlierVersion[]
  /** How far back direct deltas reach, counted in published versions; what lies between takes two steps. */
  direct?: readonly number[]
  /** Deltas that earlier versions brought, named again so that a modem can walk them: at most so many. */
  chain?: number
}

/** A release, and what must be retained before a head names it: topic -> chunk. */
export interface PublishedList {
  release: Release
  chunks: ReadonlyMap<string, Buffer>
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url')

function describe(chunks: readonly Buffer[]): Chunks {
  return { bytes: chunks.reduce((sum, { length }) => sum + length, 0), chunks: chunks.map(sha256) }
}

/**
 * Deltas between earlier versions, newest first, as far as they are worth less than a snapshot.
 * @param lead versions from which a delta leads to the new one; what leads to no such version helps nobody
 */
function chainOf(
  earlier: readonly EarlierVersion[],
  lead: readonly number[],
  atMost: number,
  budget: number,
): Delta[] {
  const chain: Delta[] = []
  const leading = new Set(lead)
  let bytes = 0
  for (const { release } of earlier) {
    if (!leading.has(release.version)) continue
    for (const delta of release.deltas) {
      if (delta.to !== undefined && delta.to !== release.version) continue
      bytes += delta.bytes
      if (chain.length >= atMost || bytes > budget) return chain
      chain.push({ ...delta, to: release.version })
      leading.add(delta.from)
    }
  }
  return chain
}

/**
 * Codes a set as a snapshot and as deltas from the newest versions under the same key.
 * @throws SecureNetError LIST_ENTRY, LIST_NAME, LIST_TOO_LARGE
 */
export async function makeRelease(options: ReleaseOptions): Promise<PublishedList> {
  const { list, version, key, set, earlier = [], direct = [1, 2, 3, 6, 12, 24], chain = 48 } = options
  checkSet(set)
  const published = new Map<string, Buffer>()
  const keep = (ref: Omit<ChunkRef, 'list' | 'version' | 'index'>, chunks: readonly Buffer[]) => {
    for (const [index, chunk] of chunks.entries())
      published.set(chunkTopic({ ...ref, list, version, index }), chunk)
    return describe(chunks)
  }

  const snapshot = keep({ kind: 'snapshot' }, encodeSnapshot(set, { list, version, key }))
  const related = earlier
    .filter(({ release }) => release.key === key && release.version < version)
    .sort((a, b) => b.release.version - a.release.version)
  const deltas: Delta[] = []
  for (const { release, readSet } of related.filter((_, i) => direct.includes(i + 1))) {
    const from = release.version
    const chunks = encodeDelta(await readSet(), set, { list, version, key, from })
    // Whoever would need it takes the snapshot.
    if (chunks.reduce((sum, { length }) => sum + length, 0) >= snapshot.bytes) continue
    deltas.push({ from, ...keep({ kind: 'delta', from }, chunks) })
  }
  const lead = deltas.map(({ from }) => from)
  deltas.push(...chainOf(related, lead, chain, snapshot.bytes))
  const release: Release = { version, key, names: set.count, result: resultOf(set), snapshot, deltas }
  return { release, chunks: published }
}
