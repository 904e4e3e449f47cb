import { expect, test } from 'vitest'
import { createPassthroughGate } from '../../module/interception/passthrough-gate.ts'
import { passthroughEndpoint } from '../../module/interception/service.ts'
import type { RunCommand } from '../../module/platform/spawn.ts'

const page4 = { address: '198.18.53.53', port: 8053 }
const page6 = { address: 'fd53::53', port: 8053 }
const service = { dns4: null, dns6: null, page4, page6 }

function fixture(backend: 'nftables' | 'iptables' | 'none', more: object = {}, code = 0) {
  const ran: string[] = []
  const run: RunCommand = async (argv, options) => {
    ran.push(`${argv.join(' ')}\n${options?.stdin}`)
    return { code, stdout: '', stderr: code ? 'Error: Operation not permitted\nmore\n' : '' }
  }
  const gate = createPassthroughGate({
    backend,
    run,
    service: { ...service, ...more },
    interfaces: ['br-lan', 'br-guest'],
  })
  return { ran, gate }
}

test('nftables: one transaction; every device with the time-out that ends it', async () => {
  const { ran, gate } = fixture('nftables')
  await gate.open(600_000)
  await gate.close()
  expect(ran).toEqual([
    'nft -f -\nflush set inet securenet passage\nadd element inet securenet passage { "br-lan" timeout 600000ms, "br-guest" timeout 600000ms }\n',
    'nft -f -\nflush set inet securenet passage\n',
  ])
})

test('ipset: whole seconds, and the family that has a page alone', async () => {
  const { ran, gate } = fixture('iptables', { page6: null })
  await gate.open(1500)
  await gate.close()
  expect(ran).toEqual([
    'ipset restore -exist\nflush securenet443_4\nadd securenet443_4 0.0.0.0/0,br-lan timeout 2\nadd securenet443_4 0.0.0.0/0,br-guest timeout 2\n',
    'ipset restore\nflush securenet443_4\n',
  ])
})

test('nothing runs where nothing is intercepted', async () => {
  const { ran, gate } = fixture('none')
  await gate.open(1000)
  await gate.close()
  expect(ran).toEqual([])
})

test.each(['nftables', 'iptables'] as const)('%s: a refusal has a code and a way out', async (backend) => {
  const { gate } = fixture(backend, {}, 1)
  await expect(gate.open(1000)).rejects.toMatchObject({
    code: 'INTERCEPT_PASSAGE',
    message: expect.stringContaining('Operation not permitted'),
  })
})

test.each([
  [8053, 8054],
  [65_534, 65_535],
  [65_535, 65_534],
  [0, 0],
])('the passage of a page on port %i is on %i', (port, beside) => {
  expect(passthroughEndpoint({ address: '198.18.53.53', port })).toEqual({
    address: '198.18.53.53',
    port: beside,
  })
})
