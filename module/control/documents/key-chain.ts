import { createHash } from 'node:crypto'
import { checkSignatures, type Jws, readJws } from './jws.ts'
import { checkKeySet, keysInvalid } from './keys.ts'
import { type Keys, type Role, type RoleKeys, type RootSet, type RootsFile, roles } from './kinds.ts'
import { parsePayload } from './verify.ts'

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

/** A keys document as it came, in its form only. */
export interface ReadKeys {
  readonly text: string
  readonly jws: Jws
  readonly keys: Keys
  /** SHA-256 of the payload: signatures may be added to a document without changing it. */
  readonly digest: string
}

/** @throws SecureNetError DOC_TOO_LARGE, DOC_NOT_JWS, DOC_BAD_HEADER, DOC_WRONG_TYP, DOC_NOT_JSON, DOC_SCHEMA */
export function readKeys(bytes: Uint8Array): ReadKeys {
  const jws = readJws('keys', bytes)
  return {
    text: Buffer.from(bytes).toString('latin1'),
    jws,
    keys: parsePayload('keys', jws.payload),
    digest: createHash('sha256').update(jws.payload).digest('base64url'),
  }
}

interface Link extends Omit<ReadKeys, 'jws'> {
  readonly epochs: Readonly<Record<Role, number>>
}

/** A role's keys as one keys document has them. */
export interface RoleEpoch {
  readonly keys: RoleKeys
  /** Number of the keys document since which they are all new: signatures under earlier keys rank below. */
  readonly epoch: number
}

function eachRole(value: (role: Role) => number): Record<Role, number> {
  return { line: value('line'), list: value('list'), request: value('request'), fleet: value('fleet') }
}

/** Only where no old key is left can an old document not come back: then numbers that a thief burnt are free again. */
function isReplaced(before: RoleKeys, after: RoleKeys): boolean {
  const old = new Set(before.keys.map((key) => key.kid))
  return !after.keys.some((key) => old.has(key.kid))
}

/**
 * Keys documents, each signed by enough of its predecessor's roots and of its own (as TUF §5.3 does for root metadata); the
 * first by those in the firmware. What is in it was verified, by whoever made it. Never changed.
 */
export class KeyChain {
  readonly #roots: RootsFile
  readonly #links: readonly Link[]

  constructor(roots: RootsFile, links: readonly Link[] = []) {
    this.#roots = roots
    this.#links = links
  }

  get newest(): Link | undefined {
    return this.#links.at(-1)
  }

  /** Of the newest document; without one, the number before the firmware's. */
  get number(): number {
    return this.newest?.keys.number ?? (this.#roots.number ?? 1) - 1
  }

  /** The documents as they came, oldest first. */
  get texts(): readonly string[] {
    return this.#links.map(({ text }) => text)
  }

  /** Of every document, newest first: what was signed before a rotation was signed rightly. */
  of(role: Role): readonly RoleEpoch[] {
    return this.#links.map(({ keys, epochs }) => ({ keys: keys.roles[role], epoch: epochs[role] })).reverse()
  }

  placeOf = (kid: string): string | undefined => {
    const keys = this.newest?.keys
    const has = (set: RootSet) => set.keys.some((key) => key.kid === kid)
    if (has(this.#rootSet)) return 'root'
    return keys && roles.find((role) => has(keys.roles[role]))
  }

  /**
   * @param read the document with the next number
   * @throws SecureNetError KEYS_INVALID; DOC_* as checkSignatures
   */
  async extended({ text, jws, keys, digest }: ReadKeys): Promise<KeyChain> {
    checkKeys(keys)
    await checkSignatures(jws, this.#rootSet, this.placeOf)
    await checkSignatures(jws, keys.roots, this.placeOf)
    const before = this.newest
    const epochs = eachRole((role) =>
      !before || isReplaced(before.keys.roles[role], keys.roles[role]) ? keys.number : before.epochs[role],
    )
    return new KeyChain(this.#roots, [...this.#links, { text, keys, digest, epochs }])
  }

  get #rootSet(): RootSet {
    return this.newest?.keys.roots ?? this.#roots.roots
  }
}
