import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Head } from '../format/head.ts'
import type { Store } from '../store/store.ts'
import type { AcceptanceCheck } from './acceptance.ts'
import { type AllowSummary, allowSummary, checkAllow } from './allow-list.ts'
import { Downloader, type DownloaderOptions } from './downloader.ts'
import type { JobPhase } from './job.ts'
import { ListFolder } from './list-folder.ts'
import { ListHead } from './list-head.ts'
import { chooseRelease, RefusedHead } from './plan.ts'
import { Scheduler, type Wanted } from './scheduler.ts'
import { ServingList } from './serving-list.ts'
import { borneOut, freshState, ofHead, type SignedHead } from './state.ts'
import { StateKeeper } from './state-keeper.ts'

export interface UpdaterOptions extends DownloaderOptions {
  /** `<dataDir>/list`; the updater's alone. */
  folder: string
  /** For LMDB's lock files, on a tmpfs (runDir); beside the list unless told. */
  lockFolder?: string
  modemId: string
  lineId: string
  probationSeconds: number
  /** The time that it is at least, ms since 1970: a clock that is behind does not count. */
  floor: () => number
  log: Log
  gate: AcceptanceCheck
  /** Its names are never excepted. */
  testZone?: string
  /** Percent by which the number of names may change between two versions; undefined: by any (plan.ts). */
  maxChange?: () => number | undefined
  /** 0 <= x < 1, for the jitter of retries. */
  random?: () => number
  /** The list that serves from now on; the former store is closed once this returns. */
  onSwitch: (store: Store | null) => void
  /** The newest head's allow list, also at start. */
  onAllow?: (names: readonly string[]) => void
  /** Something in status() that is worth reporting has changed. */
  onStatus?: () => void
}

export type UpdatePhase = JobPhase | 'idle' | 'probation'

export interface UpdateStatus {
  /** Of the list that serves, or null. */
  version: number | null
  names: number
  /** Of the newest head that was taken. */
  sequence: number
  /** Both in seconds since 1970; 0 while there was no head. */
  issuedAt: number
  expires: number
  /** The newest head has expired; the list goes on serving. */
  stale: boolean
  /** The list was found damaged or lost, and none serves in its place. */
  damaged: boolean
  phase: UpdatePhase
  /** Chunks of the update at work. */
  progress: { done: number; of: number }
  /** Stable code of what went wrong last, until an update succeeds. */
  lastError: string | null
  failedVersions: readonly number[]
  /** The names that the newest head excepts from the list. */
  allow: AllowSummary
}

/** Keeps one list up to date: takes heads, and brings here what the newest one means for this modem. */
export class Updater {
  readonly #options: UpdaterOptions
  readonly #folder: ListFolder
  readonly #keeper: StateKeeper
  readonly #serving: ServingList
  readonly #newest: ListHead
  readonly #scheduler: Scheduler
  #lastError: unknown = null
  #allowed = allowSummary([])
  /** Of the newest head. */
  #document = ''
  #isRunning = false
  #isWanted = true
  /** A head that comes meanwhile waits: what it fetches would be wiped from under it. */
  #wiping: Promise<void> | null = null

