/** One job at a time, in the order of the calls; a job that fails does not keep the next from running. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Runs `job` once those before it have ended, never before this returns.
   * @returns what the job returns; rejects with what it throws
   */
  run<T>(job: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(job)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Resolves when every job so far has ended, well or not. Never rejects. */
  async idle(): Promise<void> {
    await this.#last
  }
}
