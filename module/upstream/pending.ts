import { appendCookie, endsInOpt, OPT_LENGTH, questionEndOf } from '../dns/edns.ts'
import type { Queued } from './fair-queue.ts'
import { type RandomPool, randomiseCase } from './random-pool.ts'
import type { Server } from './server.ts'
import type { UpstreamTcpConnection } from './tcp-connections.ts'
import { NO_TIMER, type Timed } from './timer-wheel.ts'
import type { UdpSocket } from './udp-sockets.ts'
import type { Exchange, OnExchanged } from './upstream.ts'

const empty: Buffer = Buffer.alloc(0)
const usualQuery = 512
/** COOKIE option with the longest server cookie (RFC 7873 §4). */
const cookieRoom = 4 + 40

const stillSending = (socket: UdpSocket<Pending>) => socket.sending > 0

/** One question in flight, and everybody who waits for it. Objects of this class are reused. */
export class Pending implements Timed, Queued {
  key = ''
  clientKey = ''
  message = empty
  done: OnExchanged | null = null
  readonly sharers: OnExchanged[] = []
  probe = false

  /** What goes out: `message` with its ID, case and options. */
  query: Buffer = Buffer.allocUnsafeSlow(usualQuery)
  queryLength = 0
  questionEnd = 0
  hasOpt = false
  /** The letters' case was drawn at random (0x20). */
  cased = false
  /** Sent without OPT from now on: a server did not understand it. */
  plain = false
  optSent = false
  cookieSent = false
  /** Somebody answered FORMERR or NOTIMP without a question: the next try goes without OPT. */
  bareError = false

  server: Server | null = null
  readonly tried: Server[] = []
  /** Unreachable in this exchange's time: not asked again. */
  readonly dead: Server[] = []
  readonly sockets: UdpSocket<Pending>[] = []
  readonly ids: number[] = []
  connection: UpstreamTcpConnection<Pending> | null = null
  connectionId = 0
  /** `connection.messages` when the question went out. */
  connectionMessages = 0
  wantTcp = false
  /** Somebody guessed at our IDs: asked over TCP as well, once. */
  spoofed = false
  /** A reply came with the letters' case changed. */
  caseWrong = false
  tcpFailures = 0

  triesLeft = 0
  deadlineTick = 0
  delayed = false
  refusals = 0
  badCookies = 0
  /** SERVFAIL or REFUSED of a server, for want of a better one. */
  secondBest: Buffer | null = null

  wheelPrevious: Timed | null = null
  wheelNext: Timed | null = null
  dueTick = NO_TIMER
  queuePrevious: Queued | null = null
  queueNext: Queued | null = null
  queued = false

  /** @returns false for a message that is no query */
  begin(exchange: Exchange, done: OnExchanged | null): boolean {
    const { message } = exchange
    this.questionEnd = questionEndOf(message)
    if (this.questionEnd < 0) return false
    this.key = exchange.key
    this.clientKey = exchange.clientKey
    this.message = message
    this.done = done
    this.wantTcp = exchange.tcp
    this.hasOpt = endsInOpt(message)
    const room = message.length + cookieRoom
    if (room > this.query.length) this.query = Buffer.allocUnsafeSlow(room)
    message.copy(this.query)
    return true
  }

  /** Nobody waits for datagrams of this question any more. */
  releaseUdp(): void {
    const { sockets, ids } = this
    for (let i = 0; i < sockets.length; i++) {
      const socket = sockets[i]!
      // The system still holds the buffer: the next question needs one of its own.
      if (socket.sending > 0) this.query = Buffer.from(this.query)
      socket.owner.release(socket, ids[i]!)
    }
    sockets.length = 0
    ids.length = 0
  }

  releaseTcp(): void {
    this.connection?.owner.release(this.connection, this.connectionId)
    this.connection = null
  }

  /** Forgets one try: its socket has failed. */
  releaseSocket(socket: UdpSocket<Pending>): void {
    const at = this.sockets.indexOf(socket)
    if (at < 0) return
    socket.owner.release(socket, this.ids[at]!)
    this.sockets.splice(at, 1)
    this.ids.splice(at, 1)
  }

  /** Ready for the next question. Called when nothing refers to it any more. */
  reset(): void {
    this.message = empty
    this.done = null
    this.sharers.length = 0
    this.probe = false
    this.cased = false
    this.plain = false
    this.cookieSent = false
    this.bareError = false
    this.server = null
    this.tried.length = 0
    this.dead.length = 0
    this.sockets.length = 0
    this.ids.length = 0
    this.connection = null
    this.spoofed = false
    this.caseWrong = false
    this.tcpFailures = 0
    this.delayed = false
    this.refusals = 0
    this.badCookies = 0
    this.secondBest = null
    if (this.query.length > usualQuery) this.query = Buffer.allocUnsafeSlow(usualQuery)
  }

  /** Fits `query` to a server: its letters' case, and whether it gets OPT and cookie. */
  write(server: Server, tick: number, random: RandomPool): void {
    const { message } = this
    // What was sent before may still be in the system's hands.
    if (this.sockets.some(stillSending)) this.query = Buffer.from(this.query)
    const opt = this.hasOpt && !this.plain && !(server.ednsOffUntil > tick)
    this.optSent = opt
    this.cookieSent = false
    if (!server.remote && opt === this.hasOpt && !this.cased) {
      this.queryLength = message.length
      if (this.sockets.length > 0) message.copy(this.query)
      return
    }
    if (server.remote && !this.cased && !(server.caseOffUntil > tick)) {
      this.cased = true
      randomiseCase(this.query, 12, this.questionEnd - 4, random)
    }
    message.copy(this.query, this.questionEnd, this.questionEnd)
    this.queryLength = opt || !this.hasOpt ? message.length : message.length - OPT_LENGTH
    this.query.writeUInt16BE(message.readUInt16BE(10) - (this.hasOpt && !opt ? 1 : 0), 10)
    if (opt && server.remote && !(server.cookiesOffUntil > tick)) {
      this.cookieSent = true
      this.queryLength = appendCookie(this.query, this.queryLength, server.clientCookie, server.serverCookie)
    }
  }

  /** @returns the query for a stream: its length before it, and no cookie, for which TCP has no need (RFC 7873 §5.2.1) */
  frame(id: number): Buffer {
    const stripped = this.hasOpt && !this.optSent
    const length = stripped ? this.message.length - OPT_LENGTH : this.message.length
    const frame = Buffer.allocUnsafeSlow(2 + length)
    this.message.copy(frame, 2, 0, length)
    this.query.copy(frame, 2 + 12, 12, this.questionEnd)
    frame.writeUInt16BE(length, 0)
    frame.writeUInt16BE(id, 2)
    frame.writeUInt16BE(this.message.readUInt16BE(10) - (stripped ? 1 : 0), 2 + 10)
    return frame
  }

  /** What the OPT advertises (RFC 6891 §6.2.3); 512 without one. */
  get advertised(): number {
    if (!this.optSent) return 512
    return Math.max(512, this.message.readUInt16BE(this.message.length - OPT_LENGTH + 3))
  }
}
