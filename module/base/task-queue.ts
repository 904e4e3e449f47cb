import { SerialQueue } from './serial-queue.ts'

/** A serial queue that can be cleared: one child process at a time, and a renewal never lands after the disarming. */
export class TaskQueue {
  readonly #queue = new SerialQueue()
  #abort = new AbortController()

  /** Runs after whatever was added before; given up when `now` comes. */
  add<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#abort
    return this.#queue.run(() => {
      signal.throwIfAborted()
      return job(signal)
    })
  }

  /** Ends what runs, drops what waits, and runs once that is over: nothing of before can come after it. */
  now<T>(job: () => Promise<T>): Promise<T> {
    this.#abort.abort()
    this.#abort = new AbortController()
    return this.#queue.run(job)
  }
}
