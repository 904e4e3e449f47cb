import { createPublicKey, verify } from 'node:crypto'
import { connect } from 'node:net'
import { messageOf, SecureNetError } from '../../../module/base/error.ts'
import type { SigningKey } from './signing-key.ts'
import { type SshKey, SshReader, sshKeyOf, sshSignature, sshString } from './ssh-wire.ts'

/** Message numbers of the SSH agent protocol (draft-ietf-sshm-ssh-agent §6.1). */
const ask = { identities: 11, sign: 13 } as const
const answer = { failure: 5, identities: 12, signature: 14 } as const

/** A person may have to touch a token, or to agree (`ssh-add -c`). */
const timeoutMs = 60_000
/** OpenSSH's own limit (authfd.c). */
const mostBytes = 256 * 1024

function failed(code: 'SIGN_AGENT_UNREACHABLE' | 'SIGN_AGENT_REFUSED', why: string, cause?: unknown) {
  const remedy =
    code === 'SIGN_AGENT_UNREACHABLE'
      ? 'Start ssh-agent, and name its socket: agentSocket in the profile, or SSH_AUTH_SOCK.'
      : 'See `ssh-add -l`: does the agent hold the key, is it unlocked, was the signature agreed to?'
  return new SecureNetError(code, why, remedy, { cause })
}

/**
 * Keys that this tool never sees: an SSH agent holds them, or the token or HSM behind it, and signs what it is given.
 * Ed25519 signs a message as it is (RFC 8032 §5.1), so that its signatures are those of a JWS.
 */
export class SshAgent {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  /** @throws SecureNetError SIGN_AGENT_UNREACHABLE, SIGN_AGENT_REFUSED */
  async keys(): Promise<SigningKey[]> {
    const reader = new SshReader(await this.#exchange(ask.identities, answer.identities))
    return this.#read(() => {
      const count = reader.uint32()
      const found: SigningKey[] = []
      for (let i = 0; i < count; i++) {
        const key = sshKeyOf(reader.string())
        reader.string()
        if (key) found.push({ publicKey: key.publicKey, sign: (bytes) => this.#sign(key, bytes) })
      }
      return found
    })
  }

  async #sign({ publicKey, blob }: SshKey, bytes: Uint8Array): Promise<Buffer> {
    const noFlags = Buffer.alloc(4)
    const body = Buffer.concat([sshString(blob), sshString(bytes), noFlags])
    const reply = await this.#exchange(ask.sign, answer.signature, body)
    const signature = this.#read(() => sshSignature(new SshReader(reply).string()))
    const { kty, crv, x } = publicKey
    // What an agent says is not believed: a modem would refuse it, and nobody would know why.
    if (!verify(null, bytes, createPublicKey({ format: 'jwk', key: { kty, crv, x } }), signature))
      throw failed(
        'SIGN_AGENT_REFUSED',
        `${this.#socketPath}: the signature of key ${publicKey.kid} is wrong`,
      )
    return signature
  }

  #read<T>(parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw failed('SIGN_AGENT_REFUSED', `${this.#socketPath}: ${messageOf(error)}`, error)
    }
  }

  /** One question and its answer, on a connection of its own. @returns the answer without its number */
  #exchange(type: number, expected: number, body: Uint8Array = Buffer.alloc(0)): Promise<Buffer> {
    const path = this.#socketPath
    return new Promise((resolve, reject) => {
      let received = Buffer.alloc(0)
      const socket = connect(path, () => socket.write(sshString(Buffer.concat([Buffer.of(type), body]))))
      const end = (act: () => void) => {
        socket.destroy()
        act()
      }
      const refuse = (why: string) => end(() => reject(failed('SIGN_AGENT_REFUSED', `${path}: ${why}`)))
      socket.setTimeout(timeoutMs, () => refuse(`no answer within ${timeoutMs / 1000} s`))
      socket.on('error', (error) =>
        end(() => reject(failed('SIGN_AGENT_UNREACHABLE', `${path}: ${messageOf(error)}`, error))),
      )
      socket.on('close', () => refuse('it closed the connection'))
      socket.on('data', (bytes) => {
        received = Buffer.concat([received, bytes])
        if (received.length < 5) return
        const length = received.readUInt32BE(0)
        if (length < 1 || length > mostBytes) return refuse(`an answer of ${length} octets`)
        if (received.length < 4 + length) return
        const number = received[4]
        if (number !== expected)
          return refuse(number === answer.failure ? 'it refused' : `an answer of kind ${number}`)
        end(() => resolve(received.subarray(5, 4 + length)))
      })
    })
  }
}
