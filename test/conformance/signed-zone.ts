import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const zoneName = 'conform.example'
const tools = ['/usr/bin/ldns-keygen', '/usr/bin/ldns-signzone', '/usr/sbin/unbound']

/** What is missing on this machine for the tests with a real resolver, or an empty string. */
export const missing = tools.filter((tool) => !existsSync(tool)).join(', ')

const text = (size: number, seed: number) => `"${String.fromCharCode(97 + (seed % 26)).repeat(size)}"`

/** Everything a question can meet: data of many types, wildcards, chains, empty non-terminals, answers too big for UDP. */
function zoneText(): string {
  const lines = [
    `$ORIGIN ${zoneName}.`,
    '$TTL 3600',
    '@ IN SOA ns1 admin 1 3600 600 86400 300',
    '@ IN NS ns1',
    '@ IN MX 10 mail',
    '@ IN TXT "v=spf1 -all"',
    '@ IN CAA 0 issue "ca.example"',
    'ns1 IN A 192.0.2.53',
    'ns1 IN AAAA 2001:db8::53',
    'mail IN A 192.0.2.25',
    'alias IN CNAME h0',
    'outside IN CNAME h0.elsewhere.invalid.',
    'dangling IN CNAME nothing',
    'c0 IN CNAME c1',
    ...Array.from({ length: 7 }, (_, i) => `c${i + 1} IN CNAME c${i + 2}`),
    'c8 IN A 192.0.2.88',
    'd IN DNAME target',
    'x.target IN A 192.0.2.77',
    'y.target IN TXT "below a DNAME"',
    '*.wild IN A 192.0.2.99',
    '*.wild IN TXT "wildcard"',
    'kept.wild IN A 192.0.2.98',
    '*.cwild IN CNAME h1',
    'leaf.of.ent IN A 192.0.2.66',
    '_sip._tcp IN SRV 1 2 5060 h0',
    '_443._tcp.h0 IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    'svc IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1',
    'svcalias IN HTTPS 0 svc',
    '_dns.svc IN SVCB 1 svc alpn=dot port=853',
    'naptr IN NAPTR 10 20 "u" "sip+E2U" "!^.*$!sip:a@example!" .',
    'unknown IN TYPE65280 \\# 6 c00c00010203',
    'hinfo IN HINFO "cpu" "os"',
    'rp IN RP admin txt',
    'sshfp IN SSHFP 1 1 0123456789abcdef0123456789abcdef01234567',
    'odd\\.dot IN A 192.0.2.11',
    'under_score IN A 192.0.2.12',
    ...Array.from({ length: 5 }, (_, i) => `mid IN TXT ${text(180, i)}`),
    ...Array.from({ length: 30 }, (_, i) => `big IN TXT ${text(200 - i, i)}`),
    ...Array.from({ length: 90 }, (_, i) => `many IN A 192.0.2.${i + 1}`),
  ]
  for (let i = 0; i < 40; i++) {
    lines.push(`h${i} IN A 192.0.2.${i + 1}`, `h${i} IN AAAA 2001:db8::${i + 1}`)
    if (i % 3 === 0) lines.push(`h${i} IN TXT "host ${i}"`)
    if (i % 5 === 0) lines.push(`h${i} IN MX 5 h${i + 1}`)
  }
  return `${lines.join('\n')}\n`
}

export interface SignedZone {
  file: string
  /** `trust-anchor:` line of a validator, as a DS record. */
  anchor: string
}

/** A zone file of our own, signed with NSEC by a fresh key (RFC 4035). */
export function makeSignedZone(folder: string): SignedZone {
  const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { cwd: folder, encoding: 'utf8' })
  writeFileSync(join(folder, 'zone'), zoneText())
  const key = run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', zoneName).trim()
  run('ldns-signzone', '-e', '20361231000000', '-f', 'zone.signed', 'zone', key)
  return { file: join(folder, 'zone.signed'), anchor: readFileSync(join(folder, `${key}.ds`), 'utf8').trim() }
}

/** Names of every kind: there, wildcard, chain, empty, not there, nowhere. */
export const names: readonly string[] = [
  '',
  ...['alias', 'dangling', 'c0', 'c3', 'd', 'x.d', 'y.d', 'no.d', 'a.wild', 'b.c.wild', 'kept.wild', 'wild'],
  ...[
    'any.cwild',
    'of.ent',
    'ent',
    'leaf.of.ent',
    '_sip._tcp',
    '_443._tcp.h0',
    'svc',
    'svcalias',
    '_dns.svc',
  ],
  ...['naptr', 'unknown', 'hinfo', 'rp', 'sshfp', 'odd\\.dot', 'under_score', 'mid', 'big', 'many', 'ns1'],
  ...Array.from({ length: 40 }, (_, i) => `h${i}`),
  ...Array.from({ length: 40 }, (_, i) => `nothing${i}`),
  ...Array.from({ length: 20 }, (_, i) => `deep${i}.below.nothing${i}`),
].map((name) => (name === '' ? zoneName : `${name}.${zoneName}`))
