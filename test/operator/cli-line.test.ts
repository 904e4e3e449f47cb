import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import { parseUntil } from '../../scripts/operator/commands/line-arguments.ts'
import { nextNumbers } from '../../scripts/operator/orders.ts'
import { CliBench } from './cli-bench.ts'

let bench: CliBench
beforeEach(async () => {
  bench = new CliBench()
  await bench.start(['demo', 'demo-2'])
})
afterEach(() => bench.stop())

describe('line', () => {
  it('publishes the first order and prints what the modem measures', async () => {
    const { exit, out } = await bench.run('line', 'enable', 'demo')
    expect(exit).toBe(0)
    expect(out).toMatch(/^demo {2}enabled, protecting; measured after \d+ ms \(generation 1, sequence 1\)\n$/)
    expect(bench.modem.orders).toMatchObject([
      {
        v: 1,
        lineId: 'demo',
        generation: 1,
        sequence: 1,
        service: 'enabled',
        reason: 'subscribed',
        by: 'operator',
      },
    ])
  })

  it('counts on from the last order, with --json', async () => {
    await bench.run('line', 'enable', 'demo')
    const { exit, json } = await bench.run(
      'line',
      'disable',
      'demo',
      '--reason',
      'customer',
      '--by',
      'customer',
      '--json',
    )
    expect(exit).toBe(0)
    expect(json()).toMatchObject({
      lineId: 'demo',
      sequence: 2,
      applied: true,
      reported: { protecting: false, why: 'disabled' },
    })
    expect(bench.modem.orders.at(-1)).toMatchObject({
      service: 'disabled',
      reason: 'customer',
      by: 'customer',
    })
  })

  it('counts on from the report where the broker has lost the order', async () => {
    await bench.modem.report('demo', {
      generation: 3,
      sequence: 41,
      protecting: true,
      service: 'enabled',
      outcome: 'applied',
    })
    const { json } = await bench.run('line', 'disable', 'demo', '--json')
    expect(json()).toMatchObject({ generation: 3, sequence: 42 })
  })

  it('waits for protection that is on its way, and says why not where it stays away', async () => {
    bench.modem.onOrder = () => ({ outcome: 'applied', protecting: false, why: 'list-missing' })
    const waiting = bench.run('line', 'enable', 'demo')
    await expect.poll(() => bench.modem.orders.length).toBe(1)
    const order = { service: 'enabled', reason: 'subscribed', by: 'operator' }
    const report = { generation: 1, sequence: 1, outcome: 'applied', protecting: true, ...order }
    await bench.modem.report('demo', report)
    expect((await waiting).out).toContain('protecting; measured')
    const { exit, out } = await bench.run('line', 'enable', 'demo')
    expect(exit).toBe(0)
    expect(out).toContain('not protecting: list-missing')
  })

  it('shows what is wrong with a modem’s clock, and nothing where it is right', async () => {
    const report = { generation: 1, sequence: 1, outcome: 'applied', protecting: true }
    await bench.modem.report('demo', { ...report, clock: { floor: 1_790_000_000 } })
    expect((await bench.run('line', 'show', 'demo')).out).not.toContain('clock')
    const clock = { floor: 1_790_000_000, steppedBy: -90, believed: false, unbelieved: 2_105_000_000 }
    await bench.modem.report('demo', { ...report, clock })
    expect((await bench.run('line', 'show', 'demo')).out).toContain(
      'clock      stepped by -90 s, not believed; a document dated 2036-09-14T10:13:20Z is not believed about the time',
    )
  })

  it('ends with 4 where nobody reports, and the order stays', async () => {
    const { exit, err } = await bench.run('line', 'enable', 'nobody', '--timeout', '0.2')
    expect(exit).toBe(4)
    expect(err).toContain('OPERATOR_TIMED_OUT')
    expect((await bench.run('line', 'show', 'nobody', '--json')).json()).toMatchObject({
      desired: { sequence: 1 },
    })
  })

  it('--no-wait publishes only', async () => {
    const { exit, json } = await bench.run('line', 'enable', 'nobody', '--no-wait', '--json')
    expect(exit).toBe(0)
    expect(json()).toMatchObject({ applied: false, sequence: 1 })
  })

  it('ends with 1 and the modem’s code where it refuses; an old refusal is not taken for a new one', async () => {
    const refusal = (count: number) => ({
      ...{ generation: 0, sequence: 0, outcome: 'rejected', code: 'DOC_SIGNATURE', protecting: false },
      ...{ bootId: 'b', refusals: [{ kind: 'desired', code: 'DOC_SIGNATURE', count, at: 1 }] },
    })
    bench.modem.onOrder = () => refusal(1)
    const { exit, json } = await bench.run('line', 'enable', 'demo', '--json')
    expect(exit).toBe(1)
    expect(json()).toMatchObject({ error: { code: 'DOC_SIGNATURE' } })
    expect((await bench.run('line', 'enable', 'demo', '--timeout', '0.2')).exit).toBe(4)
    bench.modem.onOrder = () => refusal(2)
    expect((await bench.run('line', 'enable', 'demo')).exit).toBe(1)
  })

  it('ends with 1 where a newer order has overtaken', async () => {
    bench.modem.onOrder = (order) => ({ sequence: order.sequence + 5, outcome: 'ignored', protecting: true })
    const { exit, err } = await bench.run('line', 'disable', 'demo')
    expect(exit).toBe(1)
    expect(err).toContain('OPERATOR_SUPERSEDED')
  })

  it('begins a new generation after termination, and refuses everything else', async () => {
    await bench.run('line', 'terminate', 'demo', '--reason', 'retired')
    const refused = await bench.run('line', 'disable', 'demo')
    expect(refused.exit).toBe(1)
    expect(refused.err).toContain('OPERATOR_LINE_TERMINATED')
    expect((await bench.run('line', 'enable', 'demo', '--json')).json()).toMatchObject({
      generation: 2,
      sequence: 1,
    })
  })

  it('suspends until a time', async () => {
    await bench.run(
      'line',
      'suspend',
      'demo',
      '--until',
      '+2h',
      '--then',
      'disabled',
      '--reason',
      'network-protection',
    )
    const order = bench.modem.orders[0]!
    expect(order).toMatchObject({ service: 'suspended', reason: 'network-protection' })
    expect(order.then).toBe('disabled')
    expect(order.until! - order.issuedAt).toBe(7200)
    expect((await bench.run('line', 'show', 'demo')).out).toMatch(
      /suspended \(network-protection, by operator, until .*Z, then disabled\)/,
    )
  })

  it('is not misled by nonsense on the topics', async () => {
    await bench.other(async (broker) => {
      await broker.publish(topics.desired('demo'), 'not a JWS', true)
      await broker.publish(topics.reported('demo'), '{"protecting":', true)
    })
    expect((await bench.run('line', 'enable', 'demo', '--json')).json()).toMatchObject({
      generation: 1,
      sequence: 1,
      applied: true,
    })
  })
})

