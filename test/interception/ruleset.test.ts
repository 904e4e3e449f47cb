import { describe, expect, test } from 'vitest'
import { fingerprint, packetsOf, renewal, ruleset } from '../../module/interception/ruleset.ts'
import { serviceAddresses, serviceOf } from '../../module/interception/service.ts'

const at = (address: string, port: number) => ({ address, port })
const both = {
  dns4: at('198.18.53.53', 5353),
  dns6: at('fd53::53', 5353),
  page4: at('198.18.53.53', 8053),
  page6: at('fd53::53', 8053),
}

describe('ruleset', () => {
  test('is what 6-modem.md says', () => {
    const text = ruleset(both, ['br-lan', 'br-guest'])
    for (const line of [
      'add table inet securenet\ndelete table inet securenet\ntable inet securenet {',
      'iifname @armed meta l4proto { tcp, udp } th dport 53 ct original zone set 53',
      'iifname @armed meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to 198.18.53.53:5353',
      'iifname @armed meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to [fd53::53]:5353',
      'iifname { "lo", "br-lan", "br-guest" } ip daddr 198.18.53.53 tcp dport 80 dnat ip to 198.18.53.53:8053',
      'iifname @armed tcp dport 853 counter name bypass reject with tcp reset',
      'iifname @armed udp dport 853 counter name bypass reject',
      'iifname != { "lo", "br-lan", "br-guest" } drop',
    ])
      expect(text).toContain(line)
  })

  test('leaves a family without a service address alone', () => {
    const text = ruleset({ ...both, dns6: null, page6: null }, ['br-lan'])
    expect(text).not.toMatch(/ip6|ipv6/)
    expect(text).toContain(
      'iifname @armed meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 ct original zone set 53',
    )
  })

  test('a renewal empties and fills in one transaction', () => {
    expect(renewal(['br-lan'], 6000)).toBe(
      'flush set inet securenet armed\nadd element inet securenet armed { "br-lan" timeout 6000ms }\n',
    )
    expect(renewal([], 6000)).toBe('flush set inet securenet armed\n')
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
    const service = serviceOf(config as unknown as Parameters<typeof serviceOf>[0])
    expect(service).toEqual({ ...both, page6: null })
    expect(serviceAddresses(service)).toEqual(['198.18.53.53', 'fd53::53'])
  })
})
