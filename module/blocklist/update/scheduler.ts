import type { Clock } from '../../base/clock.ts'
import { SecureNetError } from '../../base/error.ts'
import type { Head, Release } from '../format/head.ts'
import type { AcceptanceCheck } from './acceptance.ts'
import { type Cancel, Cancelled, createCancel } from './cancel.ts'
import type { Downloader } from './downloader.ts'
import { type JobPhase, UpdateJob } from './job.ts'
import type { ListFolder } from './list-folder.ts'
import { judgeRelease, spreadDelay } from './plan.ts'
import type { ServingList } from './serving-list.ts'
import type { StateKeeper } from './state-keeper.ts'

/** A head, under which keys it was signed, and the release that it means for this modem. */
export interface Wanted {
  head: Head
  epoch: number
  release: Release
  /** Percent of the names that serve; undefined: any number. */
  maxChange?: number | undefined
}

export interface SchedulerOptions {
  lineId: string
  clock: Clock
  /** ms since 1970: the time that it is at least. */
  now: () => number
  /** 0 <= x < 1 */
  random: () => number
  gate: AcceptanceCheck
  downloader: Downloader
  folder: ListFolder
  keeper: StateKeeper
  serving: ServingList
  /** undefined: nothing */
  wanted: () => Wanted | undefined
  /** What is wanted serves already. */
  onServes: () => void
  onStatus: () => void
  onError: (error: unknown) => void
}

/** Weighs what the newest head wants against what serves, and runs one job at a time. */
export class Scheduler {
  readonly #options: SchedulerOptions
  /** `sequence` of the head that began it. */
  #job: { job: UpdateJob; over: Promise<void>; sequence: number } | undefined
  #phase: JobPhase | 'idle' = 'idle'
  #considering: Promise<void> = Promise.resolve()

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  get phase(): JobPhase | 'idle' {
    return this.#phase
  }

  /** Chunks of the job at work. */
  get progress(): { done: number; of: number } {
    const { done, of } = this.#job?.job.progress ?? { done: 0, of: 0 }
    return { done, of }
  }

  /** One at a time, for each may end the job of the one before. Resolves when the job has begun. */
  consider(): Promise<void> {
    this.#considering = this.#considering
      .then(() => this.#weigh())
      .catch((error) => this.#options.onError(error))
    return this.#considering
  }

  /** Once a version is given up: for another that the head names. */
  reconsider(version: number): Promise<void> {
    const wanted = this.#options.wanted()
    return wanted && wanted.release.version !== version ? this.consider() : Promise.resolve()
  }

  async cancel(): Promise<void> {
    this.#job?.job.cancel()
    await this.#job?.over
  }

  async settled(): Promise<void> {
    await this.#considering
    await this.#job?.over
  }

  /** Nothing is weighed any more, and no job runs. */
  async quiet(): Promise<void> {
    await this.#considering
    await this.cancel()
  }

  async #weigh(): Promise<void> {
    const { keeper, wanted: wants, onServes, onError } = this.#options
    const wanted = wants()
    const job = this.#job
    if (wanted && job && sameRelease(job.job.release, wanted.release)) {
      // Published again, it is what a job that backs off may have been missing.
      const isNews = wanted.head.sequence > job.sequence
      if (!job.job.isBackingOff || !isNews) return
    }
    await this.cancel()
    if (!wanted) return
    const { release, epoch } = wanted
    const judged = judgeRelease(release, keeper.value, wanted)
    if (judged instanceof SecureNetError) onError(judged)
    else if (judged === 'fetch') this.#begin(wanted)
    else {
      onServes()
      const { current } = keeper.value
      if (current && (current.epoch ?? 0) !== epoch) await keeper.save({ current: { ...current, epoch } })
    }
  }

  #begin({ head, epoch, release }: Wanted): void {
    const { downloader, clock, gate, random, folder, keeper, serving, onError } = this.#options
    const cancel = createCancel()
    const job = new UpdateJob({
      release,
      downloader,
      clock,
      gate,
      random,
      cancel,
      folder,
      keeper,
      serving: () => serving.store,
      onReady: (candidate, file) => serving.switchTo(candidate, { ...file, epoch }),
      onPhase: (phase) => this.#setPhase(phase),
      onError,
    })
    this.#job = { job, over: this.#carryOut(job, cancel, head), sequence: head.sequence }
  }

  async #carryOut(job: UpdateJob, cancel: Cancel, head: Head): Promise<void> {
    const { clock, lineId, serving, now, onError } = this.#options
    const { version } = job.release
    let served = true
    try {
      this.#setPhase('waiting')
      // A line without any list is unprotected, and such lines come one by one: they do not wait.
      if (serving.store) await cancel.pause(clock, spreadDelay(head, version, lineId, now()))
      // Another version now would take away the proven one that this one may have to give way to.
      await cancel.race(serving.proven())
      served = await job.run()
    } catch (error) {
      if (!(error instanceof Cancelled)) onError(error)
    }
    this.#job = undefined
    this.#setPhase('idle')
    // A candidate that failed leaves the stable version, which may still be newer than what serves.
    if (!served) void this.reconsider(version)
  }

  #setPhase(phase: JobPhase | 'idle'): void {
    if (this.#phase === phase) return
    this.#phase = phase
    this.#options.onStatus()
  }
}

/** Also what is fetched: a head may put right the chunks that the one before it had wrong. */
function sameRelease(a: Release, b: Release): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
