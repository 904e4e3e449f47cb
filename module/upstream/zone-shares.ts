import type { Clock } from '../base/clock.ts'
import { FairQueue, type Queued } from './fair-queue.ts'

/** What counts against a zone's share. */
export interface InZone extends Queued {
  zone: string
  /** Counted; else it waits for the share. */
  holdsShare: boolean
}

interface Share<T extends InZone> {
  /** In flight, queued for a server, or given up lately. */
  held: number
  /** Those that wait for the zone's share; null: none ever had to. */
  waiting: FairQueue<T> | null
}

export interface ZoneSharesOptions {
  /** Of all zones. */
  inFlight: number
  /** Questions of one zone that may wait for its share. */
  mostWaiting: number
  clock: Pick<Clock, 'monotonic'>
}

/** Below so many in flight a share would be none. */
const FEW_IN_FLIGHT = 32
/** A question that was given up counts on: the resolver behind us may hold it for so long (dnsmasq does). */
const GIVEN_UP_MS = 10_000
const ROOT = 0
/** Registries that sell third-level names have short second-level ones: co.uk, com.au, ac.jp. */
const SHORT_LABEL = 3

/**
 * The zone that somebody must run for the name to be slow: its last two labels, three behind a short one. Two zones
 * that are taken for one share what one has, no more.
 * @param message a query of one question
 */
export function zoneOf(message: Uint8Array): string {
  const starts: number[] = []
  let at = 12
  for (let length = message[at]!; length !== ROOT; length = message[at]!) {
    starts.push(at)
    at += length + 1
  }
  const second = starts.at(-2)
  const labels = second !== undefined && message[second]! <= SHORT_LABEL ? 3 : 2
  let zone = ''
  for (let i = starts.at(-labels) ?? starts[0] ?? at; i < at; i++)
    zone += String.fromCharCode(isCapital(message[i]!) ? message[i]! | 0x20 : message[i]!)
  return zone
}

const isCapital = (octet: number) => octet >= 0x41 && octet <= 0x5a

/**
 * No zone has more than half of the questions in flight: random names of one that does not answer (a "water torture") leave
 * room for all others, from however many addresses they are asked. A zone that has nothing in flight takes no memory.
 */
export class ZoneShares<T extends InZone> {
  readonly #options: ZoneSharesOptions
  readonly #most: number
  readonly #shares = new Map<string, Share<T>>()
  /** In the order in which they were given up. */
  readonly #givenUp: { zone: string; at: number }[] = []

  constructor(options: ZoneSharesOptions) {
    this.#options = options
    this.#most = options.inFlight < FEW_IN_FLIGHT ? Number.POSITIVE_INFINITY : options.inFlight >> 1
  }

  /** @returns false: its zone has its share, so it must `wait` */
  take(entry: T): boolean {
    this.#forgetGivenUp()
    const share = this.#shares.get(entry.zone)
    if (share && share.held >= this.#most) return false
    if (share) share.held++
    else this.#shares.set(entry.zone, { held: 1, waiting: null })
    entry.holdsShare = true
    return true
  }

  /** After `take` has refused it. @returns whom there was no room for, or null */
  wait(entry: T): T | null {
    const share = this.#shares.get(entry.zone)!
    share.waiting ??= new FairQueue(this.#options.mostWaiting)
    return share.waiting.add(entry)
  }

  /** It is settled. @param isGivenUp without an answer */
  release(entry: T, isGivenUp: boolean): void {
    const { zone } = entry
    if (!entry.holdsShare) this.#shares.get(zone)?.waiting?.remove(entry)
    else if (isGivenUp) this.#givenUp.push({ zone, at: this.#options.clock.monotonic() })
    else this.#giveBack(zone)
    entry.holdsShare = false
  }

  /** @returns the next of those that waited, which has its share now; null: none, or no room */
  next(zone: string): T | null {
    this.#forgetGivenUp()
    const share = this.#shares.get(zone)
    if (!share?.waiting || share.held >= this.#most) return null
    const entry = share.waiting.next()
    if (entry) {
      share.held++
      entry.holdsShare = true
    }
    return entry
  }

  #giveBack(zone: string): void {
    const share = this.#shares.get(zone)
    if (!share) return
    share.held--
    if (share.held === 0 && !share.waiting?.size) this.#shares.delete(zone)
  }

  #forgetGivenUp(): void {
    const before = this.#options.clock.monotonic() - GIVEN_UP_MS
    while (this.#givenUp.length > 0 && this.#givenUp[0]!.at <= before)
      this.#giveBack(this.#givenUp.shift()!.zone)
  }
}
