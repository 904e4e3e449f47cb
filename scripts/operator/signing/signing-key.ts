import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { thumbprint } from '../../../module/control/documents/keys.ts'
import type { PublicKey } from '../../../module/control/documents/kinds.ts'

/** Signs, wherever its private part is. */
export interface SigningKey {
  readonly publicKey: PublicKey
  /** Ed25519 (RFC 8032) over the octets as they are: 64 octets. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** Its private part is here. */
export interface HeldKey extends SigningKey {
  readonly privateKey: KeyObject
}

/** The private part `d` of a JWK (RFC 8037 §2), with its public part. */
export interface PrivateJwk {
  kty: 'OKP'
  crv: 'Ed25519'
  x: string
  d: string
}

export function privateJwkOf(key: HeldKey): PrivateJwk {
  const { x, d } = key.privateKey.export({ format: 'jwk' })
  return { kty: 'OKP', crv: 'Ed25519', x: String(x), d: String(d) }
}

/** @throws Error if it is no Ed25519 key, or its public part is of another one */
export function signingKeyOf(jwk: PrivateJwk): HeldKey {
  const privateKey = createPrivateKey({ format: 'jwk', key: { ...jwk } })
  const x = String(privateKey.export({ format: 'jwk' }).x)
  if (x !== jwk.x) throw new Error('the public part does not belong to the private one')
  const publicKey: PublicKey = { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprint(x) }
  return { publicKey, privateKey, sign: async (bytes) => sign(null, bytes, privateKey) }
}

export function generateSigningKey(): HeldKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return signingKeyOf(privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk)
}