  constructor(options: UpdaterOptions) {
    this.#options = options
    this.#folder = new ListFolder(options.folder, options.lockFolder)
    this.#keeper = new StateKeeper(options.folder, (error) => this.#fail(error))
    this.#newest = new ListHead(() => this.#keeper.value)
    this.#serving = new ServingList({
      folder: this.#folder,
      keeper: this.#keeper,
      probationSeconds: options.probationSeconds,
      clock: options.clock,
      log: options.log,
      onSwitch: options.onSwitch,
      onHealed: () => {
        this.#lastError = null
      },
      onLost: () => void this.#scheduler.consider(),
      onStatus: () => options.onStatus?.(),
      onError: (error) => this.#fail(error),
    })
    this.#scheduler = new Scheduler({
      lineId: options.lineId,
      clock: options.clock,
      now: () => this.#now(),
      random: options.random ?? Math.random,
      gate: options.gate,
      downloader: new Downloader(options, this.#folder),
      folder: this.#folder,
      keeper: this.#keeper,
      serving: this.#serving,
      wanted: () => this.#wanted(),
      onServes: () => {
        if (this.#lastError instanceof RefusedHead) this.#lastError = null
      },
      onStatus: () => options.onStatus?.(),
      onError: (error) => this.#fail(error),
    })
  }

  /** Maps the last good list, if its file is whole. Never throws: without a list the module stays disarmed. */
  start(): Store | null {
    this.#isRunning = true
    this.#serving.start()
    this.#allow(this.#keeper.value.allow)
    return this.#serving.store
  }

  /**
   * To be called once after start(), before anyone asks the list.
   * @param verify of the head that was kept, as it was signed; rejects where its signature does not count (any more)
   */
  async bearOut(verify: (document: string) => Promise<Omit<SignedHead, 'document'>>): Promise<void> {
    const { document } = this.#keeper.value
    let kept: SignedHead | null = null
    try {
      if (document !== '') kept = { ...(await verify(document)), document }
      if (kept) this.#check(kept.head)
    } catch (error) {
      kept = null
      this.#options.log.warn('list-head-unverified', { code: codeOf(error), message: messageOf(error) })
    }
    this.#keeper.assume(borneOut(this.#keeper.value, kept))
    this.#allow(this.#keeper.value.allow)
  }

  /** Stops at once; what was downloaded is kept for the next start. The store is closed: it must not be asked again. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    await this.#scheduler.cancel()
    await this.#serving.stop()
  }

  /** Resolves when what is under way has ended: the update served, or was given up. */
  async settled(): Promise<void> {
    await this.#scheduler.settled()
    await this.#serving.settled()
  }

  /** The newest head that was offered since the start, taken or not. */
  get head(): Head | null {
    return this.#newest.head ?? null
  }

  /**
   * A head whose signature and schema were checked. An older one than seen is ignored; the newest is remembered also while
   * the list is not wanted. Resolves when it is on the medium; the update itself goes on behind.
   * @param epoch of the role's keys (control/documents/verify.ts): after a rotation, numbers that a stolen key burnt are free again
   * @param document as it was signed
   */
  async offerHead(head: Head, epoch = this.#keeper.value.epoch, document = ''): Promise<void> {
    await this.#wiping
    if (!this.#isRunning) return
    const { log } = this.#options
    try {
      this.#check(head)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (!this.#newest.offer(head, epoch)) {
      log.warn('list-head-ignored', { epoch, sequence: head.sequence, newest: this.#newest.rank.sequence })
      return
    }
    this.#document = document
    if (this.#isWanted) await this.#take(head)
  }

  /** @throws SecureNetError LIST_WRONG_LIST, LIST_ALLOW_TOO_WIDE */
  #check({ list, allow }: Head): void {
    const { list: ours, testZone } = this.#options
    if (list !== ours) throw new SecureNetError('LIST_WRONG_LIST', `a head of list ${list}, not of ${ours}`)
    checkAllow(allow, testZone)
  }

  /**
   * Whether a line needs the list; true until told. While none does, heads are only remembered; the newest is taken once
   * one does. What is on the medium stays until wipe().
   */
  async setWanted(isWanted: boolean): Promise<void> {
    const isNews = isWanted && !this.#isWanted
    this.#isWanted = isWanted
    await this.#wiping
    const { head } = this.#newest
    if (isNews && this.#isWanted && this.#isRunning && head) await this.#take(head)
  }

  async #take(head: Head): Promise<void> {
    const { epoch } = this.#newest.rank
    const rotated = epoch > this.#keeper.value.epoch
    this.#allow(head.allow)
    const patch = { ...ofHead({ head, epoch, document: this.#document }), ...(rotated ? { failed: [] } : {}) }
    await this.#keeper.save(patch).catch((error) => {
      // Written with whatever is written next: else a list would serve whose head is forgotten at the next start.
      this.#keeper.assume({ ...this.#keeper.value, ...patch })
      this.#fail(error)
    })
    await this.#scheduler.consider()
  }

  /** A name that is none must not keep the list from being updated. */
  #allow(names: readonly string[]): void {
    this.#allowed = allowSummary(names)
    try {
      this.#options.onAllow?.(names)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The newest head, and what it means for this modem. */
  #wanted(): Wanted | undefined {
    const { head, rank } = this.#newest
    if (!head || !this.#isWanted || !this.#isRunning || this.#wiping) return undefined
    const failed = new Set(this.#keeper.value.failed)
    const release = chooseRelease(head, this.#options.modemId, failed)
    const maxChange = head.largeChange === release.version ? undefined : this.#options.maxChange?.()
    return { head, epoch: rank.epoch, release, maxChange }
  }

  /** The self-test has passed with the list that serves. */
  passed(): Promise<void> {
    return this.#serving.passed()
  }

  /**
   * The list that serves does harm. Within its probation the list before it serves again, at once.
   * @returns whether there was a way back
   */
  async reportFailure(reason: string): Promise<boolean> {
    const taken = await this.#serving.takeBack(reason)
    if (taken) await this.#scheduler.reconsider(taken.version)
    return taken !== null
  }

  /**
   * Removes every octet of the list, which is not wanted from here on. The rank of the newest head stays (docs/list-updates.md, Attacks):
   * else whoever can replay a retained message could bring an old list back once the line has the service again.
   * @throws what the system said where files stay; asked again at every start
   */
  wipe(): Promise<void> {
    this.#isWanted = false
    const wiped = this.#wipe()
    const wiping = wiped
      .catch(() => undefined)
      .then(() => {
        if (this.#wiping === wiping) this.#wiping = null
      })
    this.#wiping = wiping
    return wiped
  }

  async #wipe(): Promise<void> {
    await this.#scheduler.quiet()
    this.#allow([])
    await this.#serving.end()
    this.#lastError = null
    const { epoch, sequence, document } = this.#keeper.value
    try {
      // The files first: they are what a full medium needs the room of.
      this.#folder.wipe()
    } finally {
      // Whatever the medium leaves there: nothing of it serves, and a later head is not told that it does.
      await this.#keeper
        .replace({ ...freshState, epoch, sequence, document })
        .catch((error) => this.#fail(error))
    }
  }

  /** Costs nothing: no file is touched. */
  status(): UpdateStatus {
    const { current, sequence, issuedAt, expires, probation, failed, damaged } = this.#keeper.value
    const serving = this.#serving.store ? current : null
    const { phase, progress } = this.#scheduler
    const isQuiet = phase === 'idle' || phase === 'waiting'
    return {
      version: serving?.version ?? null,
      names: serving?.names ?? 0,
      sequence,
      issuedAt,
      expires,
      stale: expires > 0 && expires * 1000 < this.#now(),
      damaged: damaged && !serving,
      phase: probation && isQuiet ? 'probation' : phase,
      progress,
      lastError: this.#lastError === null ? null : codeOf(this.#lastError),
      failedVersions: failed,
      allow: this.#allowed,
    }
  }

  #now(): number {
    return Math.max(this.#options.clock.now(), this.#options.floor())
  }

  #fail(error: unknown): void {
    this.#lastError = error
    this.#options.log.error('list-update', { code: codeOf(error), message: messageOf(error) })
    this.#options.onStatus?.()
  }
}
