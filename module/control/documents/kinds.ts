import type { Head } from '../../blocklist/format/head.ts'
import type { Desired, FleetOrder } from '../../line/types.ts'

/** A public Ed25519 key (RFC 8037 §2); `kid` is its thumbprint (RFC 7638), which verifiers recompute. */
export interface PublicKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
}

/** `threshold` different keys of `keys` must sign. */
export interface RootSet {
  readonly threshold: number
  readonly keys: readonly PublicKey[]
}

export interface RoleKeys extends RootSet {
  /** Seconds; a document of this role issued longer ago is refused (DOC_TOO_OLD). Left out: no limit. */
  readonly maxAge?: number
  /** Of the role `list`: percent by which a list's number of names may change between two versions. Left out: any. */
  readonly maxChange?: number
}

export const roles = ['line', 'list', 'request', 'fleet'] as const
export type Role = (typeof roles)[number]

/** Payload of the signed document `keys/{n}`. */
export interface Keys {
  readonly v: 1
  readonly number: number
  readonly issuedAt: number
  /** After this the keys are reported as stale (a freeze attack shows); they go on serving. */
  readonly expires?: number
  readonly roots: RootSet
  readonly roles: Readonly<Record<Role, RoleKeys>>
}

/** Trust anchors in the firmware. */
export interface RootsFile {
  readonly v: 1
  /** The first keys document that these roots sign; left out, 1. */
  readonly number?: number
  readonly roots: RootSet
}

export const requestActions = ['status', 'self-test', 'check-name', 'support-bundle', 'sync'] as const
export type RequestAction = (typeof requestActions)[number]

/** Payload of the signed document `modem/{modemId}/request`. */
export interface Request {
  readonly v: 1
  /** Correlates the answer, on MQTT 3.1.1 too. */
  readonly id: string
  readonly modemId: string
  readonly action: RequestAction
  /** Of `check-name` only. */
  readonly name?: string
  /** Executed once. */
  readonly nonce: string
  readonly issuedAt: number
  readonly expires: number
}

/** The list's head as the operator's tools sign it: with the format's version. */
export type HeadDocument = Head & { readonly v: 1 }

export interface Payloads {
  desired: Desired
  /** Its `v: 1` may be left out. */
  head: Head
  request: Request
  fleet: FleetOrder
  keys: Keys
}
export type DocumentKind = keyof Payloads

/** Which role may sign which kind; `keys` is the roots' own (control/documents/trust.ts). */
export const roleOf = {
  desired: 'line',
  head: 'list',
  request: 'request',
  fleet: 'fleet',
} as const satisfies Record<Exclude<DocumentKind, 'keys'>, Role>

/** Bytes of the whole JWS as it arrives. */
export const sizeLimits = {
  desired: 4_096,
  head: 65_536,
  request: 4_096,
  fleet: 4_096,
  keys: 32_768,
} as const satisfies Record<DocumentKind, number>
