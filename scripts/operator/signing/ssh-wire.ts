import { thumbprint } from '../../../module/control/documents/keys.ts'
import type { PublicKey } from '../../../module/control/documents/kinds.ts'

/** RFC 8709 §4. */
const algorithm = 'ssh-ed25519'

/** An Ed25519 key as SSH writes it. */
export interface SshKey {
  readonly publicKey: PublicKey
  /** RFC 8709 §4: what an agent knows it by. */
  readonly blob: Buffer
}

/** RFC 4251 §5: a `string` is its length in 32 bits, then so many octets. */
export function sshString(octets: Uint8Array | string): Buffer {
  const body = Buffer.from(octets as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

/** Reads what RFC 4251 §5 writes. */
export class SshReader {
  readonly #octets: Buffer
  #at = 0

  constructor(octets: Buffer) {
    this.#octets = octets
  }

  /** @throws Error where it ends too soon */
  uint32(): number {
    const at = this.#advance(4)
    return this.#octets.readUInt32BE(at)
  }

  /** @throws Error where it ends too soon */
  string(): Buffer {
    const length = this.uint32()
    const at = this.#advance(length)
    return this.#octets.subarray(at, at + length)
  }

  #advance(count: number): number {
    const at = this.#at
    if (count > this.#octets.length - at) throw new Error(`it ends after ${this.#octets.length} octets`)
    this.#at += count
    return at
  }
}

/** @returns undefined for a key of another algorithm, one in a FIDO token (sk-) among them: that signs more than it is given */
export function sshKeyOf(blob: Buffer): SshKey | undefined {
  const reader = new SshReader(blob)
  if (reader.string().toString() !== algorithm) return undefined
  const octets = reader.string()
  if (octets.length !== 32) throw new Error(`an Ed25519 key of ${octets.length} octets`)
  const x = octets.toString('base64url')
  return { publicKey: { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprint(x) }, blob }
}

/**
 * @param text content of a `.pub` file as ssh-keygen writes it
 * @throws Error if it is no Ed25519 key
 */
export function sshPublicKey(text: string): PublicKey {
  const [name, base64 = ''] = text.trim().split(/\s+/)
  const key = name === algorithm ? sshKeyOf(Buffer.from(base64, 'base64')) : undefined
  if (!key) throw new Error(`it begins with "${name}", not with "${algorithm}"`)
  return key.publicKey
}

/** RFC 8709 §6. @returns 64 octets @throws Error */
export function sshSignature(octets: Buffer): Buffer {
  const reader = new SshReader(octets)
  const name = reader.string().toString()
  const signature = reader.string()
  if (name !== algorithm || signature.length !== 64)
    throw new Error(`a signature ${name} of ${signature.length} octets`)
  return signature
}
