/** What support reads at a terminal of 60 columns. */
import { describe, expect, it, test } from 'vitest'
import { explanationText } from '../../module/cli/explanation.ts'
import { colours, durationText, noColours } from '../../module/cli/sheet.ts'
import { type StatusDocument, selfTestText, statusText } from '../../module/cli/status-text.ts'
import { protectionReasons } from '../../module/line/protection.ts'

const now = Date.UTC(2026, 10, 28, 14, 5) / 1000
const cells = { udp4: 'pass', tcp4: 'pass', udp6: 'skipped', tcp6: 'skipped', page: 'pass', forward: 'pass' }
const status: StatusDocument = {
  ...{ version: '0.1.0', modemId: 'modem-4F2A7C', protecting: true, why: 'protecting', since: now - 7260 },
  activeLine: 'demo',
  lines: {
    demo: {
      ...{ access: 'fixed', active: true, service: 'enabled', reason: 'subscribed', by: 'customer' },
      issuedAt: now - 7300,
    },
  },
  list: {
    ...{ version: 12, names: 1_234_567, ageSeconds: 10_805, issuedAt: now - 11_000, expires: now + 86_400 },
    ...{ stale: false, damaged: false, phase: 'idle', progress: { done: 0, of: 0 }, lastError: null },
  },
  interception: { backend: 'nftables', armed: ['br-lan', 'br-guest'], refused: [], interruptions: 0 },
  selfTest: { outcome: 'pass', why: '', cells, at: now - 20 },
  broker: { connected: true, protocol: '5', error: null },
  counters: { questions: 12_345, blockedByCategory: { phishing: 12, malware: 1 } },
  upstreams: [{ servers: [{ address: '127.0.0.1', port: 53, healthy: true, replies: 9001, timeouts: 2 }] }],
  latencyMs: { p50: 0.4, p90: 2, p99: 18.5 },
  memoryBytes: 71_300_000,
}

const show = (change: Partial<StatusDocument> = {}) => statusText({ ...status, ...change }, noColours, now)
const widest = (shown: string) => Math.max(...shown.split('\n').map((line) => line.length))

describe('status', () => {
  it('has its headline first, then sections, each in its place', () => {
    expect(show()).toBe(`PROTECTED
since       2026-11-28 12:04:00 UTC, for 2 h 1 min

line        demo, fixed, carries the traffic: enabled
            (subscribed, by customer)
            ordered 2026-11-28 12:03:20 UTC
list        version 12, 1,234,567 names, received 3 h ago
            signed 2026-11-28 11:01:40 UTC
            expires 2026-11-29 14:05:00 UTC
interfaces  br-lan br-guest armed (nftables)
self-test   pass, 2026-11-28 14:04:40 UTC
            udp4 pass, tcp4 pass, udp6 skipped, tcp6
            skipped, page pass, forward pass

broker      connected, MQTT 5
upstream    127.0.0.1 port 53: answers, 9,001 replies, 2
            time-outs
questions   12,345 since the last report to the operator
blocked     13: phishing 12, malware 1
latency     median 0.4 ms, 99 % within 18.5 ms

modem       modem-4F2A7C, module 0.1.0, 71 MB
`)
  })

  test.each([
    ...protectionReasons.filter((why) => why !== 'protecting'),
    'not-armed',
    'starting',
    'of-a-later-version',
  ])('not protected, %s: says so, why, since when and what to do', (why) => {
    const [head, ...rest] = show({ protecting: false, why }).split('\n')
    const first = rest.slice(0, rest.indexOf('')).join('\n')
    expect(head).toMatch(/^NOT PROTECTED: /)
    expect(first).toContain(`why         ${why}\n`)
    expect(first).toMatch(/^since {7}2026-11-28/m)
    expect(first).toMatch(/^to do {7}\S/m)
    expect(widest(show({ protecting: false, why }))).toBeLessThanOrEqual(60)
  })

  it('an expired list is said under the headline', () => {
    expect(show({ list: { ...status.list, stale: true } })).toMatch(/^PROTECTED\nbut {9}the list has expired/)
  })

  it('nothing of it is needed: a modem that has just started', () => {
    const list = {
      ...status.list,
      version: null,
      names: 0,
      ageSeconds: null,
      issuedAt: 0,
      lastError: 'LIST_KEY',
    }
    const shown = show({ since: 5, list, interception: null, selfTest: null, broker: null, latencyMs: {} })
    expect(shown).toContain('since       unknown')
    expect(shown).toContain('last error LIST_KEY')
    expect(shown).not.toMatch(/1970|null|undefined|NaN/)
  })

  it('colours and controls: its own only', () => {
    expect(statusText(status, colours, now).startsWith('\u001b[1m\u001b[32mPROTECTED')).toBe(true)
    const broker = { connected: false, protocol: null, error: '\u001b[2Jgone' }
    expect(show({ broker })).not.toContain('\u001b')
  })
})

describe('selftest', () => {
  it.each([
    ['pass', '', /^PASS: /],
    ['fail', 'udp4: no answer in 1500 ms', /^FAIL: [\s\S]*why {9}udp4: no answer[\s\S]*to do {7}\S/],
    ['upstream-down', 'no answer', /^UPSTREAM DOWN: [\s\S]*to do {7}\S/],
  ])('%s', (outcome, why, wanted) => {
    const shown = selfTestText({ outcome, why, cells, at: now }, noColours)
    expect(shown).toMatch(wanted)
    expect(widest(shown)).toBeLessThanOrEqual(60)
  })
})

it('check has its verdict first', () => {
  const name = 'www.shop.example'
  const link = {
    name,
    blocked: true,
    by: 'list',
    category: 'phishing',
    suffix: 'shop.example',
    scope: 'tree',
    version: 12,
  }
  const found = {
    ...{
      name,
      blocked: true,
      protecting: true,
      why: 'protecting',
      rcode: 'NOERROR',
      addresses: ['192.0.2.1'],
    },
    chain: [link as never],
  }
  const shown = explanationText(found, ['udp 198.18.53.53 port 5353: NOERROR 198.18.53.53'], noColours)
  expect(shown.split('\n')[0]).toBe('www.shop.example is BLOCKED')
  expect(shown).toMatch(/^name {8}www\.shop\.example: listed as phishing/m)
  expect(widest(shown)).toBeLessThanOrEqual(60)
  const off = explanationText({ ...found, blocked: false, protecting: false, why: 'disabled' }, [], noColours)
  expect(off).toMatch(
    /is not blocked\nbecause {5}protection is off: the line is switched off\n {12}\(disabled\)/,
  )
})

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3661, '1 h 1 min'],
  [86_400 * 45, '45 d'],
  [86_400 + 5, '1 d'],
])('%d s is %s', (seconds, shown) => expect(durationText(seconds)).toBe(shown))
