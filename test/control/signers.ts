import { createLog } from '../../module/base/log.ts'
import type {
  Keys,
  Payloads,
  PublicKey,
  Request,
  Role,
  RootSet,
  RootsFile,
} from '../../module/control/documents/kinds.ts'
import { type StoredTrust, Trust } from '../../module/control/documents/trust.ts'
import type { SessionStatus } from '../../module/control/mqtt/session.ts'
import { makeKeysDocument, makeRootsFile } from '../../scripts/operator/signing/sign-document.ts'
import {
  generateSigningKey,
  type HeldKey,
  type SigningKey,
} from '../../scripts/operator/signing/signing-key.ts'

export const now = 1_800_000_000
export const quiet = createLog(() => {})

/** What a session says before it has ever connected. */
export const noBroker: SessionStatus = {
  ...{ connected: false, protocol: null, session: 0, error: null },
  ...{ unheard: [], untold: [], isNameContested: false },
}

/** A StateFile in memory. */
export class MemoryFile<T> {
  value: T | undefined
  /** Thrown by the next write. */
  fault: Error | undefined
  damaged = false
  writes = 0
  read = async () => {
    if (this.damaged) throw new Error('damaged')
    return { value: structuredClone(this.value), from: 'current' as const }
  }
  write = async (value: T) => {
    if (this.fault) throw this.fault
    this.writes++
    this.value = structuredClone(value)
  }
  setAside = async () => {
    this.damaged = false
    this.value = undefined
  }
}

export const keyOf = (signer: SigningKey): PublicKey => signer.publicKey
export const setOf = (signers: readonly SigningKey[], threshold = 1): RootSet => ({
  threshold,
  keys: signers.map(keyOf),
})

export interface Signers {
  roots: HeldKey[]
  line: HeldKey[]
  list: HeldKey[]
  request: HeldKey[]
  fleet: HeldKey[]
}
const one = () => [generateSigningKey()]
export const freshSigners = (): Signers => ({
  roots: one(),
  line: one(),
  list: one(),
  request: one(),
  fleet: one(),
})

export function keysPayload(number: number, signers: Signers, more: Partial<Keys> = {}): Keys {
  const role = (name: Role) => setOf(signers[name])
  const roles = { line: role('line'), list: role('list'), request: role('request'), fleet: role('fleet') }
  return { v: 1, number, issuedAt: now, roots: setOf(signers.roots), roles, ...more }
}

export const bytesOf = (text: string) => Buffer.from(text)

/** A modem that trusts these roots and has accepted keys/1. */
export async function trustOf(signers: Signers, keys: Keys = keysPayload(1, signers)) {
  const trust = newTrust(makeRootsFile(setOf(signers.roots))).trust
  await trust.accept(bytesOf(await makeKeysDocument(keys, signers.roots)))
  return trust
}

export function newTrust(roots: RootsFile, file = new MemoryFile<StoredTrust>()) {
  return { trust: new Trust({ roots, file, log: quiet }), file }
}

const digest = 'A'.repeat(43)
const chunks = { bytes: 10, chunks: [digest] }
export const samples: { [K in 'desired' | 'head' | 'request' | 'fleet']: Payloads[K] } = {
  desired: {
    v: 1,
    lineId: 'demo',
    generation: 1,
    sequence: 1,
    service: 'enabled',
    reason: 'subscribed',
    by: 'customer',
    issuedAt: now,
  },
  head: {
    list: 'securenet',
    sequence: 1,
    issuedAt: now,
    expires: now + 86_400,
    spreadSeconds: 0,
    stable: {
      version: 2,
      key: '0123456789abcdef',
      names: 5,
      result: digest,
      snapshot: chunks,
      deltas: [{ from: 1, ...chunks }],
    },
    allow: ['example.org'],
  },
  request: {
    v: 1,
    id: 'r1',
    modemId: 'modem-1',
    action: 'status',
    nonce: 'n'.repeat(16),
    issuedAt: now,
    expires: now + 60,
  } satisfies Request,
  fleet: { v: 1, sequence: 1, mode: 'pause', percent: 100, salt: 's', reason: 'incident', issuedAt: now },
}
export const target = { lineId: 'demo', list: 'securenet', modemId: 'modem-1' }
