import type { Socket } from 'node:net'
import type { Clock, Timer } from '../base/clock.ts'
import { PENDING, Query } from '../query/query.ts'
import type { Handler } from './handler.ts'

export interface TcpConnectionOptions {
  socket: Socket
  address: string
  handle: Handler
  /** ms until its client may ask the next question; 0: now. */
  waitMs: () => number
  clock: Clock
  /** Patience with a silent client, in ms, as things are now. */
  idleMs: () => number
  onActive: () => void
  onClose: () => void
}

/** Questions of one connection that may wait for upstream; reading pauses at this many. */
const MAX_WAITING = 64
const LENGTH_BYTES = 2
/** Answered in one turn of the event loop: other sockets and timers have their turns in between. */
const MESSAGES_A_TURN = 8
/** Answers that a client has not read; more of them, and it has no use for the connection. */
const MAX_UNREAD = 262_144
/** Segments kept apart; a flood of tiny ones costs more to keep than to put together. */
const MAX_PIECES = 64

/** One client's connection: messages with a two-octet length, answered in any order (RFC 7766 §6.2.1.1, §7). */
export class TcpConnection {
  readonly #options: TcpConnectionOptions
  readonly #socket: Socket
  #received: Buffer[] = []
  #bytes = 0
  /** Nothing is put together before so many octets are there: drops of one octet must not cost a copy each. */
  #needed = LENGTH_BYTES
  #waiting = 0
  #halfClosed = false
  #idle: Timer | null = null
  /** Goes on reading later: in the next turn, or when its client may ask again. */
  #later: NodeJS.Immediate | null = null
  #pause: Timer | null = null

  constructor(options: TcpConnectionOptions) {
    this.#options = options
    this.#socket = options.socket
  }

  start(): void {
    const socket = this.#socket
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('drain', () => this.#resume())
    socket.on('end', () => {
      this.#halfClosed = true
      this.#closeWhenDone()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#idle?.cancel()
      this.#pause?.cancel()
      if (this.#later) clearImmediate(this.#later)
      this.#received = []
      this.#options.onClose()
    })
    this.#restartIdle()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Only whole messages count as activity: an octet a second does not keep a slot (RFC 7766 §6.2.3, §10). */
  #restartIdle(): void {
    this.#idle?.cancel()
    this.#idle = this.#options.clock.after(this.#options.idleMs(), () => {
      // RFC 7766 §3: not idle while an answer is owed; upstream's patience bounds that.
      if (this.#waiting > 0 || this.#pause) this.#restartIdle()
      else this.#socket.destroy()
    })
  }

  #onData(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#bytes += chunk.length
    if (this.#received.length > MAX_PIECES) this.#received = [Buffer.concat(this.#received)]
    this.#readMessages()
  }

  #readMessages(): void {
    if (this.#later || this.#pause) return
    for (let turn = 0; this.#mayAsk; turn++) {
      if (this.#mustPause(turn)) return
      const all = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received)
      this.#received = [all]
      const end = LENGTH_BYTES + all.readUInt16BE(0)
      if (all.length < end) {
        this.#needed = end
        break
      }
      this.#received = all.length > end ? [all.subarray(end)] : []
      this.#bytes = all.length - end
      this.#needed = LENGTH_BYTES
      // Its own bytes: a slice would keep the whole segment alive while upstream is asked.
      this.#ask(Buffer.from(all.subarray(2, end)))
      if (this.#socket.destroyed) return
    }
    // RFC 7766 §10: a client that asks and does not read is not read either.
    if (this.#waiting >= MAX_WAITING || this.#socket.writableNeedDrain) this.#socket.pause()
    else this.#closeWhenDone()
  }

  /** There may be a whole message, and room for its answer. */
  get #mayAsk(): boolean {
    return this.#bytes >= this.#needed && this.#waiting < MAX_WAITING && !this.#socket.writableNeedDrain
  }

  /** @param turn messages that were read in this turn of the event loop */
  #mustPause(turn: number): boolean {
    const waitMs = turn < MESSAGES_A_TURN ? this.#options.waitMs() : 0
    if (turn >= MESSAGES_A_TURN) this.#readInNextTurn()
    else if (waitMs > 0) this.#readAfter(waitMs)
    return this.#later !== null || this.#pause !== null
  }

  #readInNextTurn(): void {
    this.#socket.pause()
    this.#later = setImmediate(() => {
      this.#later = null
      this.#resume()
    })
  }

  #readAfter(ms: number): void {
    this.#socket.pause()
    this.#pause = this.#options.clock.after(Math.ceil(ms), () => {
      this.#pause = null
      this.#resume()
    })
  }

  #ask(message: Buffer): void {
    const query = new Query(message, this.#options.address, 'tcp')
    this.#options.onActive()
    this.#restartIdle()
    const outcome = this.#options.handle(query)
    if (outcome === PENDING) {
      this.#waiting++
      query.respond = (reply) => {
        this.#waiting--
        this.#send(reply)
        this.#resume()
        this.#closeWhenDone()
      }
    } else if (typeof outcome === 'symbol') this.#socket.destroy()
    else this.#send(outcome)
  }

  #send(reply: Buffer): void {
    if (this.#socket.destroyed || !this.#socket.writable) return
    // RFC 7766 §8: length and message in one write.
    const framed = Buffer.allocUnsafe(2 + reply.length)
    framed.writeUInt16BE(reply.length, 0)
    reply.copy(framed, 2)
    this.#socket.write(framed)
    if (this.#socket.writableLength > MAX_UNREAD) this.#socket.destroy()
    else this.#restartIdle()
  }

  #resume(): void {
    if (this.#socket.destroyed || this.#socket.writableNeedDrain || this.#waiting >= MAX_WAITING) return
    if (this.#later || this.#pause) return
    this.#socket.resume()
    this.#readMessages()
  }

  #closeWhenDone(): void {
    if (this.#halfClosed && this.#waiting === 0 && !this.#later && !this.#pause) this.#socket.end()
  }
}
