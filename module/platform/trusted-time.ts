import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { StateFile } from './state-file.ts'

/** Seconds since 1970; what the file holds. */
export interface StoredTrustedTime {
  v: 2
  /** Estimate when it was stored: believed as far as kept signatures bear it out. */
  stored: number
}

/** @throws Error if the data is not of version 2 or 1 */
export function parseStoredFloor(data: unknown): StoredTrustedTime {
  if (typeof data === 'object' && data !== null && 'v' in data && 'stored' in data) {
    const { v, stored } = data
    // Version 1 had signed times too, without their signatures.
    if ((v === 1 || v === 2) && Number.isSafeInteger(stored)) return { v: 2, stored: stored as number }
  }
  throw new Error('not a clock floor')
}

/** Whose key has signed a time: roots are off-line; a role's key is on a server, and may be stolen. */
export type TimeWitness = 'root' | 'role'

export interface TrustedTimeOptions {
  clock: Clock
  file: Pick<StateFile<StoredTrustedTime>, 'read' | 'write' | 'setAside'>
  /** Seconds since 1970. */
  buildTime: number
  log: Log
  /** Names this start of the process. */
  boot: string
}

/** A signer whose own clock is decades ahead must not stop the modem's time for ever. */
const MAX_YEARS_AFTER_BUILD = 20
/** A time far ahead of every signature is neither written down nor read back: a wrong one would be the floor of all later boots. */
const MAX_AHEAD_OF_SIGNATURES = 45 * 86_400
/** So far may a role's document be ahead of what the modem knows without it (docs/adr/0007-clock-floor.md). */
const MAX_LEAD = 3_600
const STORE_EVERY = 3_600
/** A clock a little behind is only imprecise. */
const SLACK = 300
const YEAR = 365.25 * 86_400

/**
 * Time on a modem without a clock of its own (1970 at boot, a wrong NTP server): the floor is the greatest of build time,
 * newest signed time seen and last stored time, and moves on with the monotonic clock. What a role's key alone has signed
 * leads it by an hour at most, and does not move on; docs/adr/0007-clock-floor.md. All values are seconds since 1970.
 */
export class TrustedTime {
  readonly #options: TrustedTimeOptions
  #rooted = 0
  #signed = 0
  #stored = 0
  /** What the file says, before it is borne out. */
  #claimed = 0
  /** The newest signature that is believed. */
  #newest = 0
  /** At `#since`, without what a role's key alone has said. */
  #base: number
  #since: number
  /** The newest time that was not believed. */
  #unbelieved = 0

  constructor(options: TrustedTimeOptions) {
    this.#options = options
    this.#base = options.buildTime
    this.#since = options.clock.monotonic()
  }

  /** Reads what was stored; damage costs only precision and is logged. */
  async load(): Promise<void> {
    const { file, log } = this.#options
    try {
      const { value } = await file.read()
      this.#claimed = value?.stored ?? 0
      this.#bearOut()
    } catch (error) {
      log.warn('clock-floor-damaged', { why: String(error) })
      await file.setAside().catch(() => undefined)
    }
  }

  /** `issuedAt` of a document that was kept, and verified again at this start: it bears out what was stored. */
  recall(signed: number, by: TimeWitness): void {
    if (signed > this.#latest()) return
    this.#newest = Math.max(this.#newest, signed)
    this.#bearOut()
    this.observe(signed, by)
  }

  #bearOut(): void {
    const stored = Math.min(this.#claimed, this.#borneOut())
    if (stored <= this.#stored) return
    this.#stored = stored
    this.#raise(stored)
  }

  /** Nothing later is believed without another signature. */
  #borneOut(): number {
    return Math.max(this.#newest, this.#options.buildTime) + MAX_AHEAD_OF_SIGNATURES
  }

  #latest(): number {
    return this.#options.buildTime + MAX_YEARS_AFTER_BUILD * YEAR
  }

  /** `issuedAt` of a document whose signatures were verified. */
  observe(signed: number, by: TimeWitness): void {
    if (signed > this.#latest()) return
    if (by === 'root') {
      // Keys documents come in the order of their numbers: the clock beside the roots was wrong before.
      if (signed < this.#rooted) this.#forget(signed)
      this.#rooted = signed
      this.#newest = Math.max(this.#newest, signed)
      this.#raise(signed)
    } else if (signed > this.#knownWithoutRoles() + MAX_LEAD) {
      this.#unbelieved = Math.max(this.#unbelieved, signed)
    } else {
      this.#signed = Math.max(this.#signed, signed)
      this.#newest = Math.max(this.#newest, signed)
      // Two witnesses, who are not to be had together for one stolen key.
      if (signed <= this.#wall()) this.#raise(signed)
    }
  }

  /**
   * A role's keys were all replaced, by a document that roots have signed: what the old ones, or a wall clock that they
   * vouched for, said of the time counts no more. To be persisted with `force`.
   */
  forgetRoles(): void {
    this.#forget(this.#rooted)
  }

  #forget(rooted: number): void {
    this.#signed = 0
    this.#stored = 0
    this.#claimed = 0
    this.#newest = rooted
    this.#unbelieved = 0
    this.#base = Math.max(this.#options.buildTime, rooted)
    this.#since = this.#options.clock.monotonic()
  }

  floor(): number {
    return Math.max(this.#reckoned(), this.#signed)
  }

  /** Below the build time a wall clock is wrong beyond doubt, and no certificate can be judged by it. */
  wallIsUnset(): boolean {
    return this.#wall() < this.#options.buildTime - SLACK
  }

  /** The newest time that a role's key has signed, where it is too far ahead to be believed. */
  unbelieved(): number | undefined {
    return this.#unbelieved > this.#knownWithoutRoles() + MAX_LEAD ? this.#unbelieved : undefined
  }

  /** max(wall clock, floor) */
  now(): number {
    return Math.max(this.#wall(), this.floor())
  }

  instant(): { wall: number; floor: number; monotonic: number; boot: string } {
    const monotonic = Math.floor(this.#options.clock.monotonic() / 1000)
    return { wall: this.#wall(), floor: this.floor(), monotonic, boot: this.#options.boot }
  }

  /** Writes the floor if it moved by an hour, or always with `force` (a clean stop). @throws as StateFile.write */
  async persist(force = false): Promise<void> {
    const wall = this.#wall()
    // Without the roles' lead: stored, it would be led on from at the next boot.
    const reckoned = this.#reckoned()
    const stored = wall <= this.#borneOut() ? Math.max(wall, reckoned) : reckoned
    if (stored <= this.#stored || (!force && stored < this.#stored + STORE_EVERY)) return
    const before = this.#stored
    // At once: while a slow flash writes, the next tick must not ask for the same again.
    this.#stored = stored
    try {
      await this.#options.file.write({ v: 2, stored })
    } catch (error) {
      if (this.#stored === stored) this.#stored = before
      throw error
    }
  }

  #knownWithoutRoles(): number {
    return Math.max(this.#wall(), this.#reckoned())
  }

  #reckoned(): number {
    return this.#base + Math.floor((this.#options.clock.monotonic() - this.#since) / 1000)
  }

  #wall(): number {
    return Math.floor(this.#options.clock.now() / 1000)
  }

  #raise(to: number): void {
    if (to <= this.#reckoned()) return
    this.#base = to
    this.#since = this.#options.clock.monotonic()
  }
}
