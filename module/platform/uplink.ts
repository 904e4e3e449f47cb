import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'

/**
 * The logical interface that carries the traffic, as hotplug tells it. Kept in the run folder for a restart of this
 * process: that is new at each boot, and so is the uplink.
 */
export class Uplink {
  readonly #path: string
  readonly #log: Log
  #name: string | null | undefined

  constructor({ runDir, log }: { runDir: string; log: Log }) {
    this.#path = join(runDir, 'uplink')
    this.#log = log
  }

  /** null: there is none; undefined: not told yet. */
  get name(): string | null | undefined {
    return this.#name
  }

  load(): void {
    try {
      this.#name = JSON.parse(readFileSync(this.#path, 'utf8')) as string | null
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#log.warn('uplink-not-read', { why: messageOf(error) })
    }
  }

  set(name: string | null): void {
    this.#name = name
    try {
      writeFileSync(this.#path, JSON.stringify(name))
    } catch (error) {
      this.#log.warn('uplink-not-kept', { why: messageOf(error) })
    }
  }
}
