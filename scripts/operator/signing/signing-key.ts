import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { PublicKey } from '../../../module/control/documents-kinds.ts'
import { thumbprint } from '../../../module/control/keys.ts'

export interface SigningKey {
  readonly publicKey: PublicKey
  readonly privateKey: KeyObject
}

/** The private part `d` of a JWK (RFC 8037 §2), with its public part. */
export interface PrivateJwk {
  kty: 'OKP'
  crv: 'Ed25519'
  x: string
  d: string
}

export function privateJwkOf(key: SigningKey): PrivateJwk {
  const { x, d } = key.privateKey.export({ format: 'jwk' })
  return { kty: 'OKP', crv: 'Ed25519', x: String(x), d: String(d) }
}

/** @throws Error if it is no Ed25519 key, or its public part is of another one */
export function signingKeyOf(jwk: PrivateJwk): SigningKey {
  const privateKey = createPrivateKey({ format: 'jwk', key: { ...jwk } })
  const x = String(privateKey.export({ format: 'jwk' }).x)
  if (x !== jwk.x) throw new Error('the public part does not belong to the private one')
  return { publicKey: { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprint(x) }, privateKey }
}

export function generateSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  return signingKeyOf(privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk)
}
