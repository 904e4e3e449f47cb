import { SecureNetError } from '../../../module/base/error.ts'
import { readJws } from '../../../module/control/documents/jws.ts'
import {
  type Keys,
  type PublicKey,
  type Role,
  type RootSet,
  roles,
} from '../../../module/control/documents/kinds.ts'
import { parsePayload } from '../../../module/control/documents/verify.ts'
import { generateSigningKey, type HeldKey, type SigningKey } from './signing-key.ts'

/** Where keys are that are not in a file of the folder. */
export interface KeyAgent {
  keys(): Promise<SigningKey[]>
}

/** Public keys whose private parts the agent has, instead of fresh ones. */
export type GivenKeys = Partial<Record<Role | 'roots', readonly PublicKey[]>>

export interface KeysDocument {
  number: number
  jws: string
}

export function allKids(keys: Keys): string[] {
  return [keys.roots, ...roles.map((role) => keys.roles[role])].flatMap((set) =>
    set.keys.map((key) => key.kid),
  )
}

/** Fresh keys for the places that were given none. */
export function freshFor(
  places: readonly (Role | 'roots')[],
  given: GivenKeys,
  count: (place: Role | 'roots') => number,
): Map<Role | 'roots', HeldKey[]> {
  const fresh = (place: Role | 'roots') => Array.from({ length: count(place) }, generateSigningKey)
  return new Map(places.filter((place) => !given[place]).map((place) => [place, fresh(place)]))
}

/**
 * The given root keys that the agent can sign with.
 * @throws SecureNetError SIGN_NO_KEY where a role would be left that nobody can sign for
 */
export async function heldBy(
  agent: KeyAgent | undefined,
  given: GivenKeys,
  keys: Keys,
): Promise<{ roots: SigningKey[] }> {
  if (Object.keys(given).length === 0) return { roots: [] }
  const held = (await agent?.keys()) ?? []
  const of = (place: Role | 'roots') =>
    held.filter(({ publicKey }) => given[place]?.some(({ kid }) => kid === publicKey.kid))
  for (const place of ['roots', ...roles] as const) {
    const { threshold } = place === 'roots' ? keys.roots : keys.roles[place]
    if (given[place] && of(place).length < threshold)
      throw new SecureNetError(
        'SIGN_NO_KEY',
        `the agent holds ${of(place).length} of the ${threshold} keys of ${place} that are needed`,
        'Add them to the agent first; `ssh-add -l` shows what it holds.',
      )
  }
  return { roots: of('roots') }
}

export function publicKeys(keys: readonly SigningKey[] = []): PublicKey[] {
  return keys.map((key) => key.publicKey)
}

export function payloadOf(document: KeysDocument | undefined): Keys {
  if (!document)
    throw new SecureNetError(
      'SIGN_NO_FOLDER',
      'the folder holds no keys document',
      'Restore it from its back-up.',
    )
  return parsePayload('keys', readJws('keys', Buffer.from(document.jws)).payload)
}

/** Percent: a list that loses or gains half of its names at once is signed by the fleet key as well. */
const LIST_MAX_CHANGE = 50

export function keysPayload(
  number: number,
  roots: RootSet,
  options: { now: number; expires: number | undefined; roleOf: (role: Role) => RootSet },
): Keys {
  const { now, expires, roleOf: of } = options
  const list = { maxChange: LIST_MAX_CHANGE, ...of('list') }
  const payload = { line: of('line'), list, request: of('request'), fleet: of('fleet') }
  return { v: 1, number, issuedAt: now, ...(expires !== undefined && { expires }), roots, roles: payload }
}
