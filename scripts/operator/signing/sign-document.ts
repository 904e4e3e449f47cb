import { SecureNetError } from '../../../module/base/error.ts'
import { checkKeys } from '../../../module/control/documents/key-chain.ts'
import { checkKeySet } from '../../../module/control/documents/keys.ts'
import {
  type DocumentKind,
  type Keys,
  type Payloads,
  type RootSet,
  type RootsFile,
  sizeLimits,
} from '../../../module/control/documents/kinds.ts'
import { parsePayload } from '../../../module/control/documents/verify.ts'
import type { SigningKey } from './signing-key.ts'

const base64url = (octets: Uint8Array | string) => Buffer.from(octets as Uint8Array).toString('base64url')

/** RFC 7515 §5.1, by hand: what libraries sign with is a key in memory, and this one may be in an agent. */
async function signOne(kind: DocumentKind, payload: Uint8Array, key: SigningKey): Promise<string> {
  const header = { alg: 'EdDSA', kid: key.publicKey.kid, typ: `securenet-${kind}+jws` }
  const input = `${base64url(JSON.stringify(header))}.${base64url(payload)}`
  return `${input}.${base64url(await key.sign(Buffer.from(input)))}`
}

/** RFC 7515 §7.2.1 from the same payload's compact forms. */
function general(compacts: readonly string[]): string {
  const parts = compacts.map((compact) => compact.split('.'))
  return JSON.stringify({
    payload: parts[0]?.[1],
    signatures: parts.map(([header, , signature]) => ({ protected: header, signature })),
  })
}

/**
 * Bytes signed as they are, whatever they say: for tests of what a modem refuses. Everything else calls signDocument.
 * @returns compact serialization for one key, general JSON for several
 */
export async function signBytes(
  kind: DocumentKind,
  payload: Uint8Array,
  keys: readonly SigningKey[],
): Promise<string> {
  const compacts = await Promise.all(keys.map((key) => signOne(kind, payload, key)))
  return compacts.length === 1 ? String(compacts[0]) : general(compacts)
}

/**
 * A document for the broker. What a modem would refuse for its shape or size is not signed.
 * @throws SecureNetError SIGN_NO_KEY, DOC_SCHEMA, DOC_TOO_LARGE, KEYS_INVALID
 */
export async function signDocument<K extends DocumentKind>(
  kind: K,
  payload: Payloads[K],
  keys: readonly SigningKey[],
): Promise<string> {
  if (keys.length === 0)
    throw new SecureNetError('SIGN_NO_KEY', `no key to sign ${kind} with`, 'Name the folder that holds it.')
  const bytes = Buffer.from(JSON.stringify(payload))
  parsePayload(kind, bytes)
  const jws = await signBytes(kind, bytes, keys)
  if (jws.length > sizeLimits[kind])
    throw new SecureNetError(
      'DOC_TOO_LARGE',
      `${kind}: ${jws.length} bytes, ${sizeLimits[kind]} at most`,
      'Leave something out: modems refuse it.',
    )
  return jws
}

/**
 * `keys/{n}`.
 * @param signers enough of the roots of n-1 and enough of its own
 * @throws as signDocument
 */
export function makeKeysDocument(keys: Keys, signers: readonly SigningKey[]): Promise<string> {
  checkKeys(keys)
  const distinct = new Map(signers.map((key) => [key.publicKey.kid, key]))
  return signDocument('keys', keys, [...distinct.values()])
}

/** The trust anchors for the firmware. @param number the first keys document that they sign */
export function makeRootsFile(roots: RootSet, number = 1): RootsFile {
  checkKeySet('roots', roots)
  return { v: 1, ...(number > 1 && { number }), roots }
}
