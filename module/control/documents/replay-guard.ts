import { messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { SerialQueue } from '../../base/serial-queue.ts'
import type { StateFile } from '../../platform/state-file.ts'

/** What the file holds. */
export interface StoredReplay {
  v: 1
  /** Of the request role's keys (trust.ts): nonces under replaced keys need not be kept, nobody obeys those any more. */
  epoch?: number
  /** [nonce, expires] */
  used: [string, number][]
  /** The greatest `expires` of a nonce that was forgotten; nothing that expires earlier is executed any more. */
  forgotten: number
}

export function parseStoredReplay(data: unknown): StoredReplay {
  if (typeof data === 'object' && data !== null && 'v' in data && data.v === 1 && 'used' in data)
    return data as StoredReplay
  throw new Error('not a replay state of version 1')
}

export interface ReplayOptions {
  file: Pick<StateFile<StoredReplay>, 'read' | 'write' | 'setAside'>
  log: Log
  /** @default 256 unexpired nonces */
  most?: number
}

/** What of a verified request says that it was executed. */
export interface ClaimedRequest {
  readonly nonce: string
  readonly expires: number
  readonly epoch: number
}

const REMEDY = 'Send a new request with a fresh nonce.'

/**
 * A request is executed once. Nonces are kept until they expire; `forgotten` makes that safe against a clock that goes
 * back, and a full memory refuses rather than forgets.
 */
export class ReplayGuard {
  readonly #options: ReplayOptions
  #used = new Map<string, number>()
  #forgotten = 0
  /** Undefined: of nonces before there were epochs; those of the first claim are taken for theirs. */
  #epoch: number | undefined
  readonly #queue = new SerialQueue()

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  /**
   * @param now seconds since 1970; where the file is damaged, requests that expire within a day from now are refused,
   *   because which of them were executed is not known
   */
  async load(now: number): Promise<void> {
    const { file, log } = this.#options
    try {
      const { value } = await file.read()
      this.#used = new Map(value?.used)
      this.#forgotten = value?.forgotten ?? 0
      this.#epoch = value?.epoch
    } catch (error) {
      log.warn('replay-guard-damaged', { why: messageOf(error) })
      this.#forgotten = now + 86_400
      await file.setAside().catch(() => undefined)
    }
  }

  /**
   * Resolves once the nonce is on flash: only then may the request be executed.
   * @param now seconds since 1970
   * @throws SecureNetError DOC_REPLAYED, DOC_REPLAY_FULL, STATE_*
   */
  claim(request: ClaimedRequest, now: number): Promise<void> {
    return this.#queue.run(() => this.#claim(request, now))
  }

  async #claim({ nonce, expires, epoch }: ClaimedRequest, now: number): Promise<void> {
    // Else a thief's nonces, which may expire in twenty years, would fill the memory for as long.
    const afresh = this.#epoch !== undefined && epoch > this.#epoch
    const used = new Map(afresh ? [] : this.#used)
    let forgotten = afresh ? 0 : this.#forgotten
    if (used.has(nonce))
      throw new SecureNetError('DOC_REPLAYED', 'a request with this nonce was executed', REMEDY)
    if (expires <= forgotten)
      throw new SecureNetError('DOC_REPLAYED', 'it expires before one that is forgotten by now', REMEDY)
    for (const [old, until] of used)
      if (until <= now) {
        used.delete(old)
        forgotten = Math.max(forgotten, until)
      }
    if (used.size >= (this.#options.most ?? 256))
      throw new SecureNetError(
        'DOC_REPLAY_FULL',
        'too many requests are unexpired',
        'Wait until earlier ones expire.',
      )
    used.set(nonce, expires)
    await this.#options.file.write({ v: 1, epoch, used: [...used], forgotten })
    this.#epoch = epoch
    this.#used = used
    this.#forgotten = forgotten
  }
}
