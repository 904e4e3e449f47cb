import { describe, expect, test } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import type { Interceptor, Renewed } from '../../module/interception/interceptor.ts'
import { createLease, type LeaseStatus } from '../../module/interception/lease.ts'
import type { SelfCheckResult } from '../../module/interception/lease-state.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/** A kernel whose lease runs out by the same clock, and a module whose checks are set by hand. */
function bench({ earned = 'pass' as SelfCheckResult } = {}) {
  const clock = new FakeClock()
  const kernel = { until: -1, renewals: 0, disarms: 0, sent: 0, own: 0, running: 0, most: 0, rebuilt: false }
  /** Renewals by datagram: they do not look at the count, and tell whether anybody asked. */
  const datagrams = { on: false, asked: false, looks: 0 }
  const looks: string[] = []
  const hands = {
    earned: async (): Promise<SelfCheckResult> => earned,
    renew: async (): Promise<void> => {},
    disarm: async (): Promise<void> => {},
  }
  const interceptor: Interceptor = {
    name: 'nftables',
    prepare: async () => {},
    arm: async (interfaces) => ({ armed: interfaces, refused: [] }),
    async renew(interfaces, look = 'due'): Promise<Renewed> {
      looks.push(look)
      kernel.most = Math.max(kernel.most, ++kernel.running)
      try {
        await hands.renew()
      } finally {
        kernel.running--
      }
      kernel.renewals++
      kernel.until = clock.monotonic() + 6000
      if (datagrams.on) return { armed: interfaces, refused: [], rebuilt: false, asked: datagrams.asked }
      return { armed: interfaces, refused: [], rebuilt: kernel.rebuilt, translated: kernel.sent }
    },
    async disarm() {
      kernel.disarms++
      await hands.disarm()
      kernel.until = -1
    },
    remove: async () => {},
    async translated() {
      datagrams.looks++
      return kernel.sent
    },
  }
  const told: LeaseStatus[] = []
  const lines: string[] = []
  const lease = createLease({
    interceptor,
    interfaces: ['br-lan'],
    earned: () => hands.earned(),
    clock,
    log: createLog((line) => void lines.push(line)),
    leaseMs: 6000,
    renewMs: 2000,
    ownQuestions: () => kernel.own,
    onChange: (status) => void told.push(status),
  })
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 100) {
      clock.advance(100)
      await settle()
    }
  }
  const armed = () => clock.monotonic() < kernel.until
  return { clock, kernel, datagrams, looks, hands, lease, told, lines, pass, armed }
}

async function started(options = {}) {
  const all = bench(options)
  all.lease.start()
  await all.pass(100)
  await all.lease.set(true)
  return all
}

