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

/** `server-trouble`: to be decided by `afterTrouble`. */
export function afterReply(reply: ReplyCase): AfterReply {
  const step = reply.cookieSent ? afterCookie(reply) : null
  if (step !== null) return step
  if (reply.optSent && blamesOpt(reply)) return 'without-opt'
  return reply.rcode === Rcode.REFUSED || reply.rcode === Rcode.SERVFAIL ? 'server-trouble' : 'accept'
}

export interface TroubleCase {
  readonly rcode: number
  /** A healthy server that has not been asked. */
  readonly another: boolean
  /** The server may hold many questions of ours: dnsmasq refuses what goes beyond its 150, whatever the name. */
  readonly busy: boolean
  /** Pauses that this question has had for it. */
  readonly refusals: number
  readonly hasSecondBest: boolean
}

/** SERVFAIL and REFUSED may be the server's trouble and not the name's. */
export function afterTrouble(trouble: TroubleCase): 'accept' | 'elsewhere' | 'later' {
  const { rcode, another, busy, refusals, hasSecondBest } = trouble
  if (another) return 'elsewhere'
  if (rcode !== Rcode.REFUSED) return 'accept'
  return busy || (refusals === 0 && !hasSecondBest) ? 'later' : 'accept'
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
  /** Whole messages that the connection has brought. */
  readonly messages: number
  /** Connections that this question has lost before. */
  readonly lost: number
}

/** `wait` for UDP; `fold-case`: ask again with the letters as they are; `reconnect`; or the server is `unreachable`. */
export function afterLostConnection(
  lost: LostConnectionCase,
): 'wait' | 'fold-case' | 'reconnect' | 'unreachable' {
  // No TCP to compare with: a server that loses the case must not be lost with it.
  if (!lost.overTcp) return lost.caseWrong ? 'fold-case' : 'wait'
  // A kept connection may have been closed by the other end as we wrote (RFC 7766 §6.2.4): dnsmasq does so after a
  // hundred questions, and one that waits behind many may meet that more than once.
  return lost.messages > 0 && lost.lost < RECONNECTS ? 'reconnect' : 'unreachable'
}
