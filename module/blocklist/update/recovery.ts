import { SecureNetError } from '../../base/error.ts'
import { ListFault } from '../format/list-fault.ts'
import type { Store } from '../store/store.ts'
import { keepNewer, type ListFolder } from './list-folder.ts'
import { freshState, type ListFile, maxCrashedStarts, type UpdateState, withFailed } from './state.ts'
import { STATE_FILES, type StateKeeper } from './state-keeper.ts'

/**
 * What is done once, at the start of the process: after a power cut, a crash or damage the state and the files are brought
 * back to where one list serves, or none. Never throws: without a list the module stays disarmed.
 */
export class Recovery {
  readonly #folder: ListFolder
  readonly #keeper: StateKeeper
  readonly #onError: (error: unknown) => void

  constructor(folder: ListFolder, keeper: StateKeeper, onError: (error: unknown) => void) {
    this.#folder = folder
    this.#keeper = keeper
    this.#onError = onError
  }

  /** @returns the list that serves; null: there is none; `blocked`: it is whole, and waits for what keeps it from serving */
  run(): Store | null | 'blocked' {
    let serving: Store | null | 'blocked' = null
    this.#attempt(() => this.#folder.create())
    const stored = this.#recall()
    this.#attempt(() => {
      serving = this.#restore()
    })
    this.#attempt(() => this.#folder.sweep(this.#keeper.value, keepNewer(this.#keeper.value)))
    if (this.#keeper.value !== stored) void this.#keeper.save({}).catch(this.#onError)
    return serving
  }

  #attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#onError(error)
    }
  }

  /** @returns the state, if it is on the medium as it should be */
  #recall(): UpdateState | null {
    const { from, damage, isWhole } = this.#keeper.load()
    const why = damage.join('; ')
    if (from) {
      if (why)
        this.#onError(
          new SecureNetError('LIST_STATE_RESTORED', `${why}; ${from} is used`, 'Check the flash.'),
        )
      return isWhole ? this.#keeper.value : null
    }
    this.#attempt(() => this.#unseal(why))
    return this.#keeper.value === freshState ? freshState : null
  }

  /** Neither state file can be used: what the list's own says, of the moment when it began to serve. */
  #unseal(why: string): void {
    const sealed = this.#folder.sealed()
    if (!sealed && !why) return
    const gone = why || `${STATE_FILES.join(' and ')} are gone`
    const instead = sealed ? 'that of the list’s last switch is used' : 'the list is fetched again'
    this.#onError(new SecureNetError('LIST_STATE_LOST', `${gone}; ${instead}`, 'Check the flash.'))
    this.#keeper.assume(sealed ?? { ...freshState, damaged: true })
    // Without a state that can be believed, no file can.
    if (!sealed) this.#folder.sweep(freshState, () => false)
  }

  #restore(): Store | null | 'blocked' {
    const state = this.#keeper.value
    const { current, previous, probation } = state
    const isLooping = probation !== null && probation.starts >= maxCrashedStarts
    const opened = current && !isLooping ? this.#folder.open(current, this.#onError) : null
    if (opened === 'blocked') return opened
    if (current && (opened === null || opened === 'damaged')) return this.#takeBack(current, isLooping)
    if (probation)
      this.#keeper.assume({ ...state, probation: { ...probation, starts: probation.starts + 1 } })
    // Proven, for nothing is on probation: no way back is needed, and nothing else would ever remove its file.
    else if (previous) this.#keeper.assume({ ...state, previous: null })
    return opened as Store | null
  }

  #takeBack(current: ListFile, isLooping: boolean): Store | null | 'blocked' {
    const state = this.#keeper.value
    const { previous, failed } = state
    this.#onError(isLooping ? crashLoop(current) : damagedList(current))
    const opened = previous && this.#folder.open(previous, this.#onError)
    const wayBack = opened === 'damaged' ? null : opened
    this.#keeper.assume({
      ...state,
      current: wayBack ? previous : null,
      previous: null,
      probation: null,
      failed: isLooping ? withFailed(failed, current.version) : failed,
      damaged: !wayBack && (!isLooping || opened === 'damaged'),
    })
    // Or it would pass for one that is half built. A medium that refuses must not keep the one before from serving.
    this.#attempt(() => this.#folder.remove(current))
    return wayBack
  }
}

export function damagedList({ version }: ListFile): ListFault {
  return new ListFault('file', 'LIST_DAMAGED', `version ${version} cannot serve`, 'It is fetched again.')
}

function crashLoop({ version }: ListFile): SecureNetError {
  return new SecureNetError(
    'LIST_PROBATION_FAILED',
    `version ${version} cannot serve`,
    'It is fetched again.',
  )
}
