import type { Clock } from '../../base/clock.ts'
import type { Release } from '../format/head.ts'
import { type Blame, blameOf, ListFault } from '../format/list-fault.ts'
import { openStore, type Store } from '../store/store.ts'
import type { AcceptanceCheck } from './acceptance.ts'
import type { Cancel } from './cancel.ts'
import { type Downloader, stepFile } from './downloader.ts'
import type { ListFolder } from './list-folder.ts'
import { type PlanStep, planUpdate } from './plan.ts'
import { retryDelay, snapshotInstead, spoilsFile, worthRetrying } from './retry.ts'
import { type ListFile, type UpdateState, withFailed } from './state.ts'
import type { StateKeeper } from './state-keeper.ts'

export type JobPhase = 'waiting' | 'downloading' | 'verifying'

export interface JobOptions {
  release: Release
  downloader: Downloader
  clock: Clock
  gate: AcceptanceCheck
  random: () => number
  folder: ListFolder
  keeper: StateKeeper
  cancel: Cancel
  /** What serves now. */
  serving: () => Store | null
  /** @throws whatever keeps it from serving; the job then closes the store */
  onReady: (candidate: Store, file: ListFile) => Promise<void>
  onPhase: (phase: JobPhase) => void
  onError: (error: unknown) => void
}

/** Brings one release here: tries, waits and tries again until it serves or is given up. */
export class UpdateJob {
  readonly release: Release
  /** Chunks. */
  readonly progress = { done: 0, of: 0 }
  readonly #options: JobOptions
  #isBackingOff = false
  #snapshotOnly = false
  /** What is half built cannot be trusted, and may be there still: a medium that fails does not remove either. */
  #isSpoilt = false

  constructor(options: JobOptions) {
    this.release = options.release
    this.#options = options
  }

  cancel(): void {
    this.#options.cancel.cancel()
  }

  /** It has failed, and waits for the next try. */
  get isBackingOff(): boolean {
    return this.#isBackingOff
  }

  /**
   * @returns whether it serves now; if not, the version is remembered as failed
   * @throws Cancelled
   */
  async run(): Promise<boolean> {
    const { clock, cancel, random, onPhase, onError } = this.#options
    for (let failures = 0; ; ) {
      const reached = this.progress.done
      const steps = this.#plan()
      try {
        await this.#attempt(steps)
        return true
      } catch (error) {
        cancel.check()
        onError(error)
        const blame = blameOf(error)
        // What is thrown away has not come nearer: a flaky medium would be asked for the whole list every few seconds.
        const cameNearer = this.progress.done > reached && !spoilsFile(blame)
        failures = cameNearer ? 1 : failures + 1
        const next = await this.#after(blame, steps, failures)
        if (next === 'give-up') return false
        if (next === 'snapshot') continue
        onPhase('waiting')
        this.#isBackingOff = true
        await cancel.pause(clock, retryDelay(failures, blame, random()))
        this.#isBackingOff = false
      }
    }
  }

  #plan(): PlanStep[] {
    const { keeper, serving } = this.#options
    return planUpdate(this.release, this.#snapshotOnly || !serving() ? null : keeper.value.current)
  }

  async #after(
    blame: Blame | null,
    steps: readonly PlanStep[],
    failures: number,
  ): Promise<'retry' | 'snapshot' | 'give-up'> {
    if (spoilsFile(blame)) await this.#discard()
    if (steps[0]?.kind === 'delta' && snapshotInstead(blame, failures)) {
      this.#snapshotOnly = true
      return 'snapshot'
    }
    if (worthRetrying(blame)) return 'retry'
    await this.#giveUp()
    return 'give-up'
  }

  async #discard(): Promise<void> {
    const { folder, keeper, onError } = this.#options
    this.#isSpoilt = true
    await folder
      .tidy(keeper.value, () => false)
      .then(() => {
        this.#isSpoilt = false
      }, onError)
  }

  async #giveUp(): Promise<void> {
    const { keeper, cancel, onError } = this.#options
    const failing = (state: UpdateState) => ({ failed: withFailed(state.failed, this.release.version) })
    // Of another epoch's head the number may be used again.
    cancel.check()
    await keeper.save(failing).catch((error) => {
      // Known until the next start, and written with whatever is written next.
      keeper.assume({ ...keeper.value, ...failing(keeper.value) })
      onError(error)
    })
  }

  async #attempt(steps: readonly PlanStep[]): Promise<void> {
    const { downloader, folder, keeper, serving, cancel, onPhase } = this.#options
    const files = new Set(steps.map(stepFile))
    folder.create()
    await folder.tidy(keeper.value, (file) => !this.#isSpoilt && files.has(file))
    this.#isSpoilt = false
    this.progress.done = 0
    this.progress.of = steps.reduce((sum, { chunks }) => sum + chunks.length, 0)
    onPhase('downloading')
    const built = await downloader.run({
      release: this.release,
      steps,
      base: serving(),
      used: folder.used(keeper.value),
      cancel,
      onChunk: (done) => {
        this.progress.done = done
      },
      onVerify: () => onPhase('verifying'),
    })
    const { version, key } = this.release
    const { names, digest, result } = built
    const file = stepFile(steps.at(-1) as PlanStep)
    await this.#offer(openStore(built.path, folder.locks), { version, key, names, file, digest, result })
  }

  async #offer(candidate: Store, file: ListFile): Promise<void> {
    const { gate, cancel, onReady } = this.#options
    try {
      const why = gate(candidate)
      if (why !== null)
        throw new ListFault(
          'acceptance',
          'LIST_GATE_FAILED',
          `version ${file.version} must not serve: ${why}`,
          'Publish a better one under a higher version.',
        )
      cancel.check()
      await onReady(candidate, file)
    } catch (error) {
      await candidate.close()
      throw error
    }
  }
}
