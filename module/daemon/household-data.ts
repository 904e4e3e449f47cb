import type { Cache } from '../query/cache.ts'
import type { CounterHistory } from '../telemetry/counter-history.ts'
import type { QueryCounts } from '../telemetry/query-counts.ts'
import type { QueryThreads } from '../threads/query-threads.ts'
import type { BlockedNames } from './blocked-names.ts'
import type { ListService } from './list-service.ts'
import type { ModemLines } from './modem-lines.ts'

export interface HouseholdDataOptions {
  readonly lines: Pick<ModemLines, 'mustBeGone'>
  readonly list: Pick<ListService, 'wipe'>
  readonly counts: Pick<QueryCounts, 'wipe'>
  readonly history: Pick<CounterHistory, 'write'>
  readonly blockedNames: Pick<BlockedNames, 'wipe'>
  readonly cache: Pick<Cache, 'clear'>
  readonly threads: Pick<QueryThreads, 'wipe'> | null
}

/** What a terminated line leaves behind: nothing but what guards against replayed orders. */
export class HouseholdData {
  readonly #options: HouseholdDataOptions

  constructor(options: HouseholdDataOptions) {
    this.#options = options
  }

  /** Power may have failed between an order and its wiping. */
  async start(): Promise<void> {
    if (this.#options.lines.mustBeGone.list) await this.wipe()
  }

  /** Nothing to do. */
  stop(): void {}

  async wipe(): Promise<void> {
    const { lines, list, counts, history, blockedNames, cache, threads } = this.#options
    const gone = lines.mustBeGone
    if (gone.lines.length > 0) {
      counts.wipe()
      await history.write()
      // Each of them holds names that the household has asked for.
      blockedNames.wipe()
      cache.clear()
      threads?.wipe()
    }
    if (gone.list) await list.wipe()
  }
}