describe('lease', () => {
  test('nothing is armed before protection wants it', async () => {
    const { lease, pass, kernel } = bench()
    lease.start()
    await pass(10_000)
    expect(kernel.renewals).toBe(0)
    expect(lease.status()).toMatchObject({ wanted: false, armed: [], sinceRenewalSeconds: null })
  })

  test('arms at once and renews every renewMs', async () => {
    const { lease, kernel, pass, armed } = await started()
    expect(kernel.renewals).toBe(1)
    await pass(20_000)
    expect(kernel.renewals).toBe(11)
    expect(armed()).toBe(true)
    expect(lease.status()).toMatchObject({ armed: ['br-lan'], why: 'pass', interruptions: 0 })
  })

  test('by datagram: the count is looked at only where somebody asked and nothing came', async () => {
    const { kernel, datagrams, looks, pass, lease, armed } = await started()
    datagrams.on = true
    await pass(10_000)
    datagrams.asked = true
    for (let round = 0; round < 5; round++) {
      kernel.sent += 4
      kernel.own += 4
      await pass(2000)
    }
    expect(datagrams.looks).toBe(0)
    for (let round = 0; round < 7; round++) {
      kernel.sent += 4
      await pass(2000)
    }
    expect(datagrams.looks).toBeGreaterThan(0)
    expect(looks).toContain('all')
    expect(armed()).toBe(true)
    expect(lease.status()).toMatchObject({ armed: ['br-lan'], why: 'pass', interruptions: 0 })
  })

  test('disarms at once, also while a check is under way, whose outcome then counts for nothing', async () => {
    const { lease, hands, kernel, pass, armed } = await started()
    let answer: (earned: SelfCheckResult) => void = () => {}
    hands.earned = () => new Promise((resolve) => (answer = resolve))
    await pass(2000)
    await lease.set(false)
    expect(armed()).toBe(false)
    answer('pass')
    await pass(4000)
    expect(kernel.renewals).toBe(1)
    expect(lease.status()).toMatchObject({ wanted: false, armed: [] })
  })

  test.each<[SelfCheckResult, boolean]>([
    ['fail', false],
    ['upstream-down', true],
  ])('once armed, %s: still armed after the lease %s', async (outcome, still) => {
    const { lease, hands, pass, armed } = await started()
    hands.earned = async () => outcome
    await pass(10_000)
    expect(armed()).toBe(still)
    expect(lease.status()).toMatchObject(
      still
        ? { armed: ['br-lan'], why: 'upstream-down', interruptions: 0 }
        : { armed: [], why: 'self-test', interruptions: 1 },
    )
    hands.earned = async () => 'pass'
    await pass(2100)
    expect(armed()).toBe(true)
  })

  test('an upstream that is down before the first arming arms nothing', async () => {
    const { kernel, pass, lease } = await started({ earned: 'upstream-down' })
    await pass(10_000)
    expect(kernel.renewals).toBe(0)
    expect(lease.status()).toMatchObject({ armed: [], why: 'upstream-down', interruptions: 0 })
  })

  test('one failed check is outlived by the lease and is no interruption', async () => {
    const { hands, pass, armed, lease } = await started()
    hands.earned = async () => 'fail'
    await pass(2000)
    hands.earned = async () => 'pass'
    await pass(2000)
    expect(armed()).toBe(true)
    expect(lease.status().interruptions).toBe(0)
  })

  test('a check that hangs, or that rejects, is a failed check', async () => {
    const { hands, pass, armed, lease } = await started()
    hands.earned = () => new Promise(() => {})
    await pass(10_000)
    expect(armed()).toBe(false)
    hands.earned = () => Promise.reject(new Error('socket closed'))
    await pass(4000)
    expect(lease.status()).toMatchObject({ armed: [], why: 'self-test', interruptions: 1 })
  })

  test('a slow back-end never has two renewals under way', async () => {
    const { hands, kernel, pass, clock } = await started()
    hands.renew = () => new Promise((resolve) => void clock.after(5000, resolve))
    await pass(30_000)
    expect(kernel.most).toBe(1)
    expect(kernel.renewals).toBeGreaterThan(3)
  })

  test('a back-end that fails is reported by its code and tried again', async () => {
    const { hands, pass, lease, lines } = await started()
    hands.renew = () =>
      Promise.reject(Object.assign(new Error('nft: busy'), { code: 'INTERCEPT_NFT_REFUSED' }))
    await pass(8000)
    expect(lease.status()).toMatchObject({ armed: [], why: 'INTERCEPT_NFT_REFUSED', interruptions: 1 })
    expect(lines.join('')).toContain('error interception-failed code=INTERCEPT_NFT_REFUSED')
    hands.renew = async () => {}
    await pass(2000)
    expect(lease.status()).toMatchObject({ armed: ['br-lan'], why: 'pass' })
  })

  test('a failed disarming is repeated until it succeeds', async () => {
    const { hands, pass, lease, kernel, armed } = await started()
    hands.disarm = () => Promise.reject(new Error('nft: busy'))
    await lease.set(false)
    expect(armed()).toBe(true)
    hands.disarm = async () => {}
    await pass(2100)
    expect(armed()).toBe(false)
    expect(kernel.disarms).toBe(2)
  })

  test('questions that the kernel lets in and that never arrive start a look at everything, now and then, and end nothing', async () => {
    const { pass, lease, kernel, hands, looks, lines, armed } = await started()
    const flow = hands.renew
    hands.renew = async () => {
      kernel.sent += 2
      await flow()
    }
    for (let round = 0; round < 60; round++) {
      await pass(2000)
      expect(armed()).toBe(true)
    }
    const all = looks.filter((look) => look === 'all')
    expect(all.length).toBeGreaterThan(2)
    expect(all.length).toBeLessThan(6)
    expect(lines.filter((line) => line.includes('questions-unseen'))).toHaveLength(all.length)
    expect(lease.status()).toMatchObject({ armed: ['br-lan'], why: 'pass', interruptions: 0 })
  })

  test('questions that arrive too, and the first two that do not, leave it alone', async () => {
    const { pass, lease, kernel } = await started()
    kernel.sent = 2
    await pass(20_000)
    for (let round = 0; round < 10; round++) {
      kernel.sent += 50
      kernel.own += 49
      await pass(2000)
    }
    expect(lease.status()).toMatchObject({ armed: ['br-lan'], why: 'pass', interruptions: 0 })
  })

  test('rules that were rebuilt are counted, and begin a new count of questions', async () => {
    const { pass, lease, kernel } = await started()
    kernel.sent = 100
    kernel.own = 100
    await pass(2000)
    kernel.rebuilt = true
    kernel.sent = 0
    await pass(2000)
    kernel.rebuilt = false
    await pass(2000)
    expect(lease.status()).toMatchObject({ rebuilt: 1, armed: ['br-lan'], why: 'pass' })
  })

  test('stop disarms and nothing comes after it', async () => {
    const { lease, pass, kernel, armed } = await started()
    await lease.stop()
    expect(armed()).toBe(false)
    const { renewals } = kernel
    await pass(10_000)
    expect(kernel.renewals).toBe(renewals)
  })

  test('changes are told once, not at every renewal', async () => {
    const { told, pass, lease } = await started()
    await pass(10_000)
    await lease.set(false)
    expect(told.map(({ wanted, armed }) => [wanted, armed.length])).toEqual([
      [false, 0],
      [true, 1],
      [false, 0],
    ])
  })
})
