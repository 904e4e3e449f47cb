import { cookieOf, findOpt, fullRcode } from '../dns/edns.ts'
import type { Pending } from './pending.ts'
import type { Server } from './server.ts'

export const rcode = { formerr: 1, servfail: 2, notimp: 4, refused: 5, badvers: 16, badcookie: 23 } as const

/**
 * What to do with a reply that matched:
 * `accept` it; `ignore` it and wait on; ask again `without-opt`, `without-cookie`, with the `new-cookie`, or over
 * `tcp`; `refused` and `servfail` may be the server's trouble and not the name's.
 */
export type Review =
  | 'accept'
  | 'ignore'
  | 'without-opt'
  | 'without-cookie'
  | 'new-cookie'
  | 'tcp'
  | 'refused'
  | 'servfail'

/** RFC 7873 §5.3. Learns the server's cookie. @returns null where cookies have nothing against the reply */
function reviewCookie(reply: Buffer, opt: number, server: Server): Review | null {
  const cookie = cookieOf(reply, opt)
  if (!cookie || cookie.length < 8) return server.serverCookie ? 'tcp' : null
  if (!cookie.subarray(0, 8).equals(server.clientCookie)) return 'ignore'
  if (cookie.length >= 16 && cookie.length <= 40) server.serverCookie = Buffer.from(cookie.subarray(8))
  return null
}

export function reviewReply(reply: Buffer, pending: Pending, server: Server, overTcp: boolean): Review {
  const opt = findOpt(reply, pending.questionEnd)
  const cookieSent = pending.cookieSent && !overTcp
  if (cookieSent) {
    const verdict = reviewCookie(reply, opt, server)
    if (verdict) return verdict
  }
  const code = fullRcode(reply, opt)
  if (code === rcode.badcookie && cookieSent) return pending.badCookies > 0 ? 'tcp' : 'new-cookie'
  if (code === rcode.formerr && cookieSent && opt >= 0) return 'without-cookie'
  const optBlamed = code === rcode.badvers || ((code === rcode.formerr || code === rcode.notimp) && opt < 0)
  if (optBlamed && pending.optSent) return 'without-opt'
  if (code === rcode.refused) return 'refused'
  return code === rcode.servfail ? 'servfail' : 'accept'
}
