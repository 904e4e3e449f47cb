import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench } from './bench.ts'
import { makeSignedZone, missing, zoneName } from './signed-zone.ts'

const without = [missing, existsSync('/usr/bin/dig') ? '' : 'dig'].filter(Boolean).join(', ')
if (without) console.log(`skipped: EDNS compliance, for want of ${without}`)

interface Expected {
  status: string
  /** Flags of the header in dig's order; left out: whatever. */
  flags?: string
  /** What dig prints of the OPT: flags and payload size; null: there must be none. */
  opt?: string | null
  answers?: number
}

const opt = 'version: 0, flags:; udp: 1232'
const optDo = 'version: 0, flags: do; udp: 1232'
const noerror = { status: 'NOERROR', opt, answers: 1 }
const badvers = { status: 'BADVERS', opt, answers: 0 }

/** The usual queries of an EDNS compliance checker (RFC 8906 §8), as dig sends them, and what RFC 6891 says of each. */
const table: readonly [what: string, args: string, expected: Expected][] = [
  ['plain DNS: no OPT in the reply (RFC 6891 §7)', '+noedns', { ...noerror, opt: null, flags: 'qr rd ra' }],
  ['plain DNS over TCP', '+noedns +tcp', { ...noerror, opt: null }],
  ['plain DNS, RD=0 (RFC 8906 §8.1.1)', '+noedns +norec', { ...noerror, opt: null, flags: 'qr ra' }],
  ['unknown type (§8.1.2)', '+noedns -t TYPE1000', { status: 'NOERROR', opt: null, answers: 0 }],
  ['header flag CD (§8.1.3.1)', '+noedns +cdflag', { ...noerror, opt: null, flags: 'qr rd ra cd' }],
  ['header flag AD (§8.1.3.2)', '+noedns +adflag', { ...noerror, opt: null }],
  [
    'reserved header flag: not copied (§8.1.3.3)',
    '+noedns +zflag',
    { ...noerror, opt: null, flags: 'qr rd ra' },
  ],
  ['header flag AA in a query', '+noedns +aaflag', { ...noerror, opt: null, flags: 'qr rd ra' }],
  ['header flag TC in a query', '+noedns +tcflag', { ...noerror, opt: null, flags: 'qr rd ra' }],
  ['header flag RA in a query', '+noedns +raflag', { ...noerror, opt: null, flags: 'qr rd ra' }],
  [
    'unknown opcode (§8.1.4)',
    '+noedns +opcode=15 +header-only',
    { status: 'NOTIMP', opt: null, flags: 'qr' },
  ],
  [
    'unknown opcode and every flag: none comes back',
    '+noedns +opcode=15 +header-only +tcflag +raflag +cdflag +adflag +aaflag +zflag',
    { status: 'NOTIMP', opt: null, flags: 'qr' },
  ],
  ['unknown opcode, with a question', '+noedns +opcode=15', { status: 'NOTIMP', opt: null, flags: 'qr' }],
  ['EDNS version 0 (§8.2.1)', '+edns=0', noerror],
  ['EDNS version 1 (§8.2.2)', '+edns=1 +noednsneg', badvers],
  ['EDNS version 1 over TCP', '+edns=1 +noednsneg +tcp', badvers],
  ['EDNS version 100', '+edns=100 +noednsneg', badvers],
  ['unknown option (§8.2.3)', '+ednsopt=100', noerror],
  ['unknown option with data', '+ednsopt=100:010203', noerror],
  ['unknown option, version 1 (§8.2.6)', '+edns=1 +noednsneg +ednsopt=100', badvers],
  ['unknown flag: not copied (§8.2.4)', '+ednsflags=0x80', noerror],
  ['unknown flags, version 1 (§8.2.5)', '+edns=1 +noednsneg +ednsflags=0x80', badvers],
  ['DO (§8.2.7)', '+dnssec', { status: 'NOERROR', opt: optDo, answers: 2 }],
  ['DO, version 1', '+edns=1 +noednsneg +dnssec', { ...badvers, opt: optDo }],
  ['DO and an unknown flag', '+dnssec +ednsflags=0x8080', { status: 'NOERROR', opt: optDo, answers: 2 }],
  ['512 octets (§8.2.8)', '+bufsize=512', noerror],
  ['0 octets are 512 (RFC 6891 §6.2.3)', '+bufsize=0', noerror],
  ['4096 octets', '+bufsize=4096', noerror],
  ['many defined options (§8.2.9)', '+nsid +expire +cookie=0102030405060708 +subnet=192.0.2.0/24', noerror],
  ['NSID (RFC 5001)', '+nsid', noerror],
  ['COOKIE (RFC 7873)', '+cookie=0102030405060708', noerror],
  ['COOKIE, malformed: ignored as unknown', '+cookie=010203', noerror],
  ['EXPIRE (RFC 7314)', '+expire', noerror],
  ['ECS (RFC 7871)', '+subnet=0.0.0.0/0', noerror],
  ['KEEPALIVE over TCP (RFC 7828)', '+keepalive +tcp', noerror],
  ['KEEPALIVE over UDP: ignored (RFC 7828 §3.2.1)', '+keepalive', noerror],
  ['PADDING (RFC 7830)', '+padding=128', noerror],
  ['EDNS over TCP', '+edns=0 +tcp', noerror],
]