describe('wrong use ends with 2', () => {
  it.each([
    [['line', 'enable']],
    [['line', 'enable', 'a b']],
    [['line', 'enable', 'demo', '--reason', 'retired']],
    [['line', 'enable', 'demo', '--timeout', 'soon']],
    [['line', 'suspend', 'demo', '--until', 'tomorrow']],
    [['line', 'suspend', 'demo', '--then', 'enabled']],
    [['line', 'suspend', 'demo', '--until', '2020-01-01T00:00:00Z']],
    [['nonsense']],
    [['--profile', '/does/not/exist.json', 'line', 'show', 'demo']],
  ])('%j', async (args) => {
    const { exit, err } = await bench.run(...args)
    expect(exit).toBe(2)
    expect(err).not.toBe('')
    expect(bench.modem.orders).toEqual([])
  })

  it('--help is no error and goes to stdout', async () => {
    const { exit, out } = await bench.run('line', '--help')
    expect(exit).toBe(0)
    expect(out).toContain('terminate')
  })
})

it('ends with 3 where the broker cannot be reached', async () => {
  const { writeFileSync } = await import('node:fs')
  writeFileSync(
    bench.profileFile,
    JSON.stringify({ url: 'mqtt://127.0.0.1:9', keysDir: 'k', archiveDir: 'a' }),
  )
  const { exit, err } = await bench.run('line', 'show', 'demo')
  expect(exit).toBe(3)
  expect(err).toContain('mqtt://127.0.0.1:9')
})

describe('numbers of the next order', () => {
  const view = (desired?: object, reported?: object) =>
    ({ lineId: 'x', desired, reported }) as Parameters<typeof nextNumbers>[0]
  it.each([
    ['nothing known', view(), 'enabled', { generation: 1, sequence: 1 }],
    [
      'dormant modem',
      view(undefined, { generation: 0, sequence: 0 }),
      'enabled',
      { generation: 1, sequence: 1 },
    ],
    [
      'an order',
      view({ generation: 2, sequence: 7, service: 'enabled' }),
      'disabled',
      { generation: 2, sequence: 8 },
    ],
    [
      'the report is ahead',
      view({ generation: 2, sequence: 7 }, { generation: 3, sequence: 1 }),
      'disabled',
      { generation: 3, sequence: 2 },
    ],
    [
      'terminated, again',
      view({ generation: 2, sequence: 7, service: 'terminated' }),
      'terminated',
      { generation: 2, sequence: 8 },
    ],
    [
      'terminated, enabled',
      view({ generation: 2, sequence: 7, service: 'terminated' }),
      'enabled',
      { generation: 3, sequence: 1 },
    ],
  ] as const)('%s', (_, given, service, expected) => {
    expect(nextNumbers(given, service)).toEqual(expected)
  })
})

describe('--until', () => {
  const now = Date.UTC(2026, 10, 22)
  it.each([
    ['+90m', 5400],
    ['+1d', 86_400],
    ['2026-11-22T02:00:00+01:00', 3600],
  ])('%s', (text, seconds) => {
    expect(parseUntil(text, now)).toBe(now / 1000 + seconds)
  })
})
