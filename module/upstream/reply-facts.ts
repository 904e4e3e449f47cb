import { Rcode } from '../dns/constants.ts'
import { cookieOf, findOpt, fullRcode } from '../dns/edns.ts'
import type { ReplyCase } from './retry-policy.ts'
import type { TransactionAttempt, UpstreamServer } from './transaction.ts'

const CLIENT_COOKIE_BYTES = 8

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

  read(reply: Buffer, attempt: TransactionAttempt, server: UpstreamServer): void {
    const opt = findOpt(reply, attempt.transaction.questionEnd)
    this.rcode = fullRcode(reply, opt)
    this.hasOpt = opt >= 0
    this.optSent = attempt.optSent
    this.cookieSent = attempt.cookieSent
    this.cookieKnown = server.serverCookie !== null
    this.badCookies = attempt.transaction.badCookies
    this.cookie = 'none'
    this.serverCookie = null
    if (attempt.cookieSent) this.#readCookie(cookieOf(reply, opt), server.clientCookie)
  }

  #readCookie(cookie: Buffer | null, clientCookie: Buffer): void {
    if (cookie === null || cookie.length < CLIENT_COOKIE_BYTES) return
    this.cookie = cookie.subarray(0, CLIENT_COOKIE_BYTES).equals(clientCookie) ? 'ours' : 'foreign'
    if (this.cookie === 'ours' && cookie.length >= 16 && cookie.length <= 40)
      this.serverCookie = cookie.subarray(CLIENT_COOKIE_BYTES)
  }
}
