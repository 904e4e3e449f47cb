import { createSocket, type Socket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { SecureNetError } from '../base/error.ts'
import { readAnswer } from '../dns/answer.ts'
import { CLASS_IN, Flag, HEADER_BYTES, Type } from '../dns/constants.ts'
import { nameFromText } from '../dns/name.ts'
import { type IndependentAnswer, type IndependentClient, noAnswer, type Target } from './reference-client.ts'

export interface QuickClientOptions {
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

  constructor({ address, port }: Target) {
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

function isReplyTo(query: Buffer, reply: Buffer): boolean {
  if (reply.length < query.length || (reply.readUInt16BE(2) & Flag.QR) === 0) return false
  return reply.compare(query, HEADER_BYTES, query.length, HEADER_BYTES, query.length) === 0
}

function queryFor(id: number, name: string, type: 'A' | 'AAAA'): Buffer {
  const wire = nameFromText(name)
  if (!wire) throw new SecureNetError('SELFTEST_NO_ANSWER', `"${name}" is not a name`)
  const query = Buffer.alloc(HEADER_BYTES + wire.length + 4)
  query.writeUInt16BE(id, 0)
  query.writeUInt16BE(Flag.RD, 2)
  query.writeUInt16BE(1, 4)
  query.set(wire, HEADER_BYTES)
  query.writeUInt16BE(Type[type], HEADER_BYTES + wire.length)
  query.writeUInt16BE(CLASS_IN, HEADER_BYTES + wire.length + 2)
  return query
}

function summary(query: Buffer, reply: Buffer): IndependentAnswer {
  const answer = readAnswer(reply, query.length)
  if (!answer) throw new Error('malformed reply')
  const found = answer.records.slice(0, answer.answers).filter(({ type }) => type === Type.A)
  return {
    rcode: answer.rcode,
    addresses: found.map(({ rdata, end }) => reply.subarray(rdata, end).join('.')),
  }
}

function overTcp(
  { address, port }: Target,
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
    const isOurs = reply.length >= HEADER_BYTES && reply.readUInt16BE(0) === query.readUInt16BE(0)
    settle(isOurs && isReplyTo(query, reply) ? reply : new Error('no matching reply'))
  })
  socket.write(framed)
  return () => socket.destroy()
}

const keyOf = ({ address, port }: Target) => `${address} ${port}`

/**
 * For the check before each renewal, every two seconds for ever: what node-dns would cost there is most of an idle
 * module's CPU (docs/adr/0010). It answers as `askIndependently` does, A records alone.
 */
export class QuickClient {
  readonly #options: QuickClientOptions
  readonly #peers = new Map<string, Peer>()

  constructor(options: QuickClientOptions) {
    this.#options = options
  }

  /** @throws SecureNetError SELFTEST_NO_ANSWER when nothing usable came within `timeoutMs` */
  readonly ask: IndependentClient = async (target, name, type, timeoutMs) => {
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

  #overUdp(target: Target, query: Buffer, settle: (reply: Buffer | Error) => void): () => void {
    const peer = this.#peers.get(keyOf(target)) ?? new Peer(target)
    this.#peers.set(keyOf(target), peer)
    peer.ask(query, settle)
    return () => peer.forget(query)
  }

  /** What went wrong may be the socket's own: the next question gets a new one. */
  #retire(target: Target): void {
    this.#peers.get(keyOf(target))?.retire()
    this.#peers.delete(keyOf(target))
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.retire()
    this.#peers.clear()
  }
}
