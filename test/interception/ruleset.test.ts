import { describe, expect, test } from 'vitest'
import { arming, fingerprint, packetsOf, ruleset } from '../../module/interception/ruleset.ts'
import { serviceAddresses, serviceEndpointsOf } from '../../module/interception/service.ts'

const at = (address: string, port: number) => ({ address, port })
const both = {
  dns4: at('198.18.53.53', 5353),
  dns6: at('fd53::53', 5353),
  page4: at('198.18.53.53', 8053),
  page6: at('fd53::53', 8053),
}

const four = { ...both, dns6: null, page6: null }
const nonce = Buffer.from('0123456789abcdef', 'hex')
const datagrams = [
  { address: '127.0.0.1', port: 40_000 },
  { address: '::1', port: 40_001 },
]

describe('ruleset', () => {
  test('is what docs/interception.md says', () => {
    const interfaces = ['br-lan', 'br-guest']
    const text = ruleset({
      ...{ service: both, interfaces, leaseMs: 6000, renewals: { nonce, datagrams } },
      flood: { questionsPerSecond: 1000 },
    })
    for (const line of [
      'add table inet securenet\ndelete table inet securenet\ntable inet securenet {',
      'iifname @armed meta nfproto @lease meta l4proto { tcp, udp } th dport 53 ct original zone set 53',
      'iifname @armed meta nfproto @lease meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to 198.18.53.53:5353',
      'iifname @armed meta nfproto @lease meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to [fd53::53]:5353',
      'iifname { "lo", "br-lan", "br-guest" } ip daddr 198.18.53.53 tcp dport 80 dnat ip to 198.18.53.53:8053',
      'iifname @passage ip daddr 198.18.53.53 tcp dport 443 ct original zone set 53',
      'iifname @passage ip6 daddr fd53::53 tcp dport 443 dnat ip6 to [fd53::53]:8054',
      'iifname @armed meta nfproto @lease tcp dport 853 counter name bypass reject with tcp reset',
      'iifname @armed meta nfproto @lease udp dport 853 counter name bypass reject',
      'iifname != { "lo", "br-lan", "br-guest" } drop',
      'iifname "lo" ip saddr 127.0.0.1 ip daddr 127.0.0.1 udp sport 40000 udp dport 40000 @th,64,64 0x0123456789abcdef meta mark set 0x535a01',
      'iifname "lo" ip6 saddr ::1 ip6 daddr ::1 udp sport 40001 udp dport 40001 @th,64,64 0x0123456789abcdef meta mark set 0x535a01',
      'iifname "lo" meta mark 0x535a02 jump renew',
      'update @lease { meta nfproto timeout 6000ms } reject with icmpx type port-unreachable',
      'iifname != "lo" ip6 saddr fd53::53 drop',
      'iifname @armed meta nfproto @lease meta l4proto { tcp, udp } th dport 53 fib saddr . iif oif missing drop',
      'iifname @armed meta nfproto @lease udp dport 53 update @floods { iifname . ether saddr limit rate over 1000/second burst 1000 packets } drop',
      'ip6 daddr fd53::53 udp dport 5353 udp sport != { 0, 53 } counter name questions update @arrived',
    ])
      expect(text).toContain(line)
  })

  test('leaves a family without a service address alone', () => {
    const renewals = { nonce, datagrams: datagrams.slice(0, 1) }
    const text = ruleset({ service: four, interfaces: ['br-lan'], leaseMs: 6000, renewals, flood: null })
    expect(text).not.toMatch(/ip6|ipv6/)
    expect(arming(four, ['br-lan'], 6000)).toContain('lease { ipv4 timeout 6000ms }\n')
  })

  test('arming empties and fills in one transaction; with nothing to arm the lease ends', () => {
    const flush = 'flush set inet securenet armed\nflush set inet securenet lease\n'
    expect(arming(both, ['br-lan'], 6000)).toBe(
      `${flush}add element inet securenet armed { "br-lan" }\nadd element inet securenet lease { ipv4 timeout 6000ms, ipv6 timeout 6000ms }\n`,
    )
    expect(arming(both, [], 6000)).toBe(flush)
  })

  test('the fingerprint forgets counts and nothing else', () => {
    const listed = 'counter questions {\n\t\tpackets 7 bytes 420\n\t}\n\tchain a {\n\t\taccept\n\t}'
    expect(packetsOf('questions', listed)).toBe(7)
    expect(packetsOf('questions', 'table inet securenet {\n}')).toBeNull()
    expect(packetsOf('bypass', 'counter bypass {\n packets 3 bytes 9\n}')).toBe(3)
    expect(fingerprint(listed)).toBe(fingerprint(listed.replace('7 bytes 420', '9 bytes 540')))
    expect(fingerprint(listed)).not.toBe(fingerprint(listed.replace('accept', 'drop')))
  })
})

describe('service', () => {
  test('is read from the configuration, without the loopback listeners', () => {
    const config = {
      dns: { listen: [at('127.0.0.1', 5300), at('fd53::53', 5353), at('198.18.53.53', 5353)] },
      page: { listen: [at('198.18.53.53', 8053)] },
    }
    const service = serviceEndpointsOf(config as unknown as Parameters<typeof serviceEndpointsOf>[0])
    expect(service).toEqual({ ...both, page6: null })
    expect(serviceAddresses(service)).toEqual(['198.18.53.53', 'fd53::53'])
  })
})
