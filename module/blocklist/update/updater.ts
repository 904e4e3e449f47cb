import type { Timer } from '../../base/clock.ts'
import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import { type Head, type Release, ranksBelow } from '../format/head.ts'
import { buildHere } from '../store/builder-client.ts'
import type { Store } from '../store/store.ts'
import { type Cancel, createCancel } from './cancel.ts'
import { type JobPhase, UpdateJob } from './job.ts'
import { keepNewer, ListFolder } from './list-folder.ts'
import { chooseRelease, judgeRelease, spreadDelay } from './plan.ts'
import { Probation } from './probation.ts'
import { freshState, type ListFile, startsTolerated, type UpdateState, withFailed } from './state.ts'
import { STATE_FILES, StateKeeper } from './state-keeper.ts'
import type { UpdaterOptions, UpdateStatus } from './update-options.ts'

export type { UpdaterOptions, UpdateStatus } from './update-options.ts'

/** A full tmpfs is emptied by who filled it. */
const REOPEN_MS = 30_000

/** Keeps one list up to date: what serves, what comes, and the way back. */
export class Updater {
  readonly #options: UpdaterOptions
  readonly #folder: ListFolder
  readonly #keeper: StateKeeper
  readonly #probation: Probation
  #store: Store | null = null
  #head: Head | undefined
  /** Of that head; the state follows once it is written. */
  #newEpoch = 0
  /** `sequence` of the head that began it. */
  #job: { job: UpdateJob; over: Promise<void>; sequence: number } | undefined
  #phase: JobPhase | 'idle' = 'idle'
  #lastError: string | null = null
  #considering: Promise<void> = Promise.resolve()
  #running = false
  #reopening: Timer | undefined
  /** Files that nobody needs any more are on their way out. */
  #tidying: Promise<void> = Promise.resolve()
  /** A head that comes meanwhile waits: what it fetches would be wiped from under it. */
  #wiping: Promise<void> = Promise.resolve()

