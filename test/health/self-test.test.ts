import { describe, expect, it } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import type { ReferenceClient } from '../../module/health/reference-client.ts'
import { SelfTest, type ThreadQuestions } from '../../module/health/self-test.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const listeners = [
  { address: '198.18.0.53', port: 5353 },
  { address: 'fd53::53', port: 5353 },
]
const nobody = () => Promise.reject(new SecureNetError('SELFTEST_NO_ANSWER', 'timed out'))

/** Answers by address and name; `broken` names the sockets that do not. */
function world({
  blocked = '198.18.0.53',
  broken = [] as string[],
  forwards = true,
  upstreamUp = true,
} = {}) {
  const client: ReferenceClient = ({ transport, address }, name) => {
    if (broken.includes(`${transport} ${address}`)) return nobody()
    if (address === '127.0.0.1') return upstreamUp ? Promise.resolve({ rcode: 3, addresses: [] }) : nobody()
    if (name === 'phishing.test.example') return Promise.resolve({ rcode: 0, addresses: [blocked] })
    if (name === 'localhost') return Promise.resolve({ rcode: 0, addresses: ['127.0.0.1'] })
    return forwards && upstreamUp
      ? Promise.resolve({ rcode: 3, addresses: [] })
      : Promise.resolve({ rcode: 2, addresses: [] })
  }
  return client
}

interface Options {
  expectsBlock?: boolean
  page?: boolean
  quickClient?: ReferenceClient
  inThreads?: (questions: ThreadQuestions) => Promise<string[]>
}

function selfTest(
  client: ReferenceClient,
  { expectsBlock = true, page = true, quickClient = client, inThreads }: Options = {},
) {
  return new SelfTest({
    client,
    quickClient,
    listeners,
    upstream: () => ({ address: '127.0.0.1', port: 53 }),
    testName: 'phishing.test.example',
    blockedAddress: '198.18.0.53',
    expectsBlock: () => expectsBlock,
    freshName: () => 'fresh.lan',
    page: async () => page,
    ...(inThreads && { inThreads }),
    clock: new FakeClock(),
    timeoutMs: 100,
  })
}

describe('the self-test', () => {
  it('passes through every socket', async () => {
    const { outcome, cells } = await selfTest(world()).run('full')
    expect(outcome).toBe('pass')
    expect(cells).toEqual({
      udp4: 'pass',
      tcp4: 'pass',
      udp6: 'pass',
      tcp6: 'pass',
      page: 'pass',
      forward: 'pass',
    })
  })

  it.each([
    ['one socket is silent', world({ broken: ['tcp fd53::53'] }), 'tcp6'],
    ['a listed name is not blocked', world({ blocked: '192.0.2.1' }), 'udp4'],
    ['only our forwarding is broken', world({ forwards: false }), 'forward'],
  ] as const)('fails when %s', async (_, client, cell) => {
    const { outcome, cells, why } = await selfTest(client).run('full')
    expect(outcome).toBe('fail')
    expect(cells[cell]).toBe('fail')
    expect(why).not.toBe('')
  })

  it('an upstream that is down is not our failure', async () => {
    expect((await selfTest(world({ upstreamUp: false })).run('full')).outcome).toBe('upstream-down')
  })

  it('but a broken socket is, also then', async () => {
    expect(
      (await selfTest(world({ upstreamUp: false, broken: ['udp 198.18.0.53'] })).run('full')).outcome,
    ).toBe('fail')
  })

  it('while the line is off it asks for a name of our own instead', async () => {
    expect(
      (await selfTest(world({ blocked: '192.0.2.1' }), { expectsBlock: false }).run('quick')).outcome,
    ).toBe('pass')
  })

  it('quick: asks through the quick client alone, and leaves the page out', async () => {
    const both = { quickClient: world(), page: false }
    const { outcome, cells } = await selfTest(nobody, both).run('quick')
    expect([outcome, cells.page]).toEqual(['pass', 'skipped'])
    expect((await selfTest(world(), { quickClient: nobody }).run('quick')).outcome).toBe('fail')
  })

  it.each([true, false])('quick: what the last full one found of the page stands (%s)', async (page) => {
    const test = selfTest(world(), { page })
    const { cells } = await test.run('full')
    expect((await test.run('quick')).cells.page).toBe(cells.page)
  })

  it('a page that does not answer fails the full test', async () => {
    const { outcome, cells } = await selfTest(world(), { page: false }).run('full')
    expect([outcome, cells.page]).toEqual(['fail', 'fail'])
  })

  it('goes through every query thread too, and fails with any of them', async () => {
    const asked: ThreadQuestions[] = []
    const inThreads = async (questions: ThreadQuestions) => {
      asked.push(questions)
      return asked.length === 1 ? [] : ['thread 1 does not answer']
    }
    expect((await selfTest(world(), { inThreads }).run('quick')).outcome).toBe('pass')
    const failed = await selfTest(world({ upstreamUp: false }), { inThreads, expectsBlock: false }).run(
      'quick',
    )
    expect(failed).toMatchObject({ outcome: 'fail', why: 'thread 1 does not answer' })
    expect(asked).toEqual([
      { name: 'phishing.test.example', address: '198.18.0.53', fresh: 'fresh.lan', timeoutMs: 100 },
      { name: 'localhost', address: '127.0.0.1', fresh: null, timeoutMs: 100 },
    ])
  })
})
