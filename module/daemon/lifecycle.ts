import { messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'

/** A part of the modem that acts. Neither call is made twice. */
export interface Part {
  start(): unknown
  stop(): unknown
}

/** Starts parts in the order given and stops them in reverse. */
export class Lifecycle {
  readonly #log: Log
  readonly #started: { name: string; part: Part }[] = []

  constructor(log: Log) {
    this.#log = log
  }

  /** @param parts by name; the first that throws ends it, with those before it left to `stop` */
  async start(parts: readonly (readonly [name: string, part: Part])[]): Promise<void> {
    for (const [name, part] of parts) {
      // Before it starts: half a start has to be taken back as well.
      this.#started.push({ name, part })
      await part.start()
    }
  }

  /** Every part is stopped, whatever another one throws. */
  async stop(): Promise<void> {
    for (const { name, part } of this.#started.splice(0).reverse()) {
      try {
        await part.stop()
      } catch (error) {
        this.#log.error('stop', { what: name, why: messageOf(error) })
      }
    }
  }
}
