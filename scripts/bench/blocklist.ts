import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEntrySetBuilder, type EntrySet, resultOf } from '../../module/blocklist/format/entries.ts'
import type { Digest } from '../../module/blocklist/format/head.ts'
import { createNameHash, parseKey } from '../../module/blocklist/format/name-hash.ts'
import { createMatcher } from '../../module/blocklist/matcher.ts'
import { createStoreBuilder } from '../../module/blocklist/store/builder.ts'
import { openStore, removeStore, type Store, verifyFile } from '../../module/blocklist/store/store.ts'
import { encodeDelta, encodeSnapshot } from '../operator/list/encode.ts'

/** One row of figures; times in the unit that the name says. */
export interface BlocklistFigures {
  names: number
  snapshotBytes: number
  snapshotChunks: number
  snapshotBytesPerName: number
  encodeMs: number
  buildMs: number
  storeBytes: number
  storeBytesPerName: number
  verifyMs: number
  openMs: number
  verdictListedUs: number
  verdictNotListedUs: number
  longestPauseMs: number
  /** Of 1,000 added and 1,000 removed. */
  deltaBytes: number
  deltaMs: number
  wrongVerdicts: number
}

const KEY = '00112233445566778899aabbccddeeff'.slice(0, 16)
const CHANGES = 1_000
const ASKED = 200_000
/** Of 100 entries: a mix of categories as lists have it, all of tree scope. */
const MIX = [55, 83, 88, 91, 99, 100]

/** A number that looks random, the same for the same i (the finalizer of MurmurHash3). */
function mixed(i: number): number {
  const a = Math.imul(i ^ (i >>> 16), 0x85ebca6b)
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return (b ^ (b >>> 16)) >>> 0
}

/** Name number i as wire: `x<i>y.<one of 4 TLDs>`, with `www.` before it or not. */
function wireName(i: number, prefix: string): Buffer {
  const labels = [...(i % 2 ? ['www'] : []), `${prefix}${mixed(i)}`, ['com', 'net', 'be', 'info'][i & 3]!]
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.of(0),
  ])
}

function entriesOf(count: number, skip = 0): EntrySet {
  const hash = createNameHash(parseKey(KEY))
  const set = createEntrySetBuilder(count)
  for (let i = skip; i < skip + count; i += 1) {
    const labels = hash.suffixes(wireName(i, 'x'), 0)
    const percent = mixed(i) % 100
    set.add(
      hash.hi[labels - 1]!,
      hash.lo[labels - 1]!,
      MIX.findIndex((most) => percent < most),
    )
  }
  return set.build()
}

/** @returns the function's result, the ms that it took and the longest time that the event loop stood still */
async function timed<T>(run: () => T | Promise<T>): Promise<{ value: T; ms: number; pauseMs: number }> {
  const start = performance.now()
  let last = start
  let pauseMs = 0
  const tick = setInterval(() => {
    const now = performance.now()
    pauseMs = Math.max(pauseMs, now - last)
    last = now
  }, 1)
  try {
    const value = await run()
    return { value, ms: performance.now() - start, pauseMs }
  } finally {
    clearInterval(tick)
  }
}

async function build(path: string, chunks: readonly Buffer[], result: Digest, version: number, base?: Store) {
  removeStore(path)
  const release = { version, key: KEY, result }
  const builder = createStoreBuilder({
    path,
    list: 'bench',
    release,
    chunks: chunks.length,
    ...(base ? { base } : {}),
  })
  for (const chunk of chunks) await builder.append(chunk)
  return builder.finish()
}

function verdicts(store: Store, names: readonly Buffer[], expected: boolean): { us: number; wrong: number } {
  const matcher = createMatcher({ store, allow: [], core: ['core.example'] })
  for (const name of names) matcher.verdict(name, 0)
  let listed = 0
  const start = performance.now()
  for (const name of names) if (matcher.verdict(name, 0) !== 0) listed += 1
  const us = ((performance.now() - start) * 1000) / names.length
  return { us, wrong: expected ? names.length - listed : listed }
}

/** Measures one size of list in a directory of its own, which is removed. */
export async function benchBlocklist(names: number): Promise<BlocklistFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'securenet-bench-'))
  try {
    const set = entriesOf(names)
    const encoded = await timed(() => encodeSnapshot(set, { list: 'bench', version: 1, key: KEY }))
    const path = join(directory, '1.mdb')
    const result = resultOf(set)
    const built = await timed(() => build(path, encoded.value, result, 1))
    const verified = await timed(() => verifyFile(path, built.value.digest))
    const opened = await timed(() => openStore(path))
    const store = opened.value
    const next = entriesOf(names, CHANGES)
    const delta = encodeDelta(set, next, { list: 'bench', version: 2, from: 1, key: KEY })
    const nextResult = resultOf(next)
    const applied = await timed(() => build(join(directory, '2.mdb'), delta, nextResult, 2, store))
    const asked = Math.min(names, ASKED)
    const step = Math.floor(names / asked)
    const listed = verdicts(
      store,
      Array.from({ length: asked }, (_, i) => wireName(i * step, 'x')),
      true,
    )
    const notListed = verdicts(
      store,
      Array.from({ length: asked }, (_, i) => wireName(i, 'not')),
      false,
    )
    await store.close()
    const snapshotBytes = sizeOf(encoded.value)
    return {
      names,
      snapshotBytes,
      snapshotChunks: encoded.value.length,
      snapshotBytesPerName: snapshotBytes / names,
      encodeMs: encoded.ms,
      buildMs: built.ms,
      storeBytes: built.value.bytes,
      storeBytesPerName: built.value.bytes / names,
      verifyMs: verified.ms,
      openMs: opened.ms,
      verdictListedUs: listed.us,
      verdictNotListedUs: notListed.us,
      longestPauseMs: Math.max(built.pauseMs, applied.pauseMs),
      deltaBytes: sizeOf(delta),
      deltaMs: applied.ms,
      wrongVerdicts: listed.wrong + notListed.wrong + (verified.value ? 0 : 1),
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}

/** One JSON line a size. */
export async function main(sizes: readonly number[]): Promise<void> {
  for (const names of sizes) {
    const figures = await benchBlocklist(names)
    process.stdout.write(
      `${JSON.stringify(figures, (_, value) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value))}\n`,
    )
  }
}
