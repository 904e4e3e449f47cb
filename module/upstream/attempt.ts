import { CLASSIC_UDP_BYTES, HEADER_BYTES } from '../dns/constants.ts'
import { advertisedBytes, appendCookie, COOKIE_ROOM, OPT_BYTES } from '../dns/edns.ts'
import { QUESTION_FIXED_BYTES } from '../dns/question.ts'
import { type RandomPool, randomiseCase } from './random-pool.ts'
import type { UpstreamTcpConnection } from './tcp-connections.ts'
import type { UdpSocket } from './udp-sockets.ts'

const USUAL_QUERY_BYTES = 512
const FRAME_LENGTH_BYTES = 2

/** What is sent, whichever server gets it. */
export interface UpstreamQuery {
  readonly message: Buffer
  /** Offset behind the question. */
  readonly questionEnd: number
  /** The message ends in an OPT. */
  readonly hasOpt: boolean
}

/** What makes a reply hard to forge for those who cannot see the question (RFC 7873 §4). */
export interface Cookies {
  readonly clientCookie: Buffer
  /** Null: not known yet. */
  readonly serverCookie: Buffer | null
}

/**
 * One sending of a transaction to one server, and where its reply is expected. Reused: none of its buffers may be changed
 * while the system still sends it.
 */
export class Attempt<T extends UpstreamQuery> {
  readonly transaction: T
  /** What went out: the transaction's message with its own ID, case and options. */
  query: Buffer = Buffer.allocUnsafeSlow(USUAL_QUERY_BYTES)
  length = 0
  /** The letters' case was drawn at random (0x20). */
  cased = false
  optSent = false
  cookieSent = false
  socket: UdpSocket<Attempt<T>> | null = null
  connection: UpstreamTcpConnection<Attempt<T>> | null = null
  id = 0
  /** `connection.messages` when the question went out. */
  messagesBefore = 0

  constructor(transaction: T) {
    this.transaction = transaction
  }

  /** No reply is expected any more. */
  get isFree(): boolean {
    return this.socket === null && this.connection === null
  }

  get overTcp(): boolean {
    return this.connection !== null
  }

  /** What its OPT advertises (RFC 6891 §6.2.3); 512 without one. */
  get advertised(): number {
    if (!this.optSent) return CLASSIC_UDP_BYTES
    const { message } = this.transaction
    return Math.max(CLASSIC_UDP_BYTES, advertisedBytes(message, message.length - OPT_BYTES))
  }

  /**
   * Makes the query for one server.
   * @param opt with its OPT, if it has one
   * @param randomCase the letters' case drawn at random (0x20)
   * @param cookies null: without; they need an OPT
   */
  fit(opt: boolean, randomCase: boolean, cookies: Cookies | null, random: RandomPool): void {
    const { message, questionEnd, hasOpt } = this.transaction
    const room = message.length + COOKIE_ROOM
    if (room > this.query.length) this.query = Buffer.allocUnsafeSlow(room)
    message.copy(this.query)
    this.length = message.length
    this.optSent = hasOpt && opt
    if (hasOpt && !opt) {
      this.length -= OPT_BYTES
      this.query.writeUInt16BE(message.readUInt16BE(10) - 1, 10)
    }
    this.cased = randomCase
    if (randomCase) randomiseCase(this.query, HEADER_BYTES, questionEnd - QUESTION_FIXED_BYTES, random)
    this.cookieSent = this.optSent && cookies !== null
    if (this.optSent && cookies !== null)
      this.length = appendCookie(this.query, this.length, cookies.clientCookie, cookies.serverCookie)
  }

  setId(id: number): void {
    this.id = id
    this.query[0] = id >> 8
    this.query[1] = id & 0xff
  }

  /** @returns the query for a stream, its length before it (RFC 7766 §8) */
  frame(): Buffer {
    const frame = Buffer.allocUnsafeSlow(FRAME_LENGTH_BYTES + this.length)
    frame.writeUInt16BE(this.length, 0)
    this.query.copy(frame, FRAME_LENGTH_BYTES, 0, this.length)
    return frame
  }

  release(): void {
    const { socket, connection, id } = this
    if (socket !== null) {
      this.socket = null
      // The system still holds the buffer: the next question needs one of its own.
      if (socket.sending > 0) this.query = Buffer.allocUnsafeSlow(USUAL_QUERY_BYTES)
      socket.owner.release(socket, id)
    }
    if (connection !== null) {
      this.connection = null
      connection.owner.release(connection, id)
    }
  }

  /** Of a long question nothing is kept. */
  trim(): void {
    if (this.query.length > USUAL_QUERY_BYTES) this.query = Buffer.allocUnsafeSlow(USUAL_QUERY_BYTES)
  }
}
