import { describe, expect, it } from 'vitest'
import { clientKey } from '../../module/base/client-key.ts'
import { ClientQuota } from '../../module/base/client-quota.ts'

const [a, b, c] = [clientKey('192.0.2.1'), clientKey('192.0.2.2'), clientKey('192.0.2.3')]

describe('ClientQuota', () => {
  it('gives each client its places, whatever another takes', () => {
    const quota = new ClientQuota({ perClient: 2 })
    expect([quota.take(a), quota.take(a), quota.take(a)]).toEqual([true, true, false])
    expect(quota.take(b)).toBe(true)
    expect(quota.taken).toBe(3)
    quota.giveBack(a)
    expect([quota.take(a), quota.take(a)]).toEqual([true, false])
  })

  it('gives no more than the total', () => {
    const quota = new ClientQuota({ perClient: 2, total: 2 })
    expect([quota.take(a), quota.take(b), quota.take(c)]).toEqual([true, true, false])
    quota.giveBack(a)
    expect(quota.take(c)).toBe(true)
  })

  it('takes back only what was given', () => {
    const quota = new ClientQuota({ perClient: 1, total: 1 })
    quota.take(a)
    quota.giveBack(b)
    expect(quota.taken).toBe(1)
    quota.giveBack(a)
    quota.giveBack(a)
    expect(quota.taken).toBe(0)
  })
})
