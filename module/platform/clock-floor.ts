import type { Log } from '../log.ts'
import type { Clock } from './clock.ts'
import type { StateFile } from './state-file.ts'

/** Seconds since 1970 that are surely not after now; what the file holds. */
export interface StoredFloor {
  v: 1
  /** Newest time in a verified document. */
  signed: number
  /** Estimate when it was stored. */
  stored: number
}

export function parseStoredFloor(data: unknown): StoredFloor {
  if (typeof data === 'object' && data !== null && 'v' in data && 'signed' in data && 'stored' in data) {
    const { v, signed, stored } = data
    if (v === 1 && Number.isSafeInteger(signed) && Number.isSafeInteger(stored))
      return { v, signed: signed as number, stored: stored as number }
  }
  throw new Error('not a clock floor')
}

export interface ClockFloorOptions {
  clock: Clock
  file: Pick<StateFile<StoredFloor>, 'read' | 'write' | 'setAside'>
  /** Seconds since 1970. */
  buildTime: number
  log: Log
  /** Names this start of the process. */
  boot: string
}

/** A signer whose own clock is decades ahead must not stop the modem's time for ever. */
const mostYearsAfterBuild = 20
/** A wall clock far ahead of every signature is not written down: a wrong one would become the floor of all later boots. */
const mostAheadOfSignatures = 45 * 86_400
const storeEvery = 3_600
const year = 365.25 * 86_400

/**
 * Time on a modem without a clock of its own (1970 at boot, a wrong NTP server): the floor is the greatest of build time,
 * newest signed time seen and last stored time, and moves on with the monotonic clock. All values are seconds since 1970.
 */
export class ClockFloor {
  readonly #options: ClockFloorOptions
  #signed = 0
  #stored = 0
  /** Floor at `#since`. */
  #base: number
  #since: number

  constructor(options: ClockFloorOptions) {
    this.#options = options
    this.#base = options.buildTime
    this.#since = options.clock.monotonic()
  }

  /** Reads what was stored; damage costs only precision and is logged. */
  async load(): Promise<void> {
    const { file, log } = this.#options
    try {
      const { value } = await file.read()
      if (!value) return
      this.#signed = value.signed
      this.#stored = value.stored
      this.#raise(Math.max(value.signed, value.stored))
    } catch (error) {
      log.warn('clock-floor-damaged', { why: String(error) })
      await file.setAside().catch(() => undefined)
    }
  }

  /** `issuedAt` of a document whose signature was verified. */
  observe(signed: number): void {
    if (signed > this.#options.buildTime + mostYearsAfterBuild * year) return
    if (signed <= this.#signed) return
    this.#signed = signed
    this.#raise(signed)
  }

  floor(): number {
    return this.#base + Math.floor((this.#options.clock.monotonic() - this.#since) / 1000)
  }

  /** max(wall clock, floor) */
  trustedNow(): number {
    return Math.max(this.#wall(), this.floor())
  }

  instant(): { wall: number; floor: number; monotonic: number; boot: string } {
    const monotonic = Math.floor(this.#options.clock.monotonic() / 1000)
    return { wall: this.#wall(), floor: this.floor(), monotonic, boot: this.#options.boot }
  }

  /** Writes the floor if it moved by an hour, or always with `force` (a clean stop). @throws as StateFile.write */
  async persist(force = false): Promise<void> {
    const wall = this.#wall()
    const credible = wall <= Math.max(this.#signed, this.#options.buildTime) + mostAheadOfSignatures
    const stored = credible ? this.trustedNow() : this.floor()
    if (stored <= this.#stored || (!force && stored < this.#stored + storeEvery)) return
    await this.#options.file.write({ v: 1, signed: this.#signed, stored })
    this.#stored = stored
  }

  #wall(): number {
    return Math.floor(this.#options.clock.now() / 1000)
  }

  #raise(to: number): void {
    if (to <= this.floor()) return
    this.#base = to
    this.#since = this.#options.clock.monotonic()
  }
}