  constructor(options: UpdaterOptions) {
    this.#options = options
    this.#folder = new ListFolder(options.folder, options.lockFolder)
    this.#keeper = new StateKeeper(options.folder, (error) => this.#fail(error))
    this.#probation = new Probation({
      clock: options.clock,
      keeper: this.#keeper,
      seconds: options.probationSeconds,
      onProven: () => this.#proven(),
      onError: (error) => this.#fail(error),
    })
  }

  /** Maps the last good list, if its file is whole. Never throws: without a list the module stays disarmed. */
  start(): Store | null {
    this.#running = true
    this.#attempt(() => this.#folder.create())
    const stored = this.#recall()
    this.#attempt(() => this.#restore())
    this.#attempt(() => this.#folder.sweep(this.#keeper.value, keepNewer(this.#keeper.value)))
    if (this.#keeper.value !== stored) void this.#keeper.save({}).catch((error) => this.#fail(error))
    if (this.#store) this.#options.onSwitch(this.#store)
    this.#attempt(() => this.#options.onAllow?.(this.#keeper.value.allow))
    this.#probation.watch()
    return this.#store
  }

  #attempt(act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  /** @returns the state, if it is on the medium as it should be */
  #recall(): UpdateState | null {
    const { from, damage, isWhole } = this.#keeper.load()
    const why = damage.join('; ')
    if (from) {
      if (why)
        this.#fail(new SecureNetError('LIST_STATE_RESTORED', `${why}; ${from} is used`, 'Check the flash.'))
      return isWhole ? this.#keeper.value : null
    }
    this.#attempt(() => this.#unseal(why))
    return this.#keeper.value === freshState ? freshState : null
  }

  /** Neither state file can be used: what the list's own says, of the moment when it began to serve. */
  #unseal(why: string): void {
    const sealed = this.#folder.sealed()
    if (!sealed && !why) return
    this.#fail(
      new SecureNetError(
        'LIST_STATE_LOST',
        `${why || `${STATE_FILES.join(' and ')} are gone`}; ${sealed ? 'that of the list’s last switch is used' : 'the list is fetched again'}`,
        'Check the flash.',
      ),
    )
    if (sealed) this.#keeper.assume(sealed)
    // Without a state that can be believed, no file can.
    else this.#folder.sweep(freshState, () => false)
  }

  #restore(): void {
    const state = this.#keeper.value
    const { current, previous, probation, failed } = state
    const looping = probation !== null && probation.starts >= startsTolerated
    const opened = looping ? null : this.#open(current)
    // The list is whole, and waits for what keeps it from serving.
    if (opened === 'later') return
    this.#store = opened
    if (current && !this.#store) {
      const code = looping ? 'LIST_PROBATION_FAILED' : 'LIST_DAMAGED'
      this.#fail(new SecureNetError(code, `version ${current.version} cannot serve`, 'It is fetched again.'))
      const wayBack = this.#open(previous)
      this.#store = wayBack === 'later' ? null : wayBack
      this.#keeper.assume({
        ...state,
        current: wayBack ? previous : null,
        previous: null,
        probation: null,
        failed: looping ? withFailed(failed, current.version) : failed,
      })
      // Or it would pass for one that is half built. A medium that refuses must not keep the one before from serving.
      this.#attempt(() => this.#folder.remove(current))
    } else if (probation) {
      this.#keeper.assume({ ...state, probation: { ...probation, starts: probation.starts + 1 } })
    } else if (previous) {
      // Proven, for nothing is on probation: no way back is needed, and nothing else would ever remove its file.
      this.#keeper.assume({ ...state, previous: null })
    }
  }

  /** `later`: it is whole and cannot be mapped, for the lock folder is full or may not be written; tried again. */
  #open(entry: ListFile | null): Store | null | 'later' {
    try {
      return this.#folder.open(entry, (error) => this.#fail(error))
    } catch (error) {
      this.#fail(error)
      this.#reopening = this.#options.clock.after(REOPEN_MS, () => this.#reopen())
      return 'later'
    }
  }

  #reopen(): void {
    const { current } = this.#keeper.value
    if (!this.#running || this.#store || !current) return
    this.#attempt(() => this.#folder.create())
    const opened = this.#open(current)
    if (opened === 'later') return
    if (!opened) {
      this.#fail(
        new SecureNetError('LIST_DAMAGED', `version ${current.version} cannot serve`, 'It is fetched again.'),
      )
      this.#keeper.assume({ ...this.#keeper.value, current: null, probation: null })
      void this.#consider()
      return
    }
    this.#store = opened
    this.#lastError = null
    this.#options.onSwitch(opened)
    this.#options.log.info('list-reopened', { version: current.version })
    this.#probation.watch()
    this.#options.onStatus?.()
  }

  /** Stops at once; what was downloaded is kept for the next start. The store is closed: it must not be asked again. */
  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    this.#head = undefined
    await this.#cancelJob()
    this.#reopening?.cancel()
    this.#probation.cancel()
    if (this.#keeper.value.probation) await this.#forgetStarts().catch((error) => this.#fail(error))
    await this.#keeper.settled()
    await this.#tidying
    await this.#store?.close()
    this.#store = null
  }

  /** Resolves when what is under way has ended: the update served, or was given up. */
  async settled(): Promise<void> {
    await this.#considering
    await this.#job?.over
    await this.#keeper.settled()
    await this.#tidying
  }

  /**
   * A head whose signature and schema were checked. An older one than seen is ignored.
   * Resolves when it is remembered; the update itself goes on behind.
   * @param epoch of the role's keys (control/trust.ts): after a rotation, numbers that a stolen key burnt are free again
   */
  async onHead(head: Head, epoch = this.#keeper.value.epoch): Promise<void> {
    await this.#wiping
    if (!this.#running) return
    const { list, log, onAllow } = this.#options
    if (head.list !== list) {
      this.#fail(new SecureNetError('LIST_WRONG_LIST', `a head of list ${head.list}, not of ${list}`))
      return
    }
    const known = this.#keeper.value
    const newest = { epoch: this.#epoch, sequence: (this.#head ?? known).sequence }
    if (ranksBelow({ epoch, sequence: head.sequence }, newest)) {
      log.warn('list-head-ignored', { epoch, sequence: head.sequence, newest: newest.sequence })
      return
    }
    const rotated = epoch > this.#epoch
    this.#head = head
    this.#newEpoch = epoch
    // A name that is none must not keep the list from being updated.
    this.#attempt(() => onAllow?.(head.allow))
    const { sequence, expires, allow } = head
    const patch = { epoch, sequence, expires, allow, ...(rotated ? { failed: [] } : {}) }
    await this.#keeper.save(patch).catch((error) => {
      // Written with whatever is written next: else a list would serve whose head is forgotten at the next start.
      this.#keeper.assume({ ...this.#keeper.value, ...patch })
      this.#fail(error)
    })
    await this.#consider()
  }

  /** What the newest head wants against what serves; one at a time, for each may end the job of the one before. */
  #consider(): Promise<void> {
    this.#considering = this.#considering.then(() => this.#weigh()).catch((error) => this.#fail(error))
    return this.#considering
  }

  async #weigh(): Promise<void> {
    const wanted = this.#wanted()
    const job = this.#job
    if (wanted && job && sameRelease(job.job.release, wanted)) {
      // Published again, it is what a job that backs off may have been missing.
      const isNews = (this.#head?.sequence ?? 0) > job.sequence
      if (!job.job.isBackingOff || !isNews) return
    }
    await this.#cancelJob()
    const head = this.#head
    if (!wanted || !head) return
    const judged = judgeRelease(wanted, this.#keeper.value, this.#epoch)
    if (judged instanceof SecureNetError) this.#fail(judged)
    else if (judged === 'serves') {
      if (this.#lastError === 'LIST_ROLLBACK') this.#lastError = null
      const { current } = this.#keeper.value
      if (current && (current.epoch ?? 0) !== this.#epoch)
        await this.#keeper.save({ current: { ...current, epoch: this.#epoch } })
    } else this.#begin(head, wanted)
  }

  get #epoch(): number {
    return Math.max(this.#newEpoch, this.#keeper.value.epoch)
  }

  #wanted(): Release | undefined {
    const { modemId } = this.#options
    return this.#head && chooseRelease(this.#head, modemId, new Set(this.#keeper.value.failed))
  }

  #begin(head: Head, release: Release): void {
    const {
      list,
      quotaBytes,
      source,
      openBuilder = buildHere,
      pauseMs = 0,
      clock,
      gate,
      random = Math.random,
    } = this.#options
    const cancel = createCancel()
    const epoch = this.#epoch
    const job = new UpdateJob({
      release,
      list,
      quotaBytes,
      source,
      openBuilder,
      pauseMs,
      clock,
      gate,
      random,
      cancel,
      folder: this.#folder,
      keeper: this.#keeper,
      serving: () => this.#store,
      onReady: (candidate, file) => this.#switch(candidate, { ...file, epoch }),
      onPhase: (phase) => this.#setPhase(phase),
      onError: (error) => this.#fail(error),
    })
    this.#job = { job, over: this.#carryOut(job, cancel, head), sequence: head.sequence }
  }

  async #carryOut(job: UpdateJob, cancel: Cancel, head: Head): Promise<void> {
    const { clock, lineId } = this.#options
    let served = true
    try {
      this.#setPhase('waiting')
      // A line without any list is unprotected, and such lines come one by one: they do not wait.
      if (this.#store) await cancel.pause(clock, spreadDelay(head, job.release.version, lineId, this.#now()))
      // Another version now would take away the proven one that this one may have to give way to.
      await cancel.race(this.#probation.over())
      served = await job.run()
    } catch (error) {
      if (codeOf(error) !== 'LIST_CANCELLED') this.#fail(error)
    }
    this.#job = undefined
    this.#setPhase('idle')
    const wanted = this.#wanted()
    // A candidate that failed leaves the stable version, which may still be newer than what serves.
    if (!served && wanted && wanted.version !== job.release.version) void this.#consider()
  }

  async #cancelJob(): Promise<void> {
    this.#job?.job.cancel()
    await this.#job?.over
  }

  /** Pointer first, then the list: after a power cut the file that it names is there, whole, and passed its gate. */
  async #switch(candidate: Store, current: ListFile): Promise<void> {
    const { onSwitch, onStatus, probationSeconds, log } = this.#options
    const probation = probationSeconds > 0 ? { served: 0, starts: 0 } : null
    // Also without a probation, until the pointer is known to be on the medium: failing in between, either may be there.
    const previous = this.#keeper.value.current
    const patch = { current, previous, probation }
    await this.#folder.seal(current.file, { ...this.#keeper.value, ...patch })
    await this.#keeper.save(patch)
    const former = this.#store
    this.#store = candidate
    this.#lastError = null
    // From here on nothing may throw: the job would close a store that serves.
    const isTaken = this.#attempt(() => onSwitch(candidate))
    log.info('list-switched', { version: current.version, names: current.names })
    if (isTaken) await former?.close().catch((error) => this.#fail(error))
    if (probation) this.#probation.watch()
    else await this.#proven().catch((error) => this.#fail(error))
    onStatus?.()
  }

  async #proven(): Promise<void> {
    await this.#keeper.save({ probation: null, previous: null })
    await this.#tidy()
    this.#options.onStatus?.()
  }

  #tidy(): Promise<void> {
    const state = this.#keeper.value
    this.#tidying = this.#folder.tidy(state, keepNewer(state)).catch((error) => this.#fail(error))
    return this.#tidying
  }

  /** The self-test has passed with the list that serves: earlier starts of the process did not end because of it. */
  async passed(): Promise<void> {
    if (this.#keeper.value.probation?.starts) await this.#forgetStarts()
  }

  /** Asked again when the turn has come: a probation that has ended meanwhile must not begin again. */
  #forgetStarts(): Promise<void> {
    return this.#keeper.save(({ probation }) => ({ probation: probation && { ...probation, starts: 0 } }))
  }

  /**
   * The list that serves does harm. Within its probation the list before it serves again, at once.
   * @returns whether there was a way back
   */
  async reportFailure(reason: string): Promise<boolean> {
    const state = this.#keeper.value
    const { current, previous, probation } = state
    if (!probation || !current) return false
    this.#probation.cancel()
    const former = this.#store
    const opened = this.#open(previous)
    this.#store = opened === 'later' ? null : opened
    this.#options.onSwitch(this.#store)
    this.#fail(
      new SecureNetError('LIST_PROBATION_FAILED', `version ${current.version} was taken back: ${reason}`),
    )
    const patch = {
      current: opened ? previous : null,
      previous: null,
      probation: null,
      failed: withFailed(state.failed, current.version),
    }
    // The household first: should the medium refuse, the way back holds until the next start.
    this.#keeper.assume({ ...state, ...patch })
    await this.#keeper.save(patch).catch((error) => this.#fail(error))
    await former?.close()
    await this.#tidy()
    this.#probation.ended()
    const wanted = this.#wanted()
    if (wanted && wanted.version !== current.version) await this.#consider()
    return true
  }

  /**
   * Removes every octet of the list; a later head begins anew. The rank of the newest head stays (5-control.md): else whoever
   * can replay a retained message could bring an old list back once the line has the service again.
   * @throws what the system said where files stay; asked again at every start
   */
  wipe(): Promise<void> {
    const wiped = this.#wipe()
    this.#wiping = wiped.catch(() => undefined)
    return wiped
  }

  async #wipe(): Promise<void> {
    this.#head = undefined
    await this.#considering
    await this.#cancelJob()
    this.#probation.cancel()
    this.#options.onSwitch(null)
    this.#options.onAllow?.([])
    await this.#store?.close()
    this.#store = null
    await this.#keeper.settled()
    this.#lastError = null
    const { epoch, sequence } = this.#keeper.value
    await this.#tidying
    try {
      // The files first: they are what a full medium needs the room of.
      this.#folder.wipe()
    } finally {
      // Whatever the medium leaves there: nothing of it serves, and a later head is not told that it does.
      await this.#keeper.replace({ ...freshState, epoch, sequence }).catch((error) => this.#fail(error))
      this.#newEpoch = 0
      this.#probation.ended()
    }
  }

  /** Costs nothing: no file is touched. */
  status(): UpdateStatus {
    const { current, sequence, expires, probation, failed } = this.#keeper.value
    const serving = this.#store ? current : null
    const { done, of } = this.#job?.job.progress ?? { done: 0, of: 0 }
    return {
      version: serving?.version ?? null,
      names: serving?.names ?? 0,
      sequence,
      expires,
      stale: expires > 0 && expires * 1000 < this.#now(),
      phase: probation && /^(idle|waiting)$/.test(this.#phase) ? 'probation' : this.#phase,
      progress: { done, of },
      lastError: this.#lastError,
      failedVersions: failed,
    }
  }

  #now(): number {
    return Math.max(this.#options.clock.now(), this.#options.floor())
  }

  #setPhase(phase: JobPhase | 'idle'): void {
    if (this.#phase === phase) return
    this.#phase = phase
    this.#options.onStatus?.()
  }

  #fail(error: unknown): void {
    this.#lastError = codeOf(error)
    this.#options.log.error('list-update', { code: this.#lastError, message: messageOf(error) })
    this.#options.onStatus?.()
  }
}

/** Also what is fetched: a head may put right the chunks that the one before it had wrong. */
function sameRelease(a: Release, b: Release): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
