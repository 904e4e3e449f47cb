import { createHash } from 'node:crypto'
import { messageOf, SecureNetError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { schemaViolation } from '../../base/schema-error.ts'
import { SerialQueue } from '../../base/serial-queue.ts'
import type { StateFile } from '../../platform/state-file.ts'
import { validate as validateRoots } from '../schemas/roots.json?compiled'
import { checkSignatures, type Jws, readJws } from './jws.ts'
import { checkKeySet, keysInvalid } from './keys.ts'
import { type Keys, type Role, type RoleKeys, type RootSet, type RootsFile, roles } from './kinds.ts'
import { parsePayload, type TrustedKeys } from './verify.ts'

/** What the file holds. Its own checksum guards it; signatures were verified before it was written. */
export interface StoredTrust {
  v: 1
  /** Digests of every root set of the walk: a firmware whose roots are among them continues it. */
  knownRoots: string[]
  /** Of the last keys document, 0 before the first. */
  number: number
  keys?: Keys
  /** Of the last keys document's payload. */
  digest?: string
  epochs: Record<Role, number>
  /** The role's keys as last known; kept across new trust anchors. */
  kids: Record<Role, string[]>
}

export function parseStoredTrust(data: unknown): StoredTrust {
  if (typeof data === 'object' && data !== null && 'v' in data && data.v === 1 && 'knownRoots' in data)
    return data as StoredTrust
  throw new Error('not a trust state of version 1')
}

/**
 * @param text content of the roots file in the firmware
 * @throws SecureNetError ROOTS_INVALID
 */
export function parseRootsFile(text: string): RootsFile {
  try {
    const data: unknown = JSON.parse(text)
    if (!validateRoots(data)) throw new Error(schemaViolation(validateRoots.errors))
    const file = data as RootsFile
    checkKeySet('roots', file.roots)
    return file
  } catch (error) {
    throw new SecureNetError(
      'ROOTS_INVALID',
      `the roots file cannot be used: ${messageOf(error)}`,
      'Install the operator’s roots file again; without it the module obeys nobody.',
      { cause: error },
    )
  }
}

function rootsDigest({ threshold, keys }: RootSet): string {
  const text = `${threshold} ${keys
    .map((key) => key.kid)
    .sort()
    .join(' ')}`
  return createHash('sha256').update(text).digest('base64url')
}

/** A key has one place only: a key stolen from an online server must not turn out to be a root. */
export function checkKeys(keys: Keys): void {
  const sets: [string, RootSet][] = [
    ['roots', keys.roots],
    ...roles.map((role): [string, RootSet] => [role, keys.roles[role]]),
  ]
  const placeOf = new Map<string, string>()
  for (const [place, set] of sets) {
    checkKeySet(place, set)
    for (const { kid } of set.keys) {
      const other = placeOf.get(kid)
      if (other !== undefined) throw keysInvalid(`key ${kid} is listed under ${other} and ${place}`)
      placeOf.set(kid, place)
    }
  }
}

function eachRole<T>(value: (role: Role) => T): Record<Role, T> {
  return { line: value('line'), list: value('list'), request: value('request'), fleet: value('fleet') }
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
 * Which keys count now. Documents `keys/1`, `keys/2`, ... are walked one by one, each signed by enough of its predecessor's
 * roots and of its own (as TUF §5.3 does for root metadata), so that a modem that slept for a year gets there alone.
 */
export class Trust implements TrustedKeys {
  readonly #options: TrustOptions
  #state: StoredTrust
  readonly #queue = new SerialQueue()

  constructor(options: TrustOptions) {
    this.#options = options
    this.#state = this.#fresh(1)
  }

  /**
   * @param minEpoch the highest epoch that the line store knows: where the stored trust is lost, counting goes on there
   */
  async load(minEpoch = 1): Promise<void> {
    const { file, log } = this.#options
    this.#state = this.#fresh(minEpoch)
    let stored: StoredTrust | undefined
    try {
      stored = (await file.read()).value
    } catch (error) {
      log.warn('trust-damaged', { why: messageOf(error) })
      await file.setAside().catch(() => undefined)
    }
    if (!stored) return
    const anchor = rootsDigest(this.#options.roots.roots)
    if (stored.knownRoots.includes(anchor)) this.#state = stored
    else {
      // The firmware is the authority: a chain that does not pass through its roots is left, its replay guards stay.
      log.warn('trust-anchors-changed', { number: stored.number })
      this.#state = { ...this.#state, epochs: stored.epochs, kids: stored.kids }
    }
  }

  /** Number of the current keys document; before the first, the one ahead of the firmware's. */
  get number(): number {
    return this.#state.number
  }

  /** The document to ask for: topic keys/{next}. */
  get next(): number {
    return this.#state.number + 1
  }

  /** Past `expires` newer keys are withheld or overdue: reported, never a reason to stop protecting. */
  isStale(now: number): boolean {
    const expires = this.#state.keys?.expires
    return expires !== undefined && expires <= now
  }

  role(role: Role): { keys: RoleKeys; epoch: number } | undefined {
    const keys = this.#state.keys?.roles[role]
    return keys && { keys, epoch: this.#state.epochs[role] }
  }

  placeOf = (kid: string): string | undefined => {
    const { keys } = this.#state
    const has = (set: RootSet) => set.keys.some((key) => key.kid === kid)
    if (has(keys?.roots ?? this.#options.roots.roots)) return 'root'
    return keys && roles.find((role) => has(keys.roles[role]))
  }

  /**
   * A keys document as it came from keys/{n}. Resolves once it is on flash.
   * @throws SecureNetError DOC_* as verifyDocument; KEYS_OLDER, KEYS_SKIPPED, KEYS_CONFLICT, KEYS_INVALID; STATE_*
   */
  accept(bytes: Uint8Array): Promise<AcceptedKeys> {
    return this.#queue.run(() => this.#accept(bytes))
  }

  async #accept(bytes: Uint8Array): Promise<AcceptedKeys> {
    const jws = readJws('keys', bytes)
    const payload = parsePayload('keys', jws.payload)
    const digest = createHash('sha256').update(jws.payload).digest('base64url')
    if (payload.number === this.#state.number && digest === this.#state.digest)
      return { outcome: 'repeated', payload, replaced: [] }
    this.#checkNumber(payload.number)
    checkKeys(payload)
    await this.#checkRoots(jws, payload)
    const { epochs } = this.#state
    const state = this.#after(payload, digest)
    await this.#options.file.write(state)
    this.#state = state
    this.#options.log.info('keys-accepted', { number: payload.number })
    const replaced = roles.filter((role) => state.epochs[role] > epochs[role])
    return { outcome: 'applied', payload, replaced }
  }

  /** Before the signatures, so that a modem that sleeps gets the code that tells it to walk. */
  #checkNumber(number: number): void {
    const { next } = this
    const remedy = `Publish keys/${next}; keys documents are never cleared from the broker.`
    if (number === next) return
    if (number > next)
      throw new SecureNetError('KEYS_SKIPPED', `keys ${number}: the next one is ${next}`, remedy)
    const conflict = number === next - 1 && this.#state.keys !== undefined
    throw new SecureNetError(
      conflict ? 'KEYS_CONFLICT' : 'KEYS_OLDER',
      `keys ${number}: ${conflict ? 'another document with this number is in force' : `number ${next - 1} is in force`}`,
      remedy,
    )
  }

  async #checkRoots(jws: Jws, payload: Keys): Promise<void> {
    const current = this.#state.keys?.roots ?? this.#options.roots.roots
    await checkSignatures(jws, current, this.placeOf)
    await checkSignatures(jws, payload.roots, this.placeOf)
  }

  #after(keys: Keys, digest: string): StoredTrust {
    const { knownRoots, epochs, kids } = this.#state
    const now = eachRole((role) => keys.roles[role].keys.map((key) => key.kid))
    // Only where no old key is left can an old document not come back: then numbers that a thief burnt are free again.
    const replaced = (role: Role) =>
      kids[role].length > 0 && !now[role].some((kid) => kids[role].includes(kid))
    return {
      v: 1,
      knownRoots: [...new Set([...knownRoots, rootsDigest(keys.roots)])],
      number: keys.number,
      keys,
      digest,
      epochs: eachRole((role) => epochs[role] + (replaced(role) ? 1 : 0)),
      kids: now,
    }
  }

  #fresh(epoch: number): StoredTrust {
    const { roots, number = 1 } = this.#options.roots
    return {
      v: 1,
      knownRoots: [rootsDigest(roots)],
      number: number - 1,
      epochs: eachRole(() => Math.max(epoch, 1)),
      kids: eachRole(() => []),
    }
  }
}
