import type { Clock, Timer } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Log } from '../base/log.ts'
import type { Interceptor, InterfaceStates, Renewed } from './interceptor.ts'
import {
  count,
  decide,
  initialLeaseState,
  isSuspicious,
  type LeaseState,
  lapse,
  type RenewalReason,
  type SelfCheckResult,
} from './lease-state.ts'

export interface LeaseOptions {
  interceptor: Interceptor
  /** Network devices to arm. */
  interfaces: readonly string[]
  /** The self-test; taken as `fail` when it rejects or takes longer than `earnedTimeoutMs`. */
  earned: () => Promise<SelfCheckResult>
  clock: Clock
  log: Log
  leaseMs: number
  renewMs: number
  /** renewMs where left out. */
  earnedTimeoutMs?: number
  /** Datagrams of clients that have come to us so far, refused ones too; without the self-test's own. */
  ownQuestions: () => number
  /** Called when what `status()` tells has changed in more than its times. */
  onChange?: (status: LeaseStatus) => void
}

export interface LeaseStatus extends InterfaceStates {
  backend: Interceptor['name']
  /** Protection wants it. */
  wanted: boolean
  /** Why the last round renewed, or did not; an error's code where the back-end failed. */
  why: RenewalReason | string | null
  /** Since the kernel last took a renewal; null while nothing can be armed. */
  sinceRenewalSeconds: number | null
  /** Leases that ran out although protection was wanted, since the start. */
  interruptions: number
  /** Times that somebody else's change to our rules was mended. */
  rebuilt: number
  /** Packets to port 853 refused since the start. */
  bypassed: number
}

export interface Lease {
  start(): void
  /** Disarms, and resolves once nothing of ours can be armed any more. */
  stop(): Promise<void>
  /**
   * Protection's decision. Resolves once it is carried out: for `true` after the first attempt, for `false` when
   * nothing is armed.
   */
  set(armed: boolean): Promise<void>
  status(): LeaseStatus
}

/** From one look at everything that a suspicion has caused to the next. */
const LOOK_AGAIN_MS = 30_000

const nothing: InterfaceStates = { armed: [], refused: [] }

