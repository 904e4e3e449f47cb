import { messageOf } from '../../base/error.ts'
import { schemaViolation } from '../../base/schema-error.ts'
import { validate as validateDesired } from '../schemas/desired.json?compiled'
import { validate as validateFleet } from '../schemas/fleet.json?compiled'
import { validate as validateHead } from '../schemas/head.json?compiled'
import { validate as validateKeys } from '../schemas/keys.json?compiled'
import { validate as validateRequest } from '../schemas/request.json?compiled'
import { checkSignatures, type Jws, readJws, refuseDocument } from './jws.ts'
import { type DocumentKind, type Payloads, type Role, type RoleKeys, roleOf } from './kinds.ts'
import { parseStrictJson } from './strict-json.ts'

const validators = {
  desired: validateDesired,
  head: validateHead,
  request: validateRequest,
  fleet: validateFleet,
  keys: validateKeys,
}

/** Kinds that a role key signs; `keys` goes through Trust.accept. */
export type RoleKind = Exclude<DocumentKind, 'keys'>

/** What verification needs to know of the keys; Trust has it. */
export interface TrustedKeys {
  /** undefined before the first keys document. */
  role(role: Role): { keys: RoleKeys; epoch: number } | undefined
  placeOf(kid: string): string | undefined
}

/** The addressee that the topic names; each kind has its own. */
export interface DocumentTarget {
  lineId?: string
  modemId?: string
  list?: string
}

export interface VerifyContext {
  trust: TrustedKeys
  target: DocumentTarget
  /** Seconds since 1970: ClockFloor.now(). */
  now: number
}

export interface Verified<K extends DocumentKind> {
  payload: Payloads[K]
  /** Number of the keys document since which the role's keys are all new: guards against replay start anew with it. */
  epoch: number
}

const DAY = 86_400

/**
 * JSON and shape of a payload.
 * @throws SecureNetError DOC_NOT_JSON, DOC_SCHEMA
 */
export function parsePayload<K extends DocumentKind>(kind: K, bytes: Uint8Array): Payloads[K] {
  let data: unknown
  try {
    data = parseStrictJson(bytes)
  } catch (error) {
    refuseDocument('DOC_NOT_JSON', `${kind}: ${messageOf(error)}`, error)
  }
  const validate = validators[kind]
  if (!validate(data)) refuseDocument('DOC_SCHEMA', `${kind}: ${schemaViolation(validate.errors)}`)
  return data as Payloads[K]
}

type Checks = { [K in RoleKind]: (payload: Payloads[K], target: DocumentTarget, now: number) => void }

function forUs(what: string, named: string, expected: string | undefined): void {
  if (named !== expected)
    refuseDocument('DOC_NOT_FOR_US', `it is for ${what} ${named}, the topic for ${expected ?? 'none'}`)
}

/** Addressee and time: what neither signature nor schema can say. */
const checks: Checks = {
  desired(order, target) {
    forUs('line', order.lineId, target.lineId)
    if (order.until !== undefined && order.until <= order.issuedAt)
      refuseDocument('DOC_SCHEMA', 'desired: until is not after issuedAt')
  },
  head(head, target) {
    forUs('list', head.list, target.list)
  },
  request(request, target, now) {
    forUs('modem', request.modemId, target.modemId)
    if (request.expires <= request.issuedAt || request.expires > request.issuedAt + DAY)
      refuseDocument('DOC_SCHEMA', 'request: expires must be within a day after issuedAt')
    if (request.expires <= now) refuseDocument('DOC_EXPIRED', `it expired ${now - request.expires} s ago`)
  },
  fleet() {},
}

function needsFleetKey(payload: object): boolean {
  return 'largeChange' in payload
}

/** A head that the list key alone may not sign. @throws SecureNetError DOC_SECOND_ROLE */
async function checkSecondRole(jws: Jws, trust: TrustedKeys): Promise<void> {
  try {
    await checkSignatures(jws, trust.role('fleet')?.keys ?? { threshold: 1, keys: [] }, trust.placeOf)
  } catch (error) {
    refuseDocument('DOC_SECOND_ROLE', `largeChange is for a fleet key to sign: ${messageOf(error)}`, error)
  }
}

/**
 * Everything between the bytes and a payload that may be obeyed, except newer-than (line/reduce.ts, blocklist) and
 * executed-once (replay-guard.ts): size, form, `typ`, role, signatures, JSON, schema, addressee, age.
 * @throws SecureNetError DOC_TOO_LARGE, DOC_NOT_JWS, DOC_BAD_HEADER, DOC_WRONG_TYP, DOC_NO_KEYS, DOC_UNKNOWN_KEY,
 *   DOC_WRONG_ROLE, DOC_BAD_SIGNATURE, DOC_TOO_FEW_SIGNATURES, DOC_NOT_JSON, DOC_SCHEMA, DOC_SECOND_ROLE, DOC_NOT_FOR_US,
 *   DOC_EXPIRED, DOC_TOO_OLD
 */
export async function verifyDocument<K extends RoleKind>(
  kind: K,
  bytes: Uint8Array,
  context: VerifyContext,
): Promise<Verified<K>> {
  const jws = readJws(kind, bytes)
  const role = roleOf[kind]
  const trusted = context.trust.role(role)
  if (!trusted) refuseDocument('DOC_NO_KEYS', `${kind}: no keys document was accepted yet`)
  await checkSignatures(jws, trusted.keys, context.trust.placeOf)
  const payload = parsePayload(kind, jws.payload)
  if (needsFleetKey(payload)) await checkSecondRole(jws, context.trust)
  checks[kind](payload, context.target, context.now)
  const { maxAge } = trusted.keys
  if (maxAge !== undefined && payload.issuedAt + maxAge < context.now)
    refuseDocument(
      'DOC_TOO_OLD',
      `${kind}: issued ${context.now - payload.issuedAt} s ago, ${maxAge} s at most`,
    )
  return { payload, epoch: trusted.epoch }
}

/** What verification of a kept document needs to know of the keys. */
export interface KnownKeys extends Pick<TrustedKeys, 'placeOf'> {
  /** Newest first. */
  past(role: Role): readonly { keys: RoleKeys; epoch: number }[]
}

/**
 * A document that was verified when it came, and was kept since: signed by keys of its role, of any keys document, for its
 * key may have been replaced while the modem was away. Age and addressee are not asked again.
 * @throws SecureNetError DOC_* as verifyDocument
 */
export async function verifyAgain<K extends RoleKind>(
  kind: K,
  text: string,
  trust: KnownKeys,
): Promise<Verified<K>> {
  const jws = readJws(kind, Buffer.from(text, 'latin1'))
  let refusal: unknown
  for (const { keys, epoch } of trust.past(roleOf[kind])) {
    try {
      await checkSignatures(jws, keys, trust.placeOf)
      return { payload: parsePayload(kind, jws.payload), epoch }
    } catch (error) {
      refusal ??= error
    }
  }
  if (refusal === undefined) refuseDocument('DOC_NO_KEYS', `${kind}: no keys document was accepted yet`)
  throw refusal
}
