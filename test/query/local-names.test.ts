import { describe, expect, it } from 'vitest'
import { nameFromText } from '../../module/dns/name.ts'
import { queryMessage } from '../../module/dns/query-message.ts'
import { Query } from '../../module/query/query.ts'
import { specialNames } from '../../module/query/special-names.ts'

describe('names that are left to the stock resolver', () => {
  const policy = { filtering: true, revision: 1, verdict: () => -1, exempt: () => false }
  const special = specialNames(policy, ['lan', 'home.arpa'], true)
  const isLocal = (name: Buffer, type: number) => {
    const query = new Query(queryMessage(name, type), '192.0.2.1', 'udp')
    query.read()
    special(query)
    return query.local
  }
  it.each<[string, number, boolean]>([
    ['printer.lan', 1, true],
    ['lan', 6, true],
    ['wlan', 6, false],
    ['printer.wlan', 1, false],
    ['x.home.arpa', 28, true],
    ['arpa', 6, false],
    ['1.0.168.192.in-addr.arpa', 12, true],
    ['1.0.0.8.in-addr.arpa', 12, false],
    ['1.0.31.172.in-addr.arpa', 12, true],
    ['1.0.32.172.in-addr.arpa', 12, false],
    ['1.0.64.100.in-addr.arpa', 12, true],
    ['1.0.63.100.in-addr.arpa', 12, false],
    ['1.d.f.ip6.arpa', 12, true],
    ['1.2.ip6.arpa', 12, false],
    ['printer', 1, true],
    ['com', 43, false],
    ['.', 2, false],
    ['.', 1, false],
    ['www.proximus.be', 1, false],
    // A dot within a label is no boundary.
    ['evil\\.lan', 6, false],
    ['evil\\.lan.example', 1, false],
  ])('%s type %i -> %s', (name, type, expected) => {
    expect(isLocal(nameFromText(name)!, type)).toBe(expected)
  })
})
