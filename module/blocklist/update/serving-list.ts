import type { Clock, Timer } from '../../base/clock.ts'
import { SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Store } from '../store/store.ts'
import { keepNewer, type ListFolder } from './list-folder.ts'
import { Probation } from './probation.ts'
import { damagedList, Recovery } from './recovery.ts'
import { type ListFile, type UpdateState, withFailed } from './state.ts'
import type { StateKeeper } from './state-keeper.ts'

/** A full tmpfs is emptied by who filled it. */
const REOPEN_MS = 30_000

export interface ServingListOptions {
  folder: ListFolder
  keeper: StateKeeper
  probationSeconds: number
  clock: Clock
  log: Log
  /** The list that serves from now on; the former store is closed once this returns. */
  onSwitch: (store: Store | null) => void
  /** What was wrong is over: a list serves. */
  onHealed: () => void
  /** The list that was waited for is damaged. */
  onLost: () => void
  /** Worth reporting. */
  onStatus: () => void
  onError: (error: unknown) => void
}

/** The list that serves: how it comes back after a start, gives way to another, proves itself or is taken back. */
export class ServingList {
  readonly #options: ServingListOptions
  readonly #probation: Probation
  #store: Store | null = null
  #isRunning = false
  #reopening: Timer | undefined
  /** Files that nobody needs any more are on their way out. */
  #tidying: Promise<void> = Promise.resolve()

  constructor(options: ServingListOptions) {
    const { clock, keeper, probationSeconds, onError } = options
    this.#options = options
    this.#probation = new Probation({
      clock,
      keeper,
      seconds: probationSeconds,
      onProven: () => this.#proven(),
      onError,
    })
  }

  get store(): Store | null {
    return this.#store
  }

  /** Maps the last good list, if its file is whole. */
  start(): void {
    const { folder, keeper, onSwitch, onError } = this.#options
    this.#isRunning = true
    const recovered = new Recovery(folder, keeper, onError).run()
    if (recovered === 'blocked') this.#openLater()
    else this.#store = recovered
    if (this.#store) onSwitch(this.#store)
    this.#probation.watch()
  }

  async stop(): Promise<void> {
    const { keeper, onError } = this.#options
    this.#isRunning = false
    this.#reopening?.cancel()
    this.#probation.cancel()
    if (keeper.value.probation) await this.#forgetStarts().catch(onError)
    await keeper.settled()
    await this.#tidying
    await this.#close()
  }

  async settled(): Promise<void> {
    await this.#options.keeper.settled()
    await this.#tidying
  }

  /** Resolves when no list is on probation. */
  proven(): Promise<void> {
    return this.#probation.over()
  }

  /** Pointer first, then the list: after a power cut the file that it names is there, whole, and passed its gate. */
  async switchTo(candidate: Store, current: ListFile): Promise<void> {
    const { folder, keeper, probationSeconds, log, onSwitch, onHealed, onStatus, onError } = this.#options
    const probation = probationSeconds > 0 ? { served: 0, starts: 0 } : null
    // Also without a probation, until the pointer is known to be on the medium: failing in between, either may be there.
    const previous = keeper.value.current
    const patch = { current, previous, probation, damaged: false }
    await folder.seal(current.file, { ...keeper.value, ...patch })
    await keeper.save(patch)
    const former = this.#store
    this.#store = candidate
    onHealed()
    // From here on nothing may throw: the job would close a store that serves.
    const isTaken = this.#attempt(() => onSwitch(candidate))
    log.info('list-switched', { version: current.version, names: current.names })
    if (isTaken) await former?.close().catch(onError)
    if (probation) this.#probation.watch()
    else await this.#proven().catch(onError)
    onStatus()
  }

  /** The self-test has passed with the list that serves: earlier starts of the process did not end because of it. */
  async passed(): Promise<void> {
    if (this.#options.keeper.value.probation?.starts) await this.#forgetStarts()
  }

  /**
   * The list that serves does harm. Within its probation the list before it serves again, at once.
   * @returns the file that was taken back; null where there was no way back
   */
  async takeBack(reason: string): Promise<ListFile | null> {
    const { folder, keeper, onSwitch, onError } = this.#options
    const state = keeper.value
    const { current, previous, probation } = state
    if (!probation || !current) return null
    this.#probation.cancel()
    const former = this.#store
    const opened = previous && folder.open(previous, onError)
    if (opened === 'blocked') this.#openLater()
    this.#store = opened === 'blocked' || opened === 'damaged' ? null : opened
    onSwitch(this.#store)
    onError(
      new SecureNetError('LIST_PROBATION_FAILED', `version ${current.version} was taken back: ${reason}`),
    )
    const patch: Partial<UpdateState> = {
      current: opened === 'damaged' ? null : previous,
      previous: null,
      probation: null,
      failed: withFailed(state.failed, current.version),
      damaged: opened === 'damaged',
    }
    // The household first: should the medium refuse, the way back holds until the next start.
    keeper.assume({ ...state, ...patch })
    await keeper.save(patch).catch(onError)
    await former?.close()
    await this.#tidy()
    this.#probation.ended()
    return current
  }

  /** Nothing serves any more; the files are the caller's. */
  async end(): Promise<void> {
    this.#probation.cancel()
    this.#options.onSwitch(null)
    await this.#close()
    await this.settled()
    this.#probation.ended()
  }

  #attempt(act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.#options.onError(error)
      return false
    }
  }

  #openLater(): void {
    this.#reopening = this.#options.clock.after(REOPEN_MS, () => this.#reopen())
  }

  #reopen(): void {
    const { folder, keeper, onSwitch, onHealed, onLost, onStatus, onError, log } = this.#options
    const { current } = keeper.value
    if (!this.#isRunning || this.#store || !current) return
    this.#attempt(() => folder.create())
    const opened = folder.open(current, onError)
    if (opened === 'blocked') {
      this.#openLater()
      return
    }
    if (opened === 'damaged') {
      onError(damagedList(current))
      keeper.assume({ ...keeper.value, current: null, probation: null, damaged: true })
      onLost()
      return
    }
    this.#store = opened
    onHealed()
    onSwitch(opened)
    log.info('list-reopened', { version: current.version })
    this.#probation.watch()
    onStatus()
  }

  async #proven(): Promise<void> {
    await this.#options.keeper.save({ probation: null, previous: null })
    await this.#tidy()
    this.#options.onStatus()
  }

  #tidy(): Promise<void> {
    const { folder, keeper, onError } = this.#options
    this.#tidying = folder.tidy(keeper.value, keepNewer(keeper.value)).catch(onError)
    return this.#tidying
  }

  /** Asked again when the turn has come: a probation that has ended meanwhile must not begin again. */
  #forgetStarts(): Promise<void> {
    return this.#options.keeper.save(({ probation }) => ({
      probation: probation && { ...probation, starts: 0 },
    }))
  }

  async #close(): Promise<void> {
    await this.#store?.close()
    this.#store = null
  }
}
