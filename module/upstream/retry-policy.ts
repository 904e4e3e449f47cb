import { Rcode } from '../dns/constants.ts'

/**
 * What to do after a reply that matched: `accept` it; `ignore` it and wait on; ask the same server again `without-opt`,
 * `without-cookie`, with the `new-cookie`, or over `tcp`; `elsewhere`: ask another server, the reply is second best;
 * `later`: ask again after a pause.
 */
export type RetryStep =
  | 'accept'
  | 'ignore'
  | 'without-opt'
  | 'without-cookie'
  | 'new-cookie'
  | 'tcp'
  | 'elsewhere'
  | 'later'

/** Of the reply and of the attempt that it answers. */
export interface ReplyCase {
  readonly rcode: number
  readonly hasOpt: boolean
  /** `none`: no cookie, or one too short; `ours`: it begins with what we sent; `foreign`: it does not (RFC 7873 §5.3). */
  readonly cookie: 'none' | 'ours' | 'foreign'
  readonly optSent: boolean
  /** Over UDP: a stream has no need of it (RFC 7873 §5.2.1). */
  readonly cookieSent: boolean
  /** The server has sent a cookie before. */
  readonly cookieKnown: boolean
  /** BADCOOKIE came so often for this question. */
  readonly badCookies: number
}

type AfterReply = Exclude<RetryStep, 'elsewhere' | 'later'> | 'server-trouble'

/** @returns null: cookies have nothing against the reply */
function afterCookie({ rcode, hasOpt, cookie, cookieKnown, badCookies }: ReplyCase): AfterReply | null {
  // RFC 7873 §5.3: a server that has sent cookies and now sends none may be somebody else.
  if (cookie === 'none' && cookieKnown) return 'tcp'
  if (cookie === 'foreign') return 'ignore'
  if (rcode === Rcode.BADCOOKIE) return badCookies > 0 ? 'tcp' : 'new-cookie'
  return rcode === Rcode.FORMERR && hasOpt ? 'without-cookie' : null
}

/** RFC 6891 §7: a server that does not know OPT says so, without one. */
const blamesOpt = ({ rcode, hasOpt }: ReplyCase) =>
  rcode === Rcode.BADVERS || (!hasOpt && (rcode === Rcode.FORMERR || rcode === Rcode.NOTIMP))

/** A server's trouble, or that of the servers behind it, is none of the name's (RFC 8767 §4). */
const isTrouble = (rcode: number) =>
  rcode === Rcode.FORMERR ||
  rcode === Rcode.SERVFAIL ||
  rcode === Rcode.NOTIMP ||
  rcode === Rcode.REFUSED ||
  isExtended(rcode)

/** No client could be told: the upper bits would need the OPT of this very server (RFC 6891 §6.1.3). */
export const isExtended = (rcode: number): boolean => rcode > 15

/** `server-trouble`: to be decided by `afterTrouble`. */
export function afterReply(reply: ReplyCase): AfterReply {
  const step = reply.cookieSent ? afterCookie(reply) : null
  if (step !== null) return step
  if (reply.optSent && blamesOpt(reply)) return 'without-opt'
  return isTrouble(reply.rcode) ? 'server-trouble' : 'accept'
}

export interface TroubleCase {
  readonly rcode: number
  /** A healthy server that has not been asked. */
  readonly another: boolean
  /** The server may hold many questions of ours: dnsmasq refuses what goes beyond its 150, whatever the name. */
  readonly busy: boolean
}

/** `accept`: nobody knows better. */
export function afterTrouble({ rcode, another, busy }: TroubleCase): 'accept' | 'elsewhere' | 'later' {
  if (another) return 'elsewhere'
  return rcode === Rcode.REFUSED && busy ? 'later' : 'accept'
}

/** A reply that matched and cannot be read: cut on its way perhaps, and whole over TCP; or by another server. */
export function afterUnreadable(overTcp: boolean, another: boolean): 'tcp' | 'elsewhere' | 'give-up' {
  if (!overTcp) return 'tcp'
  return another ? 'elsewhere' : 'give-up'
}

const FIRST_PAUSE_MS = 100
const PAUSE_DOUBLINGS = 3

/** @param refusals before this one */
export const pauseMs = (refusals: number): number => FIRST_PAUSE_MS << Math.min(refusals, PAUSE_DOUBLINGS)

/** @param triesLeft after this one */
export function afterSilence(triesLeft: number, isLate: boolean): 'elsewhere' | 'give-up' {
  return triesLeft <= 0 || isLate ? 'give-up' : 'elsewhere'
}

const RECONNECTS = 8

export interface LostConnectionCase {
  /** The question is asked over TCP alone; otherwise UDP is waited for as well. */
  readonly overTcp: boolean
  /** It was asked over TCP because the letters' case came back changed. */
  readonly caseWrong: boolean
  /** It was asked over TCP because an error came without its question. */
  readonly bareError: boolean
  /** Whole messages that the connection has brought. */
  readonly messages: number
  /** Connections that this question has lost before. */
  readonly lost: number
}

/**
 * `wait` for UDP; ask again and take it `as-it-comes`: with the letters as they are, errors without their question;
 * `reconnect`; or the server is `unreachable`.
 */
export function afterLostConnection(
  lost: LostConnectionCase,
): 'wait' | 'as-it-comes' | 'reconnect' | 'unreachable' {
  // No TCP to compare with: a server that has none must not be lost for what it does over UDP.
  if (!lost.overTcp) return lost.caseWrong || lost.bareError ? 'as-it-comes' : 'wait'
  // A kept connection may have been closed by the other end as we wrote (RFC 7766 §6.2.4): dnsmasq does so after a
  // hundred questions, and one that waits behind many may meet that more than once.
  return lost.messages > 0 && lost.lost < RECONNECTS ? 'reconnect' : 'unreachable'
}
