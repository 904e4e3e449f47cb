import type { Answer } from '../dns/answer.ts'
import { Rcode } from '../dns/constants.ts'
import { cookieOf, findOpt } from '../dns/edns.ts'
import type { ReplyCase } from './retry-policy.ts'
import type { TransactionAttempt, UpstreamServer } from './transaction.ts'

const CLIENT_COOKIE_BYTES = 8
const MIN_COOKIE_BYTES = 16
const MAX_COOKIE_BYTES = 40

/** What a reply that matched says of how it was asked. One object, read anew for each. */
export class ReplyFacts implements ReplyCase {
  rcode: number = Rcode.NOERROR
  hasOpt = false
  cookie: ReplyCase['cookie'] = 'none'
  /** 8 to 32 octets (RFC 7873 §4); null: no such cookie came with ours. */
  serverCookie: Buffer | null = null
  optSent = false
  cookieSent = false
  cookieKnown = false
  badCookies = 0

  read(answer: Answer, reply: Buffer, attempt: TransactionAttempt, { knowledge }: UpstreamServer): void {
    this.rcode = answer.rcode
    this.hasOpt = answer.hasOpt
    this.optSent = attempt.optSent
    this.cookieSent = attempt.cookieSent
    this.cookieKnown = knowledge.serverCookie !== null
    this.badCookies = attempt.transaction.badCookies
    this.cookie = 'none'
    this.serverCookie = null
    if (attempt.cookieSent)
      this.#readCookie(cookieOf(reply, findOpt(reply, answer.questionEnd)), knowledge.clientCookie)
  }

  #readCookie(cookie: Buffer | null, clientCookie: Buffer): void {
    if (cookie === null || cookie.length < CLIENT_COOKIE_BYTES) return
    this.cookie = cookie.subarray(0, CLIENT_COOKIE_BYTES).equals(clientCookie) ? 'ours' : 'foreign'
    const isWhole = cookie.length >= MIN_COOKIE_BYTES && cookie.length <= MAX_COOKIE_BYTES
    if (this.cookie === 'ours' && isWhole) this.serverCookie = cookie.subarray(CLIENT_COOKIE_BYTES)
  }
}
