import { codeOf, messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { SerialQueue } from '../../base/serial-queue.ts'
import type { StateFile } from '../../platform/state-file.ts'
import { KeyChain, type RoleEpoch, readKeys } from './key-chain.ts'
import { type Keys, type Role, type RootsFile, roles } from './kinds.ts'
import type { TrustedKeys } from './verify.ts'

/** What the file holds: nothing that is believed by itself. */
export interface StoredTrust {
  v: 2
  /** Keys documents as they came, oldest first; verified from the firmware's roots at each start. */
  chain: readonly string[]
}

/** Of version 1 nothing is believed: its keys had no signature. The walk from the firmware's roots begins again. */
export function parseStoredTrust(data: unknown): StoredTrust {
  if (typeof data === 'object' && data !== null && 'v' in data) {
    if (data.v === 1 && 'knownRoots' in data) return { v: 2, chain: [] }
    if (data.v === 2 && 'chain' in data && Array.isArray(data.chain))
      if (data.chain.every((text) => typeof text === 'string')) return { v: 2, chain: data.chain }
  }
  throw new Error('not a trust state of version 2')
}

export interface AcceptedKeys {
  readonly outcome: 'applied' | 'repeated'
  readonly payload: Keys
  /** Roles none of whose keys before is left: whatever a thief has signed with one counts no more. */
  readonly replaced: readonly Role[]
}

export interface TrustOptions {
  roots: RootsFile
  file: Pick<StateFile<StoredTrust>, 'read' | 'write' | 'setAside'>
  log: Log
}

/**
 * Which keys count now. Documents `keys/1`, `keys/2`, ... are walked one by one, so that a modem that slept for a year gets
 * there alone. The documents themselves are kept, and walked again from the firmware's roots at each start: whoever can
 * write the file can take newer keys away until the broker gives them again, and can add none.
 */
export class Trust implements TrustedKeys {
  readonly #options: TrustOptions
  #chain: KeyChain
  readonly #queue = new SerialQueue()

  constructor(options: TrustOptions) {
    this.#options = options
    this.#chain = new KeyChain(options.roots)
  }

  /** Takes what verifies of the stored chain; the broker has the rest. */
  async load(): Promise<void> {
    const { file, log, roots } = this.#options
    this.#chain = new KeyChain(roots)
    let stored: StoredTrust | undefined
    try {
      stored = (await file.read()).value
    } catch (error) {
      log.warn('trust-damaged', { why: messageOf(error) })
      await file.setAside().catch(() => undefined)
    }
    try {
      for (const text of stored?.chain ?? []) await this.#take(text)
    } catch (error) {
      // Also after a firmware with other roots: it is the authority, and a chain that does not pass through them is left.
      log.warn('trust-unverified', { number: this.number, code: codeOf(error), why: messageOf(error) })
    }
  }

  async #take(text: string): Promise<void> {
    const read = readKeys(Buffer.from(text, 'latin1'))
    // Documents from before the firmware's roots cannot be verified, and need not be.
    if (read.keys.number < (this.#options.roots.number ?? 1)) return
    this.#checkNumber(read.keys.number)
    this.#chain = await this.#chain.extended(read)
  }

  /** Number of the current keys document; before the first, the one ahead of the firmware's. */
  get number(): number {
    return this.#chain.number
  }

  /** The document to ask for: topic keys/{next}. */
  get next(): number {
    return this.number + 1
  }

  /** Of the current keys document, seconds since 1970. */
  get issuedAt(): number | undefined {
    return this.#chain.newest?.keys.issuedAt
  }

  /** Past `expires` newer keys are withheld or overdue: reported, never a reason to stop protecting. */
  isStale(now: number): boolean {
    const expires = this.#chain.newest?.keys.expires
    return expires !== undefined && expires <= now
  }

  role(role: Role): RoleEpoch | undefined {
    return this.#chain.of(role)[0]
  }

  /** The role's keys in every document since the firmware's roots, newest first. */
  past(role: Role): readonly RoleEpoch[] {
    return this.#chain.of(role)
  }

  placeOf = (kid: string): string | undefined => this.#chain.placeOf(kid)

  /**
   * A keys document as it came from keys/{n}. Resolves once it is on flash.
   * @throws SecureNetError DOC_* as verifyDocument; KEYS_OLDER, KEYS_SKIPPED, KEYS_CONFLICT, KEYS_INVALID; STATE_*
   */
  accept(bytes: Uint8Array): Promise<AcceptedKeys> {
    return this.#queue.run(() => this.#accept(bytes))
  }

  async #accept(bytes: Uint8Array): Promise<AcceptedKeys> {
    const read = readKeys(bytes)
    const payload = read.keys
    if (payload.number === this.number && read.digest === this.#chain.newest?.digest)
      return { outcome: 'repeated', payload, replaced: [] }
    this.#checkNumber(payload.number)
    const before = this.#chain.newest
    const chain = await this.#chain.extended(read)
    await this.#options.file.write({ v: 2, chain: chain.texts })
    this.#chain = chain
    this.#options.log.info('keys-accepted', { number: payload.number })
    const replaced = roles.filter(
      (role) => before && chain.newest && chain.newest.epochs[role] > before.epochs[role],
    )
    return { outcome: 'applied', payload, replaced }
  }

  /** Before the signatures, so that a modem that sleeps gets the code that tells it to walk. */
  #checkNumber(number: number): void {
    const { next } = this
    const remedy = `Publish keys/${next}; keys documents are never cleared from the broker.`
    if (number === next) return
    if (number > next)
      throw new SecureNetError('KEYS_SKIPPED', `keys ${number}: the next one is ${next}`, remedy)
    const conflict = number === next - 1 && this.#chain.newest !== undefined
    throw new SecureNetError(
      conflict ? 'KEYS_CONFLICT' : 'KEYS_OLDER',
      `keys ${number}: ${conflict ? 'another document with this number is in force' : `number ${next - 1} is in force`}`,
      remedy,
    )
  }
}
