import { createSocket, type Socket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { SecureNetError } from '../base/error.ts'
import { readAnswer } from '../dns/answer.ts'
import { HEADER_BYTES, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { queryMessage } from '../dns/query-message.ts'
import { matchReply } from '../dns/reply-matcher.ts'
import {
  noAnswer,
  type ReferenceAnswer,
  type ReferenceClient,
  type ServerAddressAndPort,
} from './reference-client.ts'

export interface LightClientOptions {
  clock: Clock
  /** An id of 16 bits that nobody can guess. */
  randomId: () => number
}

interface Waiting {
  query: Buffer
  settle: (reply: Buffer | Error) => void
}

/** A connected socket that stays: its peer is asked every two seconds for ever. */
class Peer {
  readonly #socket: Socket
  readonly #ready: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #isRetired = false

  constructor({ address, port }: ServerAddressAndPort) {
    this.#socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    this.#socket.unref()
    this.#ready = new Promise((resolve, reject) => {
      this.#socket.once('error', reject)
      this.#socket.connect(port, address, () => resolve())
    })
    this.#ready.catch(() => {})
    this.#socket.on('error', (error) => this.#refuse(error))
    this.#socket.on('message', (reply) => this.#take(reply))
  }

  ask(query: Buffer, settle: (reply: Buffer | Error) => void): void {
    this.#waiting.set(query.readUInt16BE(0), { query, settle })
    this.#ready.then(
      () => this.#socket.send(query, (error) => error && settle(error)),
      (error) => settle(error),
    )
  }

  forget(query: Buffer): void {
    this.#waiting.delete(query.readUInt16BE(0))
    if (this.#isRetired && this.#waiting.size === 0) this.#socket.close()
  }

  /** Closes once nobody waits any more. Safe to call twice. */
  retire(): void {
    if (!this.#isRetired && this.#waiting.size === 0) this.#socket.close()
    this.#isRetired = true
  }

  #refuse(error: Error): void {
    for (const { settle } of [...this.#waiting.values()]) settle(error)
  }

  #take(reply: Buffer): void {
    const waiting = reply.length >= HEADER_BYTES && this.#waiting.get(reply.readUInt16BE(0))
    if (waiting && isReplyTo(waiting.query, reply)) waiting.settle(reply)
  }
}

const isReplyTo = (query: Buffer, reply: Buffer) =>
  matchReply(reply, query.readUInt16BE(0), query, query.length, false) === 'match'

function queryFor(id: number, name: string, type: 'A' | 'AAAA'): Buffer {
  const wire = nameFromText(name)
  if (!wire) throw new SecureNetError('SELFTEST_NO_ANSWER', `"${name}" is not a name`)
  return queryMessage(wire, Type[type], id)
}

function summary(query: Buffer, reply: Buffer): ReferenceAnswer {
  const answer = readAnswer(reply, query.length)
  if (!answer) throw new Error('malformed reply')
  const found = answer.records.slice(0, answer.answers).filter(({ type }) => type === Type.A)
  return {
    rcode: answer.rcode,
    addresses: found.map(({ rdata, end }) => reply.subarray(rdata, end).join('.')),
  }
}

function overTcp(
  { address, port }: ServerAddressAndPort,
  query: Buffer,
  settle: (reply: Buffer | Error) => void,
): () => void {
  const framed = Buffer.allocUnsafe(2 + query.length)
  framed.writeUInt16BE(query.length, 0)
  framed.set(query, 2)
  const socket = connect({ host: address, port })
  let got = Buffer.alloc(0)
  socket.on('error', settle)
  socket.on('close', () => settle(new Error('closed without an answer')))
  socket.on('data', (chunk) => {
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk])
    if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return
    const reply = got.subarray(2, 2 + got.readUInt16BE(0))
    settle(isReplyTo(query, reply) ? reply : new Error('no matching reply'))
  })
  socket.write(framed)
  return () => socket.destroy()
}

const keyOf = ({ address, port }: ServerAddressAndPort) => `${address} ${port}`

/**
 * For the check before each renewal, every two seconds for ever: what node-dns would cost there is most of an idle
 * module's CPU (docs/adr/0010). It answers as reference-client.ts does, A records alone.
 */
export class LightClient {
  readonly #options: LightClientOptions
  readonly #peers = new Map<string, Peer>()

  constructor(options: LightClientOptions) {
    this.#options = options
  }

  /** @throws SecureNetError SELFTEST_NO_ANSWER when nothing usable came within `timeoutMs` */
  readonly ask: ReferenceClient = async (target, name, type, timeoutMs) => {
    const { clock, randomId } = this.#options
    const query = queryFor(randomId(), name, type)
    let over = () => {}
    try {
      const reply = await new Promise<Buffer>((resolve, reject) => {
        const timer = clock.after(timeoutMs, () => reject(new Error('timed out')))
        const settle = (outcome: Buffer | Error) => {
          timer.cancel()
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        }
        over =
          target.transport === 'tcp' ? overTcp(target, query, settle) : this.#overUdp(target, query, settle)
      })
      return summary(query, reply)
    } catch (error) {
      this.#retire(target)
      throw noAnswer(target, name, error)
    } finally {
      over()
    }
  }

  #overUdp(target: ServerAddressAndPort, query: Buffer, settle: (reply: Buffer | Error) => void): () => void {
    const peer = this.#peers.get(keyOf(target)) ?? new Peer(target)
    this.#peers.set(keyOf(target), peer)
    peer.ask(query, settle)
    return () => peer.forget(query)
  }

  /** What went wrong may be the socket's own: the next question gets a new one. */
  #retire(target: ServerAddressAndPort): void {
    this.#peers.get(keyOf(target))?.retire()
    this.#peers.delete(keyOf(target))
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.retire()
    this.#peers.clear()
  }
}
