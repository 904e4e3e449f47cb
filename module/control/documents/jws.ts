import { compactVerify } from 'jose'
import { messageOf, SecureNetError } from '../../base/error.ts'
import { importPublicKey } from './keys.ts'
import { type DocumentKind, type PublicKey, type RootSet, sizeLimits } from './kinds.ts'
import { parseStrictJson } from './strict-json.ts'

const MAX_SIGNATURES = 16
/** RFC 8037 §3.1, and its fully specified name (RFC 9864 §2.2). Nothing else, whatever a header says (RFC 8725 §3.1). */
const algorithms = ['EdDSA', 'Ed25519']
const headerNames = ['alg', 'kid', 'typ']

interface Signature {
  kid: string
  compact: string
}

/** A document whose form is right; nothing of it is verified yet. */
export interface Jws {
  readonly payload: Buffer
  readonly signatures: readonly Signature[]
}

export function refuseDocument(code: string, why: string, cause?: unknown): never {
  throw new SecureNetError(
    code,
    why,
    'The document is ignored and the last accepted state rules; sign and publish it again.',
    cause === undefined ? undefined : { cause },
  )
}

/** Other spellings of the same bytes are refused, so that a document has one form only (RFC 4648 §3.5). */
function decode(text: string, place: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text)
    refuseDocument('DOC_NOT_JWS', `${place} is not canonical base64url`)
  return bytes
}

/** alg, kid and typ must be there and nothing else: no `crit`, and no key that a document brings along itself. */
function checkHeader(text: string, kind: DocumentKind): string {
  let data: unknown
  try {
    data = parseStrictJson(decode(text, 'the header'))
  } catch (error) {
    if (error instanceof SecureNetError) throw error
    refuseDocument('DOC_NOT_JWS', `the header is not JSON: ${messageOf(error)}`, error)
  }
  if (typeof data !== 'object' || data === null) refuseDocument('DOC_NOT_JWS', 'the header is not an object')
  const header = new Map<string, unknown>(Object.entries(data))
  const stranger = [...header.keys()].find((name) => !headerNames.includes(name))
  if (stranger !== undefined) refuseDocument('DOC_BAD_HEADER', `the header may not have "${stranger}"`)
  if (!algorithms.includes(String(header.get('alg')))) refuseDocument('DOC_BAD_HEADER', 'alg must be EdDSA')
  const typ = `securenet-${kind}+jws`
  if (header.get('typ') !== typ) refuseDocument('DOC_WRONG_TYP', `typ must be ${typ}`)
  const kid = header.get('kid')
  if (typeof kid !== 'string') refuseDocument('DOC_BAD_HEADER', 'kid is missing')
  return kid
}

function signature(kind: DocumentKind, header: string, payload: string, value: string): Signature {
  decode(value, 'a signature')
  return { kid: checkHeader(header, kind), compact: `${header}.${payload}.${value}` }
}

interface GeneralJws {
  payload: string
  signatures: { protected: string; signature: string }[]
}

function isGeneral(data: unknown): data is GeneralJws {
  if (typeof data !== 'object' || data === null || Object.keys(data).sort().join() !== 'payload,signatures')
    return false
  const { payload, signatures } = data as Record<string, unknown>
  return (
    typeof payload === 'string' &&
    Array.isArray(signatures) &&
    signatures.length >= 1 &&
    signatures.length <= MAX_SIGNATURES &&
    signatures.every(
      (one) =>
        typeof one === 'object' &&
        one !== null &&
        Object.keys(one).sort().join() === 'protected,signature' &&
        Object.values(one).every((value) => typeof value === 'string'),
    )
  )
}

function readGeneral(bytes: Uint8Array, kind: DocumentKind): Jws {
  let data: unknown
  try {
    data = parseStrictJson(bytes)
  } catch (error) {
    refuseDocument('DOC_NOT_JWS', `not JSON: ${messageOf(error)}`, error)
  }
  if (!isGeneral(data))
    refuseDocument(
      'DOC_NOT_JWS',
      `not {payload, signatures: [{protected, signature}]} with 1 to ${MAX_SIGNATURES}`,
    )
  const { payload, signatures } = data
  return {
    payload: decode(payload, 'the payload'),
    signatures: signatures.map((one) => signature(kind, one.protected, payload, one.signature)),
  }
}

/**
 * Form only: size, compact or general JSON serialization (RFC 7515 §7), headers.
 * @throws SecureNetError DOC_TOO_LARGE, DOC_NOT_JWS, DOC_BAD_HEADER, DOC_WRONG_TYP
 */
export function readJws(kind: DocumentKind, bytes: Uint8Array): Jws {
  if (bytes.length > sizeLimits[kind])
    refuseDocument('DOC_TOO_LARGE', `${kind}: ${bytes.length} bytes, ${sizeLimits[kind]} at most`)
  if (bytes[0] === 0x7b) return readGeneral(bytes, kind)
  const text = Buffer.from(bytes).toString('latin1')
  const parts = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(text)
  if (!parts || text.endsWith('\n'))
    refuseDocument('DOC_NOT_JWS', `${kind}: neither compact nor general JSON serialization`)
  const [, header = '', payload = '', value = ''] = parts
  return { payload: decode(payload, 'the payload'), signatures: [signature(kind, header, payload, value)] }
}

async function isValid(one: Signature, key: PublicKey): Promise<boolean> {
  try {
    await compactVerify(one.compact, await importPublicKey(key), { algorithms })
    return true
  } catch {
    return false
  }
}

/**
 * Enough different keys of the set signed it. Signatures of keys outside the set don't count; a wrong one by a key of
 * the set refuses the whole.
 * @param placeOf says which other role a key has, for the error code
 * @throws SecureNetError DOC_BAD_SIGNATURE, DOC_WRONG_ROLE, DOC_UNKNOWN_KEY, DOC_TOO_FEW_SIGNATURES
 */
export async function checkSignatures(
  jws: Jws,
  set: RootSet,
  placeOf: (kid: string) => string | undefined,
): Promise<void> {
  const keys = new Map(set.keys.map((key) => [key.kid, key]))
  const signed = new Set<string>()
  for (const one of jws.signatures) {
    const key = keys.get(one.kid)
    if (!key) continue
    if (!(await isValid(one, key)))
      refuseDocument('DOC_BAD_SIGNATURE', `the signature by ${one.kid} is wrong`)
    signed.add(one.kid)
  }
  if (signed.size >= set.threshold) return
  if (signed.size > 0)
    refuseDocument('DOC_TOO_FEW_SIGNATURES', `${signed.size} of ${set.threshold} signatures that are needed`)
  const kid = jws.signatures[0]?.kid ?? ''
  const other = placeOf(kid)
  if (other !== undefined) refuseDocument('DOC_WRONG_ROLE', `key ${kid} has the role ${other}`)
  refuseDocument('DOC_UNKNOWN_KEY', `key ${kid} is not in the current keys document`)
}