class LeaseLoop implements Lease {
  readonly #options: LeaseOptions
  #state: LeaseState = initialLeaseState
  #wanted = false
  #running = false
  #last: InterfaceStates = nothing
  #failure: string | null = null
  #rebuilt = 0
  #bypassed = 0
  /** Of the last renewal. */
  #ownAtLast = 0
  /** The kernel's own count at the last look; its table may have been made anew since. */
  #bypassedInKernel = 0
  #round: Promise<void> | null = null
  /** Disarming failed: tried again each round. */
  #dirty = false
  #timer: Timer | undefined
  #told = ''
  #lookAgainAt = 0

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    this.#wanted = false
    await this.#disarm()
    await this.#round
    this.#timer?.cancel()
  }

  async set(armed: boolean): Promise<void> {
    if (armed === this.#wanted) return
    this.#wanted = armed
    if (!armed) return this.#disarm()
    await this.#round
    if (this.#running && this.#wanted) await this.#goRound()
  }

  status(): LeaseStatus {
    const { interceptor, clock, leaseMs } = this.#options
    const state = lapse(this.#state, clock.monotonic(), leaseMs)
    const live = state.renewedAt !== null
    return {
      backend: interceptor.name,
      wanted: this.#wanted,
      armed: live ? this.#last.armed : [],
      refused: this.#wanted ? this.#last.refused : [],
      why: this.#failure ?? state.why,
      sinceRenewalSeconds:
        state.renewedAt === null ? null : Math.round((clock.monotonic() - state.renewedAt) / 100) / 10,
      interruptions: state.interruptions,
      rebuilt: this.#rebuilt,
      bypassed: this.#bypassed,
    }
  }

  #schedule(ms: number): void {
    this.#timer?.cancel()
    if (this.#running) this.#timer = this.#options.clock.after(ms, () => void this.#goRound())
  }

  /** Never two at a time: the next is scheduled by the end of the one before. */
  #goRound(): Promise<void> {
    this.#round ??= this.#startRound()
    return this.#round
  }

  async #startRound(): Promise<void> {
    const { clock, renewMs } = this.#options
    const began = clock.monotonic()
    this.#timer?.cancel()
    try {
      await this.#renewIfEarned()
      this.#failure = null
    } catch (error) {
      if (this.#wanted) this.#failed(error)
    }
    this.#round = null
    this.#tell()
    this.#schedule(Math.max(0, renewMs - (clock.monotonic() - began)))
  }

  async #renewIfEarned(): Promise<void> {
    if (this.#dirty) await this.#disarm()
    if (!this.#wanted) return
    const { clock, interceptor, interfaces, leaseMs } = this.#options
    this.#lapse()
    const earned = await this.#earned()
    this.#lapse()
    const { renew, why } = decide(this.#state, earned)
    if (!this.#wanted) return
    this.#state = { ...this.#state, why }
    if (!renew) return
    const look = this.#looksAgain() ? 'all' : 'due'
    // The kernel's clock starts between now and then: reckon with the earlier.
    const now = clock.monotonic()
    const renewed = await interceptor.renew(interfaces, look)
    if (!this.#wanted) return
    this.#last = { armed: renewed.armed, refused: renewed.refused }
    if (renewed.rebuilt) this.#rebuiltOnce()
    this.#state = { ...this.#state, renewedAt: renewed.armed.length > 0 ? now : null }
    await this.#countNowAndThen(renewed)
    this.#countBypass(renewed.bypassed ?? null)
    if (clock.monotonic() - now >= leaseMs) this.#lapse()
  }

  /** Devices cause this as they like: no more often than every `LOOK_AGAIN_MS`. */
  #looksAgain(): boolean {
    const { clock, log } = this.#options
    const now = clock.monotonic()
    if (!isSuspicious(this.#state) || now < this.#lookAgainAt) return false
    this.#lookAgainAt = now + LOOK_AGAIN_MS
    log.warn('questions-unseen', { count: this.#state.unseen })
    this.#state = { ...this.#state, unseen: 0 }
    return true
  }

  #lapse(): void {
    const { clock, leaseMs, log } = this.#options
    const before = this.#state
    this.#state = lapse(before, clock.monotonic(), leaseMs)
    if (this.#state.interruptions === before.interruptions) return
    log.warn('interception-lapsed', { why: before.why, interruptions: this.#state.interruptions })
  }

  /** A self-test that hangs is a self-test that failed. */
  async #earned(): Promise<SelfCheckResult> {
    const { clock, renewMs, earnedTimeoutMs = renewMs, earned, log } = this.#options
    let timer: Timer | undefined
    const late = new Promise<SelfCheckResult>((resolve) => {
      timer = clock.after(earnedTimeoutMs, () => resolve('fail'))
    })
    const began = clock.monotonic()
    try {
      const outcome = await Promise.race([earned(), late])
      // A process that was stopped meanwhile must not renew on what it found before.
      return clock.monotonic() - began > earnedTimeoutMs ? 'fail' : outcome
    } catch (error) {
      log.warn('self-test-failed', { why: messageOf(error) })
      return 'fail'
    } finally {
      timer?.cancel()
    }
  }

  /** The kernel's count is asked for only where it may tell something: somebody asked, and nothing came. */
  async #countNowAndThen({ rebuilt, translated, asked }: Renewed): Promise<void> {
    const own = this.#options.ownQuestions()
    const hasCome = own !== this.#ownAtLast
    this.#ownAtLast = own
    if (rebuilt) this.#count(null)
    else if (translated !== undefined) this.#count(translated)
    else if (asked && !hasCome) this.#count(await this.#options.interceptor.translated())
  }

  #count(translated: number | null): void {
    const counted = translated === null ? null : { translated, own: this.#options.ownQuestions() }
    this.#state = count(this.#state, counted)
  }

  #countBypass(inKernel: number | null): void {
    if (inKernel === null) return
    const fresh = inKernel < this.#bypassedInKernel ? inKernel : inKernel - this.#bypassedInKernel
    this.#bypassed += fresh
    this.#bypassedInKernel = inKernel
  }

  #rebuiltOnce(): void {
    this.#rebuilt++
    this.#options.log.warn('interception-rebuilt', { backend: this.#options.interceptor.name })
  }

  #failed(error: unknown): void {
    this.#failure = codeOf(error)
    this.#options.log.error('interception-failed', { code: codeOf(error), why: messageOf(error) })
  }

  async #disarm(): Promise<void> {
    this.#dirty = false
    this.#state = { ...initialLeaseState, interruptions: this.#state.interruptions }
    this.#last = nothing
    try {
      await this.#options.interceptor.disarm()
    } catch (error) {
      this.#dirty = true
      this.#failed(error)
    }
    this.#tell()
  }

  #tell(): void {
    const status = this.status()
    const what = JSON.stringify({ ...status, sinceRenewalSeconds: null, bypassed: null })
    if (what === this.#told) return
    this.#told = what
    this.#options.onChange?.(status)
  }
}

/** Carries out protection's decision: earns, renews and ends the kernel's lease. */
export function createLease(options: LeaseOptions): Lease {
  return new LeaseLoop(options)
}
