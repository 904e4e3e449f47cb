import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'

import { SecureNetError } from '../../../module/base/error.ts'
import type { ChunkRef } from '../../../module/blocklist/format/chunk-ref.ts'
import type { EntrySet } from '../../../module/blocklist/format/entries.ts'
import type { Head, Release } from '../../../module/blocklist/format/head.ts'
import { createMatcher } from '../../../module/blocklist/matcher.ts'
import type { Store } from '../../../module/blocklist/store/store.ts'
import { createAcceptanceCheck } from '../../../module/blocklist/update/acceptance.ts'
import type { ChunkSource } from '../../../module/blocklist/update/chunk-source.ts'
import { Updater, type UpdaterOptions } from '../../../module/blocklist/update/updater.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { nameFromText } from '../../../module/dns/name.ts'
import { setOf, testNames } from '../../../scripts/operator/list/build.ts'
import type { Names } from '../../../scripts/operator/list/gather.ts'
import { type EarlierVersion, makeRelease } from '../../../scripts/operator/list/release.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

import { waitLimitMs } from '../../helpers/limits.ts'

export const testZone = 'test.securenet.example'
export const keyA = '00112233445566ff'
export const keyB = 'ffeeddccbbaa9988'

/** The operator: makes versions and retains their chunks. */
export class Publisher implements ChunkSource {
  readonly retained = new Map<string, Buffer>()
  readonly asked: ChunkRef[] = []
  #earlier: EarlierVersion[] = []
  #sequence = 0
  /** Called before each answer; may throw, wait, or return other bytes. */
  onFetch: (ref: ChunkRef, chunk: Buffer | undefined) => Promise<Buffer | undefined> | Buffer | undefined = (
    _,
    chunk,
  ) => chunk

  async version(
    version: number,
    listed: readonly string[],
    options: { key?: string; withoutTestNames?: boolean; direct?: readonly number[] } = {},
  ): Promise<Release> {
    const names: Names = new Map(listed.map((name) => [name, { category: 1, scope: 'tree', input: 0 }]))
    if (!options.withoutTestNames)
      for (const { name, category } of testNames(testZone))
        names.set(name, { category, scope: 'exact', input: 0 })
    const key = options.key ?? keyA
    const set = setOf(names, key)
    return this.release(version, key, set, options.direct)
  }

  async release(version: number, key: string, set: EntrySet, direct?: readonly number[]): Promise<Release> {
    const { release, chunks } = await makeRelease({
      list: 'securenet',
      version,
      key,
      set,
      earlier: this.#earlier,
      ...(direct ? { direct } : {}),
    })
    for (const [topic, chunk] of chunks) this.retained.set(topic, chunk)
    this.#earlier.push({ release, readSet: async () => set })
    return release
  }

  head(stable: Release, more: Partial<Head> = {}): Head {
    this.#sequence += 1
    return {
      list: 'securenet',
      sequence: this.#sequence,
      issuedAt: Date.UTC(2026, 10, 22) / 1000,
      expires: Date.UTC(2026, 10, 29) / 1000,
      spreadSeconds: 0,
      stable,
      allow: [],
      ...more,
    }
  }

  async fetch(ref: ChunkRef): Promise<Buffer> {
    this.asked.push(ref)
    const chunk = await this.onFetch(ref, this.retained.get(chunkTopic(ref)))
    if (!chunk) throw new SecureNetError('LIST_CHUNK_MISSING', `${chunkTopic(ref)} is missing`)
    return chunk
  }
}

/** A modem's list, on a folder that outlives it. */
export class Modem {
  readonly clock: FakeClock
  readonly folder: string
  readonly logged: string[] = []
  serving: Store | null = null
  allow: readonly string[] = []
  updater: Updater
  readonly #options: UpdaterOptions

  constructor(source: ChunkSource, options: Partial<UpdaterOptions> = {}) {
    this.clock = (options.clock as FakeClock | undefined) ?? new FakeClock()
    this.folder = options.folder ?? join(mkdtempSync(join(tmpdir(), 'securenet-update-')), 'list')
    const note = (event: string, fields?: object) =>
      void this.logged.push(`${event} ${JSON.stringify(fields ?? {})}`)
    this.#options = {
      folder: this.folder,
      list: 'securenet',
      modemId: 'modem-1',
      lineId: 'line-1',
      quotaBytes: 50_000_000,
      probationSeconds: 600,
      source,
      clock: this.clock,
      floor: () => 0,
      log: { debug: note, info: note, warn: note, error: note },
      gate: createAcceptanceCheck({ testZone }),
      random: () => 0.5,
      onSwitch: (store) => {
        this.serving = store
      },
      onAllow: (names) => {
        this.allow = names
      },
      ...options,
    }
    this.updater = new Updater(this.#options)
  }

  /** Power off and on: nothing of the former instance is used any more. */
  async restart(): Promise<Store | null> {
    await this.updater.stop()
    this.serving = null
    this.updater = new Updater(this.#options)
    return this.updater.start()
  }

  blocks(name: string): boolean {
    const wire = nameFromText(name)
    return createMatcher({ store: this.serving, allow: [], core: [] }).verdict(wire as Buffer, 0) !== 0
  }

  /** Lets real files and fake time go on until something holds. */
  async until(holds: () => boolean, stepMs = 0): Promise<void> {
    const deadline = performance.now() + waitLimitMs
    while (!holds()) {
      if (performance.now() > deadline)
        throw new Error(`not reached: ${JSON.stringify(this.updater.status())}`)
      if (stepMs > 0) this.clock.advance(stepMs)
      await turn()
    }
  }

  async remove(): Promise<void> {
    await this.updater.stop()
    rmSync(join(this.folder, '..'), { recursive: true, force: true })
  }
}

/** Names that no real list has, the same for a seed. */
export function someNames(count: number, seed = 1): string[] {
  return Array.from(
    { length: count },
    (_, i) => `n${((i + 1) * 2654435761 + seed * 40503) >>> 0}-${seed}.example.net`,
  )
}
