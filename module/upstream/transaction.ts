import type { Answer } from '../dns/answer.ts'
import { HEADER_BYTES } from '../dns/constants.ts'
import { endsInOpt } from '../dns/edns.ts'
import { QUESTION_FIXED_BYTES, questionEndOf } from '../dns/question.ts'
import { Attempt, type UpstreamQuery } from './attempt.ts'
import type { Server } from './server.ts'
import { NO_TIMER, type Timed } from './timer-wheel.ts'
import type { Exchange, OnExchanged } from './upstream.ts'
import type { InZone } from './zone-shares.ts'

const empty: Buffer = Buffer.alloc(0)

export type TransactionAttempt = Attempt<Transaction>
export type UpstreamServer = Server<TransactionAttempt>

/** One question, and everyone who waits for its answer. Objects of this class are reused. */
export class Transaction implements UpstreamQuery, Timed, InZone {
  key = ''
  clientKey = ''
  /** That it counts against (zone-shares.ts); empty: against none. */
  zone = ''
  holdsShare = false
  message = empty
  questionEnd = 0
  hasOpt = false
  done: OnExchanged | null = null
  /** The others who asked the same while it was in flight. */
  readonly sharers: OnExchanged[] = []
  /** A question of our own to a server that fails: its reply is for nobody. */
  isProbe = false

  /** Who is asked now: the question counts against its limit. */
  server: UpstreamServer | null = null
  /** Asked before, in vain. */
  readonly tried: UpstreamServer[] = []
  /** Unreachable in this question's time: not asked again. */
  readonly dead: UpstreamServer[] = []
  /** Where replies are expected; an earlier one's may still come. Those that are free are used again. */
  readonly attempts: TransactionAttempt[] = [new Attempt<Transaction>(this)]

  triesLeft = 0
  deadlineTick = 0
  /** Over TCP at once, whichever server. */
  wantsTcp = false
  /** Asked again after a pause; the timer is the pause's. */
  paused = false
  /** Pauses so far. */
  refusals = 0
  /** What a server in trouble said, for want of a better answer. */
  secondBest: Answer | null = null

  /** The server that all of the following is about. */
  fittedTo: UpstreamServer | null = null
  /** Sent over TCP from now on. */
  overTcp = false
  /** Sent without OPT from now on: the server did not understand it. */
  withoutOpt = false
  /** Likewise without cookie. */
  withoutCookie = false
  /** Letters are sent as they are, and errors taken without their question: there is no TCP to compare with. */
  asItComes = false
  /** Somebody may have guessed at our IDs: asked over TCP as well, once. */
  alsoOverTcp = false
  /** A reply came with the letters' case changed. */
  caseWrong = false
  /** An error came without its question. */
  bareError = false
  badCookies = 0
  lostConnections = 0

  wheelPrevious: Timed | null = null
  wheelNext: Timed | null = null
  dueTick = NO_TIMER
  queuePrevious: InZone | null = null
  queueNext: InZone | null = null
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
    this.wantsTcp = exchange.tcp
    this.hasOpt = endsInOpt(message)
    return true
  }

  /** The name asked, as in a message: for telling names apart. */
  get name(): string {
    return this.message.toString('latin1', HEADER_BYTES, this.questionEnd - QUESTION_FIXED_BYTES)
  }

  /** What one server did not understand says nothing of the next. */
  fitTo(server: UpstreamServer | null): void {
    this.fittedTo = server
    this.overTcp = this.wantsTcp
    this.withoutOpt = false
    this.withoutCookie = false
    this.asItComes = false
    this.alsoOverTcp = false
    this.caseWrong = false
    this.bareError = false
    this.badCookies = 0
    this.lostConnections = 0
  }

  /** @returns one that no reply is expected for */
  freeAttempt(): TransactionAttempt {
    for (const attempt of this.attempts) if (attempt.isFree) return attempt
    const attempt = new Attempt<Transaction>(this)
    this.attempts.push(attempt)
    return attempt
  }

  /** The one that went over TCP, of which there is one at most. */
  get tcpAttempt(): TransactionAttempt | null {
    for (const attempt of this.attempts) if (attempt.overTcp) return attempt
    return null
  }

  releaseUdp(): void {
    for (const attempt of this.attempts) if (!attempt.overTcp) attempt.release()
  }

  release(): void {
    for (const attempt of this.attempts) attempt.release()
  }

  /**
   * Ready for the next question. Called when nothing refers to it any more.
   * @returns those who waited beside the first
   */
  reset(): OnExchanged[] {
    const sharers = this.sharers.length > 0 ? this.sharers.splice(0) : NO_SHARERS
    this.message = empty
    this.done = null
    this.zone = ''
    this.isProbe = false
    this.server = null
    this.tried.length = 0
    this.dead.length = 0
    this.attempts.length = 1
    this.attempts[0]!.trim()
    this.fitTo(null)
    this.paused = false
    this.refusals = 0
    this.secondBest = null
    return sharers
  }
}

const NO_SHARERS: OnExchanged[] = []
