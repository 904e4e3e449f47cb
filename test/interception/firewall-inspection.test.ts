import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type InboundQuestion, inspectFirewall } from '../../module/interception/firewall-inspection.ts'

const packet: InboundQuestion = { interface: 'br-guest', l4proto: 'udp', nfproto: 'ipv4', dport: 5353 }
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } })
const meta = (key: string) => ({ meta: { key } })
const ct = (key: string, dir?: string) => ({ ct: { key, ...(dir && { dir }) } })
const dport = (protocol: string) => ({ payload: { protocol, field: 'dport' } })
const jump = (target: string) => ({ jump: { target } })
const accept = { accept: null }
const drop = { drop: null }

interface Extra {
  policy?: string
  chains?: Record<string, object[][]>
  table?: string
  family?: string
}

/** As `nft -j list ruleset` prints a base chain `input` and what it jumps to. */
function listed(
  input: object[][],
  { policy = 'accept', chains = {}, table = 'fw4', family = 'inet' }: Extra = {},
) {
  const entries: object[] = []
  const add = (name: string, rules: object[][], base: object) => {
    entries.push({ chain: { family, table, name, ...base } })
    for (const expr of rules) entries.push({ rule: { family, table, chain: name, expr } })
  }
  add('input', input, { type: 'filter', hook: 'input', prio: 0, policy })
  for (const [name, rules] of Object.entries(chains)) add(name, rules, {})
  return JSON.stringify({ nftables: [{ metainfo: {} }, ...entries] })
}

const fw4 = {
  policy: 'drop',
  chains: {
    input_guest: [[match(dport('th'), 53), { counter: {} }, accept], [jump('reject_from_guest')]],
    reject_from_guest: [[match(meta('iifname'), 'br-guest'), { counter: {} }, jump('handle_reject')]],
    handle_reject: [[match(meta('l4proto'), 'tcp'), { reject: { type: 'tcp reset' } }], [{ reject: {} }]],
    input_lan: [[jump('accept_from_lan')]],
    accept_from_lan: [[match(meta('iifname'), 'br-lan'), { counter: {} }, accept]],
    syn_flood: [[{ limit: { rate: 25 } }, { return: null }], [drop]],
  },
}
const dispatch = [
  [match(meta('iif'), 'lo'), accept],
  [
    {
      vmap: {
        key: ct('state'),
        data: {
          set: [
            ['established', accept],
            ['related', accept],
          ],
        },
      },
    },
  ],
  [
    match({ '&': [{ payload: { protocol: 'tcp', field: 'flags' } }, ['fin', 'syn']] }, 'syn'),
    jump('syn_flood'),
  ],
  [match(meta('iifname'), 'br-lan'), jump('input_lan')],
  [match(meta('iifname'), 'br-guest'), jump('input_guest')],
  [jump('handle_reject')],
]
const fragment = [
  match(meta('l4proto'), 'udp'),
  match(ct('zone', 'original'), 53),
  match(ct('status'), 'dnat', 'in'),
  match(ct('proto-dst', 'original'), 53),
  accept,
]
const refused = { table: 'inet fw4', chain: 'input' }

describe('what a firewall does with a translated question', () => {
  test.each<[string, object[][], Extra, Partial<InboundQuestion>, object | null]>([
    ['no chain refuses', [], {}, {}, null],
    ['policy drop', [], { policy: 'drop' }, {}, refused],
    ['the guest zone of fw4, which accepts port 53 only', dispatch, fw4, {}, refused],
    ['the LAN zone of fw4', dispatch, fw4, { interface: 'br-lan' }, null],
    ['the guest zone with the fragment', [fragment, ...dispatch], fw4, {}, null],
    [
      'the fragment as nft lists it where there is no /etc/protocols',
      [[match(meta('l4proto'), 17), ...fragment.slice(1)], ...dispatch],
      fw4,
      {},
      null,
    ],
    ['the other protocol by number', [[match(meta('l4proto'), 6), accept], ...dispatch], fw4, {}, refused],
    ['a set of protocols by number', [[match(meta('l4proto'), { set: [6, 17] }), drop]], {}, {}, refused],
    ['the fragment after the refusal', [...dispatch, fragment], fw4, {}, refused],
    ['a table for the other family', [], { policy: 'drop', family: 'ip6' }, {}, null],
    ['a set of names', [[match(meta('iifname'), { set: ['br-lan', 'br-guest'] }), drop]], {}, {}, refused],
    ['a range of ports', [[match(dport('udp'), { range: [5000, 6000] }), drop]], {}, {}, refused],
    ['all but one', [[match(meta('iifname'), 'br-guest', '!='), drop]], {}, {}, null],
    ['a wildcard', [[match(meta('iifname'), 'br-*'), drop]], {}, {}, refused],
    ['a refusal under a condition that is not known', [[match(meta('mark'), 7), drop]], {}, {}, null],
    ['an accept under one, then a refusal', [[match(meta('mark'), 7), accept], [drop]], {}, {}, null],
    [
      'a named set, whose elements are not listed',
      [[match(meta('iifname'), '@wan'), accept]],
      { policy: 'drop' },
      {},
      null,
    ],
    [
      'a goto that comes to nothing',
      [[{ goto: { target: 'empty' } }], [accept]],
      { policy: 'drop', chains: { empty: [] } },
      {},
      refused,
    ],
    ['our own table', [], { policy: 'drop', table: 'securenet' }, {}, null],
  ])('%s', (_, input, extra, more, outcome) => {
    expect(inspectFirewall(listed(input, extra), { ...packet, ...more }, 'inet securenet')).toEqual(outcome)
  })

  test('a chain that jumps to itself ends', () => {
    expect(inspectFirewall(listed([[jump('a')]], { chains: { a: [[jump('a')]] } }), packet, '')).toBeNull()
  })

  test('anything that is JSON is taken without an exception', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.array(
            fc.object({ key: fc.constantFrom('match', 'vmap', 'jump', 'left', 'op', 'ct', 'meta', 'set') }),
          ),
        ),
        (input) => {
          expect(() => inspectFirewall(listed(input as object[][]), packet, '')).not.toThrow()
        },
      ),
    )
  })
})
