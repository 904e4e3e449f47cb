/** What support needs of a reason: the reason in words, and what to do. */
interface WhyText {
  readonly why: string
  readonly todo: string
}

const WAIT = 'nothing; it comes back by itself'

/** By `why` of `securenet status` and `reported` (docs/line-life-cycle.md). */
const whys: ReadonlyMap<string, WhyText> = new Map(
  Object.entries({
    'no-active-line': {
      why: 'no configured line carries the traffic',
      todo: 'see whether the uplink is up; `securenet active-interface NAME` says which one it is',
    },
    'fleet-retired': { why: 'the operator has retired the service', todo: 'nothing' },
    dormant: {
      why: 'the line never got an order',
      todo: 'enable the line at the operator: `operator line enable LINE`',
    },
    terminated: {
      why: 'the subscription has ended',
      todo: 'enable the line at the operator: `operator line enable LINE`',
    },
    disabled: {
      why: 'the line is switched off',
      todo: 'enable the line at the operator: `operator line enable LINE`',
    },
    suspended: { why: 'the line is suspended', todo: WAIT },
    'fleet-paused': { why: 'the operator has paused all lines', todo: WAIT },
    'list-missing': {
      why: 'there is no list yet',
      todo: 'see `broker` and `list` below: the list comes over the broker',
    },
    'list-damaged': {
      why: 'the list was found damaged',
      todo: 'see `list` below; the list is fetched again by itself',
    },
    'self-test-failing': {
      why: 'the self-test fails',
      todo: 'see `self-test` below, then run `securenet selftest`',
    },
    'not-armed': {
      why: 'the kernel does not lead the LAN’s DNS here',
      todo: 'see `interfaces` below, and the log: `logread -e securenet`',
    },
    starting: { why: 'the module is starting', todo: 'ask again in a few seconds' },
  } satisfies Record<string, WhyText>),
)

/** @param why a code, of a later version perhaps */
export function whyText(why: string): WhyText {
  return whys.get(why) ?? { why, todo: 'see the log: `logread -e securenet`' }
}
