import { describe, expect, it } from 'vitest'
import { Rcode } from '../../module/dns/constants.ts'
import {
  afterLostConnection,
  afterReply,
  afterSilence,
  afterTrouble,
  afterUnreadable,
  pauseMs,
  type ReplyCase,
  type TroubleCase,
} from '../../module/upstream/retry-policy.ts'

const answered: ReplyCase = {
  ...{ rcode: Rcode.NOERROR, hasOpt: true, cookie: 'none', optSent: true },
  ...{ cookieSent: false, cookieKnown: false, badCookies: 0 },
}
const withCookie: Partial<ReplyCase> = { cookieSent: true, cookieKnown: true, cookie: 'ours' }

describe('after a reply', () => {
  it.each<[string, Partial<ReplyCase>, string]>([
    ['an answer', {}, 'accept'],
    ['NXDOMAIN', { rcode: Rcode.NXDOMAIN }, 'accept'],
    ['FORMERR with an OPT', { rcode: Rcode.FORMERR }, 'server-trouble'],
    ['FORMERR without one', { rcode: Rcode.FORMERR, hasOpt: false }, 'without-opt'],
    ['NOTIMP without one', { rcode: Rcode.NOTIMP, hasOpt: false }, 'without-opt'],
    ['BADVERS', { rcode: Rcode.BADVERS }, 'without-opt'],
    [
      'FORMERR to a question without OPT',
      { rcode: Rcode.FORMERR, hasOpt: false, optSent: false },
      'server-trouble',
    ],
    ['SERVFAIL', { rcode: Rcode.SERVFAIL }, 'server-trouble'],
    ['REFUSED', { rcode: Rcode.REFUSED }, 'server-trouble'],
    ['a server that knows no cookies', { cookieSent: true }, 'accept'],
    ['our cookie', withCookie, 'accept'],
    ['no cookie of a server that had one', { ...withCookie, cookie: 'none' }, 'tcp'],
    ['somebody else’s cookie', { ...withCookie, cookie: 'foreign' }, 'ignore'],
    ['BADCOOKIE', { ...withCookie, rcode: Rcode.BADCOOKIE }, 'new-cookie'],
    ['BADCOOKIE again', { ...withCookie, rcode: Rcode.BADCOOKIE, badCookies: 1 }, 'tcp'],
    ['FORMERR to a cookie', { ...withCookie, rcode: Rcode.FORMERR }, 'without-cookie'],
    ['BADCOOKIE that nothing was sent for', { rcode: Rcode.BADCOOKIE }, 'server-trouble'],
    ['NOTIMP with an OPT', { rcode: Rcode.NOTIMP }, 'server-trouble'],
  ])('%s', (_name, of, expected) => {
    expect(afterReply({ ...answered, ...of })).toBe(expected)
  })
})

describe('after an error that is the server’s', () => {
  const alone: TroubleCase = { rcode: Rcode.SERVFAIL, another: false, busy: false }
  it.each<[string, Partial<TroubleCase>, string]>([
    ['SERVFAIL, another server', { another: true }, 'elsewhere'],
    ['SERVFAIL, none left', {}, 'accept'],
    ['SERVFAIL, busy', { busy: true }, 'accept'],
    ['FORMERR, another server', { rcode: Rcode.FORMERR, another: true }, 'elsewhere'],
    ['NOTIMP, none left', { rcode: Rcode.NOTIMP, busy: true }, 'accept'],
    ['REFUSED, another server', { rcode: Rcode.REFUSED, another: true, busy: true }, 'elsewhere'],
    ['REFUSED, busy', { rcode: Rcode.REFUSED, busy: true }, 'later'],
    ['REFUSED, not busy', { rcode: Rcode.REFUSED }, 'accept'],
  ])('%s', (_name, of, expected) => {
    expect(afterTrouble({ ...alone, ...of })).toBe(expected)
  })

  it.each([
    [false, true, 'tcp'],
    [false, false, 'tcp'],
    [true, true, 'elsewhere'],
    [true, false, 'give-up'],
  ])('unreadable, over TCP %s, another server %s: %s', (overTcp, another, expected) => {
    expect(afterUnreadable(overTcp, another)).toBe(expected)
  })

  it('pauses ever longer, up to 800 ms', () => {
    expect([0, 1, 2, 3, 4, 40].map(pauseMs)).toEqual([100, 200, 400, 800, 800, 800])
  })
})

describe('without a reply', () => {
  it.each([
    [2, false, 'elsewhere'],
    [0, false, 'give-up'],
    [2, true, 'give-up'],
  ])('silence, %i tries left, late %s: %s', (triesLeft, isLate, expected) => {
    expect(afterSilence(triesLeft, isLate)).toBe(expected)
  })

  const lost = { overTcp: true, caseWrong: false, bareError: false, messages: 3, lost: 0 }
  it.each([
    ['a kept connection', {}, 'reconnect'],
    ['one that brought nothing', { messages: 0 }, 'unreachable'],
    ['one after many', { lost: 8 }, 'unreachable'],
    ['UDP is waited for', { overTcp: false }, 'wait'],
    ['UDP came with another case', { overTcp: false, caseWrong: true }, 'as-it-comes'],
    ['UDP brought an error without its question', { overTcp: false, bareError: true }, 'as-it-comes'],
  ])('a lost connection, %s', (_name, of, expected) => {
    expect(afterLostConnection({ ...lost, ...of })).toBe(expected)
  })
})
