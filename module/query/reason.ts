/**
 * Why an answer is what it is. This enum alone feeds counters, EDE and logs; the order is the counters' index,
 * so new reasons are added at the end.
 */
export const answerReasons = [
  'forwarded',
  'cached',
  'stale',
  'blocked',
  'blocked-target',
  'blocked-upstream',
  'resolver-bypass',
  'rebinding',
  'special-name',
  'relay-canary',
  'malformed',
  'not-implemented',
  'refused',
  'rate-limited',
  'any-minimal',
  'bad-version',
  'upstream-failure',
  'chain-too-long',
  'dropped',
  'local-name',
] as const

export type AnswerReason = (typeof answerReasons)[number]
