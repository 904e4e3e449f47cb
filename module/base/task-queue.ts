export interface Serial {
  /** Runs after whatever was added before; given up when `now` comes. */
  add<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Ends what runs, drops what waits, and runs once that is over: nothing of before can come after it. */
  now<T>(job: () => Promise<T>): Promise<T>
}

/** One child process at a time: a slow tool does not pile up, and a renewal never lands after the disarming. */
export function createSerial(): Serial {
  let tail: Promise<unknown> = Promise.resolve()
  let abort = new AbortController()
  const chained = <T>(job: () => Promise<T>): Promise<T> => {
    const done = tail.then(job)
    tail = done.catch(() => {})
    return done
  }
  return {
    add(job) {
      const { signal } = abort
      return chained(async () => {
        signal.throwIfAborted()
        return job(signal)
      })
    },
    now(job) {
      abort.abort()
      abort = new AbortController()
      return chained(job)
    },
  }
}
