export interface Part {
  stop(): Promise<void>
}

/** What is running, in the order in which it was started; stopped in reverse. */
export class Parts {
  readonly #parts: Part[] = []
  #stopped: Promise<void> | undefined

  /** To be called before the part starts: one that fails half-way is stopped too. */
  add<P extends Part>(part: P): P {
    this.#parts.push(part)
    return part
  }

  /** Every part, whatever another's stop says; a second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  async #stopAll(): Promise<void> {
    for (const part of this.#parts.reverse()) await part.stop().catch(() => {})
  }
}
