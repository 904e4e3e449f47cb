import { messageOf } from '../../base/error.ts'
import { SerialQueue } from '../../base/serial-queue.ts'
import { StateFile } from '../../platform/state-file.ts'
import { storageError } from '../store/storage-error.ts'
import { freshState, parseUpdateState, type UpdateState } from './state.ts'

/** Beside each other in the list's folder; what is written to them is the same. */
export const STATE_FILES = ['state.json', 'state-copy.json'] as const

export interface StateFound {
  /** Which file the state was read from; null: none could be used, and it is a fresh one. */
  from: (typeof STATE_FILES)[number] | null
  /** What is wrong with either; that the copy alone is not there is nothing: the power may have failed before it. */
  damage: readonly string[]
  /** Both files say the same. */
  isWhole: boolean
}

type Patch = Partial<UpdateState> | ((state: UpdateState) => Partial<UpdateState>)

export function listStateFile(folder: string, name: string): StateFile<UpdateState> {
  return new StateFile({ folder, name, parse: parseUpdateState, keepPrevious: false })
}

/**
 * The state in memory, never ahead of the one on the medium but where that failed; writes go in the order of the calls.
 * Written twice, so that no damage to one file costs anything: the generation before would not do, for its rank lets the
 * newest head but one be replayed, and it does not know the version that has just failed.
 */
export class StateKeeper {
  readonly #file: StateFile<UpdateState>
  readonly #copy: StateFile<UpdateState>
  readonly #onError: (error: unknown) => void
  #state: UpdateState = freshState
  readonly #writes = new SerialQueue()

  /** @param onError the copy was not written; the state itself is on the medium */
  constructor(folder: string, onError: (error: unknown) => void) {
    const [file, copy] = STATE_FILES
    this.#file = listStateFile(folder, file)
    this.#copy = listStateFile(folder, copy)
    this.#onError = onError
  }

  get value(): UpdateState {
    return this.#state
  }

  load(): StateFound {
    const found = [this.#file, this.#copy].map(readOne)
    const [first, second] = found.map(({ state }) => state && JSON.stringify(state))
    const at = found.findIndex(({ state }) => state !== undefined)
    this.#state = found[at]?.state ?? freshState
    const damage = found.flatMap((one) => (one.damage === undefined ? [] : [one.damage]))
    if (first === undefined && second !== undefined && damage.length === 0)
      damage.push(`${this.#file.path} is gone`)
    return { from: STATE_FILES[at] ?? null, damage, isWhole: first === second }
  }

  /** In memory alone: where the medium failed, or before it is asked. */
  assume(state: UpdateState): void {
    this.#state = state
  }

  /**
   * @param patch a function is asked when its turn has come: what is to be changed may have been changed meanwhile
   * @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO; the state is then what it was
   */
  save(patch: Patch): Promise<void> {
    const saved = this.#writes.run(async () => {
      const before = this.#state
      const next = { ...before, ...(typeof patch === 'function' ? patch(before) : patch) }
      await write(this.#file, next)
      // What was assumed meanwhile is newer; who assumes it saves it.
      if (this.#state === before) this.#state = next
      return next
    })
    // Nobody waits for the copy but the next write.
    void this.#writes.run(() =>
      saved.then(
        (next) => write(this.#copy, next).catch(this.#onError),
        () => undefined,
      ),
    )
    return saved.then(() => undefined)
  }

  /** In memory at once, in both files unless it is there already. @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO */
  async replace(state: UpdateState): Promise<void> {
    const isSame = JSON.stringify(state) === JSON.stringify(this.#state)
    this.#state = state
    if (!isSame) await this.save({})
    await this.settled()
  }

  settled(): Promise<void> {
    return this.#writes.idle()
  }
}

function readOne(file: StateFile<UpdateState>): { state?: UpdateState; damage?: string } {
  try {
    const { value } = file.readSync()
    return value ? { state: value } : {}
  } catch (error) {
    return { damage: messageOf(error) }
  }
}

/** @throws SecureNetError LIST_DISK_FULL, LIST_STORE_IO */
export async function write(file: StateFile<UpdateState>, state: UpdateState): Promise<void> {
  try {
    await file.write(state)
  } catch (error) {
    throw storageError(error instanceof Error ? (error.cause ?? error) : error, file.path)
  }
}