/** @returns what dig shows of the reply */
function digOf(port: number, args: string) {
  const given = args.split(' ')
  const more = [
    ...(given.includes('-t') ? [] : ['-t', 'SOA']),
    '+nocookie',
    '+qr',
    '+tries=1',
    '+time=3',
    '+noignore',
  ]
  const all = ['-p', String(port), '@127.0.0.1', zoneName, '+noadflag', ...more, ...given]
  const reply = execFileSync('dig', all, { encoding: 'utf8' }).split(';; Got answer:')[1] ?? ''
  const found = (pattern: RegExp) => pattern.exec(reply)?.[1] ?? null
  const section = /OPT PSEUDOSECTION:\n([\s\S]*?)(?:;; |\n\n)/.exec(reply)?.[1] ?? ''
  return {
    status: found(/status: (\w+)/),
    flags: found(/;; flags: ([a-z ]*)/)?.trim(),
    opt: found(/; EDNS: (.*)/),
    answers: Number(found(/ANSWER: (\d+)/)),
    options: section.split('\n').filter((line) => line.startsWith('; ') && !line.startsWith('; EDNS:')),
    warnings: [...reply.matchAll(/WARNING: (.*)/g)].map(([, text]) => text),
  }
}

describe.skipIf(without !== '')('an EDNS compliance checker’s queries', () => {
  const bench = new Bench()
  let port = 0
  beforeAll(async () => {
    port = await bench.bundle(await bench.authority(makeSignedZone(bench.folder)))
  })
  afterAll(() => bench.stop())

  it.each(table)('%s: %s', (_, args, { flags, ...expected }) => {
    const reply = digOf(port, args)
    expect(reply).toMatchObject(flags === undefined ? expected : { ...expected, flags })
    // What we do not implement is not echoed (RFC 6891 §6.1.2).
    expect(reply.options).toEqual([])
    expect(reply.flags).not.toContain('aa')
  })

  it('a reply of more than 512 octets is truncated for who takes 512, and whole over TCP (RFC 6891 §6.2.5)', () => {
    const cut = execFileSync(
      'dig',
      ['-p', String(port), '@127.0.0.1', `mid.${zoneName}`, 'TXT', '+bufsize=512', '+ignore', '+nocookie'],
      { encoding: 'utf8' },
    )
    expect(cut).toMatch(/flags: qr tc rd ra/)
    expect(Number(/MSG SIZE {2}rcvd: (\d+)/.exec(cut)?.[1])).toBeLessThanOrEqual(512)
    const whole = execFileSync(
      'dig',
      ['-p', String(port), '@127.0.0.1', `mid.${zoneName}`, 'TXT', '+bufsize=512', '+nocookie'],
      { encoding: 'utf8' },
    )
    expect(whole).toMatch(/ANSWER: 5,/)
  })
})
