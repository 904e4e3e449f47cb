import { createHash } from 'node:crypto'
import { importJWK } from 'jose'
import { SecureNetError } from '../../base/error.ts'
import type { PublicKey, RootSet } from './kinds.ts'

/** RFC 7638 §3 over the members that RFC 8037 §2 requires: the one name of a key, so that none counts twice. */
export function thumbprint(x: string): string {
  return createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')
}

export function keysInvalid(why: string): SecureNetError {
  return new SecureNetError('KEYS_INVALID', why, 'Make the document again with `operator keys`.')
}

/**
 * What a schema cannot say of a set of keys.
 * @param place for the message, e.g. `roles.line`
 * @throws SecureNetError KEYS_INVALID
 */
export function checkKeySet(place: string, set: RootSet): void {
  const kids = new Set(set.keys.map((key) => key.kid))
  if (kids.size !== set.keys.length) throw keysInvalid(`${place}: a key is listed twice`)
  if (set.threshold > kids.size)
    throw keysInvalid(`${place}: ${set.threshold} signatures wanted of ${kids.size} keys`)
  for (const { kid, x } of set.keys)
    if (kid !== thumbprint(x)) throw keysInvalid(`${place}: kid ${kid} is not the key's thumbprint`)
}

type ImportedKey = Awaited<ReturnType<typeof importJWK>>
const imported = new Map<string, Promise<ImportedKey>>()
/** A keys document holds 5 roles of at most 16 keys. */
const MAX_IMPORTED = 128

/** A key ready for use; importing costs more than verifying, hence the cache. */
export function importPublicKey(key: PublicKey): Promise<ImportedKey> {
  let ready = imported.get(key.x)
  if (!ready) {
    if (imported.size >= MAX_IMPORTED) imported.clear()
    ready = importJWK({ kty: key.kty, crv: key.crv, x: key.x }, 'EdDSA')
    imported.set(key.x, ready)
  }
  return ready
}
