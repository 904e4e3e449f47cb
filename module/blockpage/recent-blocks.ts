import type { Category } from '../category.ts'

/** More are not worth the memory; the oldest goes. */
const REMEMBERED = 256
const HOUR_MS = 3_600_000

/**
 * Names blocked for where they lead (a CNAME's target, a block of the resolver behind us): the list alone cannot tell the
 * page that they were. In memory only, for an hour.
 */
export class RecentBlocks {
  readonly #now: () => number
  readonly #blocked = new Map<string, { category: Category; at: number }>()

  /** @param now monotonic ms */
  constructor(now: () => number) {
    this.#now = now
  }

  add(name: string, category: Category): void {
    this.#blocked.delete(name)
    this.#blocked.set(name, { category, at: this.#now() })
    if (this.#blocked.size <= REMEMBERED) return
    for (const oldest of this.#blocked.keys()) {
      this.#blocked.delete(oldest)
      return
    }
  }

  /** @returns as what the name was blocked within the last hour, or null */
  categoryOf(name: string): Category | null {
    const found = this.#blocked.get(name)
    return found && this.#now() - found.at < HOUR_MS ? found.category : null
  }

  clear(): void {
    this.#blocked.clear()
  }
}
