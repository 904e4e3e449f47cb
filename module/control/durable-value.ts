import type { SecureNetError } from '../base/error.ts'

/**
 * A value that counts only when it is on flash. Changes that come while a write is under way share the next one: of 1,000
 * orders in a burst each is judged, but the flash sees a few writes.
 */
export class DurableValue<T> {
  readonly #write: (value: T) => Promise<void>
  #inForce: T
  #candidate: T
  #underWay: T | undefined
  #writing: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #failed: SecureNetError | undefined

  constructor(initial: T, write: (value: T) => Promise<void>) {
    this.#inForce = initial
    this.#candidate = initial
    this.#write = write
  }

  /** On flash. */
  get inForce(): T {
    return this.#inForce
  }

  /** What the next change builds on; on flash when flushed() resolves. */
  get candidate(): T {
    return this.#candidate
  }

  change(candidate: T): void {
    this.#candidate = candidate
  }

  /** Resolves when every change made so far is on flash. @throws what write() threw: none of them counts then */
  flushed(): Promise<void> {
    if (this.#next) return this.#next
    if (this.#candidate === this.#inForce) return Promise.resolve()
    if (this.#candidate === this.#underWay) return this.#writing
    const next = this.#writing.catch(() => undefined).then(() => this.#writeNow())
    this.#next = next
    return next
  }

  async #writeNow(): Promise<void> {
    this.#next = undefined
    const failed = this.#failed
    this.#failed = undefined
    // They were built on a candidate that never came to be.
    if (failed) throw failed
    const value = this.#candidate
    this.#underWay = value
    this.#writing = this.#write(value).then(
      () => {
        this.#inForce = value
        this.#underWay = undefined
      },
      (error) => {
        this.#candidate = this.#inForce
        this.#underWay = undefined
        if (this.#next) this.#failed = error
        throw error
      },
    )
    await this.#writing
  }
}
