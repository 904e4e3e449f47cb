import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEntrySetBuilder, type EntrySet } from '../../module/blocklist/format/entries.ts'
import type { Head, Release } from '../../module/blocklist/format/head.ts'
import { type EarlierVersion, makeRelease } from '../operator/list/release.ts'

const keys = ['00112233445566ff', 'ffeeddccbbaa9988'] as const
const CHANGES = 1000

/** Uniform entries, of five categories in the shares that lists have. */
function entriesOf(count: number, skip = 0): EntrySet {
  const set = createEntrySetBuilder(count)
  for (let i = skip; i < skip + count; i += 1) set.add(mixed(i * 2 + 1), mixed(i * 2 + 0x51ed270b), tagAt(i))
  return set.build()
}

/** MurmurHash3's finish: a bijection of 32 bits. */
function mixed(i: number): number {
  const a = Math.imul(i ^ (i >>> 16), 0x85ebca6b)
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return (b ^ (b >>> 16)) >>> 0
}

const tagAt = (i: number) => [0, 0, 0, 0, 0, 1, 1, 1, 2, 4][i % 10]!

export interface Published {
  /** Chunks, each in a file named after its topic, and the heads. */
  folder: string
  heads: { first: string; delta: string; snapshot: string }
  snapshotBytes: number
  deltaBytes: number
}

/** Three versions: a snapshot, a delta of 1,000 + 1,000 on it, and a snapshot under another key. */
export async function publishVersions(folder: string, names: number): Promise<Published> {
  mkdirSync(folder, { recursive: true })
  let earlier: EarlierVersion[] = []
  const version = async (number: number, key: string, set: EntrySet): Promise<Release> => {
    const { release, chunks } = await makeRelease({ list: 'bench', version: number, key, set, earlier })
    for (const [topic, chunk] of chunks) writeFileSync(join(folder, encodeURIComponent(topic)), chunk)
    earlier = [{ release, readSet: async () => set }]
    writeFileSync(join(folder, `head-${number}.json`), JSON.stringify(headOf(release)))
    return release
  }
  await version(1, keys[0], entriesOf(names))
  const { snapshot, deltas } = await version(2, keys[0], entriesOf(names, CHANGES))
  earlier = []
  await version(3, keys[1], entriesOf(names, 7 * CHANGES))
  const head = (number: number) => join(folder, `head-${number}.json`)
  return {
    folder,
    heads: { first: head(1), delta: head(2), snapshot: head(3) },
    snapshotBytes: snapshot.bytes,
    deltaBytes: deltas[0]?.bytes ?? Number.NaN,
  }
}

const headOf = (stable: Release): Head => ({
  list: 'bench',
  sequence: stable.version,
  issuedAt: 1,
  expires: 4_000_000_000,
  spreadSeconds: 0,
  stable,
  allow: [],
})
