import { createHash } from 'node:crypto'
import type { Clock } from '../../module/base/clock.ts'
import type { Head } from '../../module/blocklist/format/head.ts'
import type { ChunkSource } from '../../module/blocklist/update/chunk-source.ts'
import { chooseRelease, type PlanStep, planUpdate, spreadDelay } from '../../module/blocklist/update/plan.ts'

export interface MemoryListOptions {
  list: string
  modemId: string
  lineId: string
  source: ChunkSource
  clock: Clock
  onSwitch: (version: number) => void
  onError: (error: unknown) => void
}

const RETRY_MS = 5000

/**
 * A list of which only the version and the number of names are kept. What to fetch, when, and from which version is
 * decided by the module's own rules (blocklist/update/plan.ts), and every chunk is checked against the head; no store is built.
 */
export class MemoryList {
  readonly #options: MemoryListOptions
  #head: Head | undefined
  #base: { version: number; key: string; names: number } | null = null
  #working = false

  constructor(options: MemoryListOptions) {
    this.#options = options
  }

  get version(): number | undefined {
    return this.#base?.version
  }

  get names(): number {
    return this.#base?.names ?? 0
  }

  onHead(head: Head): void {
    if (this.#head && head.sequence <= this.#head.sequence) return
    this.#head = head
    if (!this.#working) void this.#work()
  }

  async #work(): Promise<void> {
    this.#working = true
    for (;;) {
      const head = this.#head
      const release = head && chooseRelease(head, this.#options.modemId, new Set())
      if (!head || !release || release.version <= (this.#base?.version ?? 0)) break
      try {
        // As blocklist/update/updater.ts: a line without any list does not wait.
        if (this.#base) await this.#wait(this.#delay(head, release.version))
        for (const step of planUpdate(release, this.#base)) await this.#fetch(step)
        this.#base = { version: release.version, key: release.key, names: release.names }
        this.#options.onSwitch(release.version)
      } catch (error) {
        this.#options.onError(error)
        await this.#wait(RETRY_MS)
      }
    }
    this.#working = false
  }

  #delay(head: Head, version: number): number {
    return spreadDelay(head, version, this.#options.lineId, this.#options.clock.now())
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve))
  }

  async #fetch({ kind, from, to: version, chunks }: PlanStep): Promise<void> {
    const { source, list } = this.#options
    for (const [index, digest] of chunks.entries()) {
      const chunk = await source.fetch({
        list,
        version,
        kind,
        index,
        ...(from === undefined ? {} : { from }),
      })
      if (createHash('sha256').update(chunk).digest('base64url') !== digest)
        throw new Error(`chunk ${index} of ${kind} ${version} is not the one in the head`)
    }
  }
}
