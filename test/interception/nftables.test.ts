import { describe, expect, test } from 'vitest'
import { SecureNetError } from '../../module/base/error.ts'
import { createLog } from '../../module/base/log.ts'
import { chooseInterceptor } from '../../module/interception/detect.ts'
import { createIptables, listedSet, setRenewal } from '../../module/interception/iptables.ts'
import { createNftables } from '../../module/interception/nftables.ts'
import type { openRenewalDatagram, Renewal } from '../../module/interception/renewal-datagram.ts'
import { createScopeKeeper } from '../../module/interception/scope-keeper.ts'
import type { CommandResult, RunCommand } from '../../module/platform/spawn.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

// Addresses that every machine has, so that prepare() finds them.
const at = (port: number) => ({ address: '127.0.0.1', port })
const service = { dns4: at(5353), dns6: null, page4: at(8053), page6: null }
const log = createLog(() => {})
const ok: CommandResult = { code: 0, stdout: '', stderr: '' }
const scope = { keep: async () => new Map<string, string>(), release: async () => {} }
const clock = new FakeClock()
const random = (bytes: number) => Buffer.alloc(bytes, 0x5a)
/** Never reaches a rule: every renewal is nft's then. */
const unheard: typeof openRenewalDatagram = async (address) => ({
  address,
  port: 40_000,
  send: async () => 'not-taken',
  close: () => {},
})
const common = {
  service,
  leaseMs: 6000,
  questionsPerSecond: 1000,
  whyNot: () => null,
  scope,
  log,
  clock,
  random,
  open: unheard,
}

type Reply = (argv: readonly string[], stdin: string) => CommandResult | Error
function tools(reply: Reply) {
  const calls: { argv: readonly string[]; stdin: string }[] = []
  const run: RunCommand = async (argv, options = {}) => {
    const stdin = options.stdin ?? ''
    calls.push({ argv, stdin })
    const outcome = reply(argv, stdin)
    if (outcome instanceof Error) throw outcome
    return outcome
  }
  return { run, calls }
}
const failing = (stderr: string): CommandResult => ({ code: 1, stdout: '', stderr })
const notFound = new SecureNetError('SPAWN_NOT_FOUND', 'not installed')

describe('nftables: what is missing', () => {
  test.each<[string, string, Reply]>([
    ['no nft', 'INTERCEPT_NO_NFT', () => notFound],
    [
      'no right',
      'INTERCEPT_NOT_PERMITTED',
      () => failing('Error: Could not process rule: Operation not permitted'),
    ],
    [
      'no zones',
      'INTERCEPT_NO_CT_ZONE',
      (_, stdin) => (stdin.includes('zone set') ? failing('Error: Operation not supported') : ok),
    ],
    [
      'no NAT',
      'INTERCEPT_NO_NAT',
      (_, stdin) => (stdin.includes('dnat') ? failing('Error: No such file or directory') : ok),
    ],
    ['no reject', 'INTERCEPT_NO_REJECT', (_, stdin) => (stdin.includes('reject') ? failing('Error') : ok)],
    [
      'no time-outs',
      'INTERCEPT_NO_SET_TIMEOUT',
      (_, stdin) => (stdin.includes('flags dynamic,timeout') ? failing('Error') : ok),
    ],
    ['no inet', 'INTERCEPT_NO_INET', (_, stdin) => (stdin.includes('inet') ? failing('Error') : ok)],
    [
      'else',
      'INTERCEPT_NFT_REFUSED',
      (_, stdin) => (stdin.includes('inet securenet {') ? failing('Error: odd') : ok),
    ],
  ])('%s -> %s, and nothing is committed', async (_, code, reply) => {
    const { run, calls } = tools(reply)
    const interceptor = createNftables({ ...common, run, interfaces: ['br-lan'] })
    await expect(interceptor.prepare()).rejects.toMatchObject({ code })
    expect(calls.every(({ argv }) => argv.includes('-c'))).toBe(true)
  })

  test('a service address that is nowhere', async () => {
    const { run, calls } = tools(() => ok)
    const nowhere = { ...service, dns4: { address: '198.18.99.99', port: 5353 } }
    const interceptor = createNftables({ ...common, service: nowhere, run, interfaces: [] })
    await expect(interceptor.prepare()).rejects.toMatchObject({ code: 'INTERCEPT_NO_SERVICE_ADDRESS' })
    expect(calls).toEqual([])
  })
})

describe('nftables: renewal', () => {
  function kernel() {
    const state = { standing: false, table: 'counter questions {\n packets 5 bytes 300\n}' }
    const { run, calls } = tools((argv, stdin) => {
      if (argv.includes('-j')) return failing('Error: JSON support not compiled-in')
      if (argv.includes('-c')) return ok
      if (stdin.includes('add table')) state.standing = !stdin.endsWith('delete table inet securenet\n')
      else if (!state.standing) return failing('Error: No such file or directory')
      return { ...ok, stdout: stdin.includes('list table') ? state.table : '' }
    })
    return { state, run, calls }
  }

  /** A kernel that takes renewals as long as our table stands. */
  function heard(state: { standing: boolean; asked: boolean }) {
    const sent: string[] = []
    const open: typeof openRenewalDatagram = async (address) => ({
      address,
      port: 40_000,
      async send(nonce): Promise<Renewal> {
        sent.push(nonce.toString('hex'))
        if (!state.standing) return 'not-taken'
        return state.asked ? 'asked' : 'taken'
      },
      close: () => {},
    })
    return { open, sent }
  }

  test('is a datagram with the nonce of the standing table, and no process; now and then nft looks', async () => {
    const { run, calls, state } = kernel()
    const now = Object.assign(state, { asked: false })
    const { open, sent } = heard(now)
    const interceptor = createNftables({ ...common, run, open, interfaces: ['br-lan'], listEvery: 3 })
    await interceptor.prepare()
    await interceptor.arm(['br-lan'])
    const before = calls.length
    const same = { armed: ['br-lan'], refused: [], rebuilt: false }
    expect(await interceptor.renew(['br-lan'])).toEqual({ ...same, asked: false })
    now.asked = true
    expect(await interceptor.renew(['br-lan'])).toEqual({ ...same, asked: true })
    expect([calls.length - before, sent]).toEqual([0, ['5a'.repeat(8), '5a'.repeat(8)]])
    expect(calls.some(({ stdin }) => stdin.includes(`@th,64,64 0x${'5a'.repeat(8)} meta mark set`))).toBe(
      true,
    )
    expect(await interceptor.renew(['br-lan'])).toEqual({ ...same, translated: 5, bypassed: null })
    expect([calls.length - before, sent.length]).toEqual([1, 2])
  })

  test('a datagram is enough only for what is armed already', async () => {
    const { run, calls, state } = kernel()
    const { open, sent } = heard(Object.assign(state, { asked: false }))
    const interceptor = createNftables({ ...common, run, open, interfaces: ['br-lan', 'br-guest'] })
    await interceptor.prepare()
    await interceptor.arm(['br-lan'])
    await interceptor.renew(['br-lan', 'br-guest'])
    expect(calls.at(-1)?.stdin).toContain('armed { "br-lan", "br-guest" }')
    await interceptor.disarm()
    await interceptor.renew(['br-lan', 'br-guest'])
    expect(calls.at(-1)?.stdin).toContain('armed { "br-lan", "br-guest" }')
    expect(sent).toEqual([])
  })

  test('a datagram that comes back means that the table is gone: it is made again in the same call', async () => {
    const { run, state } = kernel()
    const { open } = heard(Object.assign(state, { asked: false }))
    const interceptor = createNftables({ ...common, run, open, interfaces: ['br-lan'] })
    await interceptor.prepare()
    await interceptor.arm(['br-lan'])
    state.standing = false
    expect(await interceptor.renew(['br-lan'])).toMatchObject({ armed: ['br-lan'], rebuilt: true })
    expect(await interceptor.renew(['br-lan'])).toMatchObject({ rebuilt: false, asked: false })
  })

  test('where no datagram is heard it is one process, and counts', async () => {
    const { run, calls } = kernel()
    const interceptor = createNftables({ ...common, run, interfaces: ['br-lan'] })
    await interceptor.prepare()
    await interceptor.arm(['br-lan'])
    const before = calls.length
    expect(await interceptor.renew(['br-lan'])).toEqual({
      armed: ['br-lan'],
      refused: [],
      rebuilt: false,
      translated: 5,
      bypassed: null,
    })
    expect(calls.length - before).toBe(1)
  })

  test.each([
    ['gone', { standing: false }],
    ['changed', { table: 'counter questions {\n packets 0 bytes 0\n} chain x' }],
  ])('a table that is %s is rebuilt and armed in the same call', async (_, breach) => {
    const { run, calls, state } = kernel()
    const interceptor = createNftables({ ...common, run, interfaces: ['br-lan'] })
    await interceptor.prepare()
    Object.assign(state, breach)
    expect(await interceptor.renew(['br-lan'])).toMatchObject({ armed: ['br-lan'], rebuilt: true })
    expect(
      calls.some(({ stdin }) => stdin.includes('add table') && stdin.includes('armed { "br-lan" }')),
    ).toBe(true)
    expect(await interceptor.renew(['br-lan'])).toMatchObject({ rebuilt: false })
  })

  test('devices that are not there, or that cannot carry the address, are refused with the reason', async () => {
    const { run } = kernel()
    const interceptor = createNftables({
      ...common,
      run,
      interfaces: ['a', 'b', 'c'],
      whyNot: (name) => (name === 'b' ? 'no such network device' : null),
      scope: { ...scope, keep: async () => new Map([['c', 'no address']]) },
    })
    await interceptor.prepare()
    expect(await interceptor.arm(['a', 'b', 'c'])).toEqual({
      armed: ['a'],
      refused: [
        { interface: 'b', why: 'no such network device' },
        { interface: 'c', why: 'no address' },
      ],
    })
  })

  test('disarming a table that somebody wiped is no error', async () => {
    const { run, state } = kernel()
    const interceptor = createNftables({ ...common, run, interfaces: [] })
    await interceptor.prepare()
    state.standing = false
    await expect(interceptor.disarm()).resolves.toBeUndefined()
  })
})

describe('iptables', () => {
  const printed = (references: number) => `Name: securenet4
Type: hash:net,iface
Revision: 8
Header: family inet hashsize 1024 maxelem 65536 timeout 6 counters bucketsize 12 initval 0xf5e918e4
Size in memory: 632
References: ${references}
Number of entries: 2
Members:
0.0.0.0/0,br-lan timeout 5 packets 40 bytes 2400
0.0.0.0/0,br-guest timeout 5 packets 2 bytes 120
`
  test('reads what ipset prints', () => {
    expect(listedSet(printed(7))).toEqual({ references: 7, packets: 42 })
    expect(setRenewal(['dns4', 'dns6'], ['br-lan'], 5500)).toBe(
      'add securenet4 0.0.0.0/0,br-lan timeout 6\nadd securenet6 ::/0,br-lan timeout 6\n',
    )
  })

  test.each<[string, string, Reply]>([
    ['no ipset', 'INTERCEPT_NO_IPSET', () => notFound],
    [
      'no set',
      'INTERCEPT_NO_RULES',
      () => failing('ipset v7.17: The set with the given name does not exist'),
    ],
    ['rules missing', 'INTERCEPT_NO_RULES', () => ({ ...ok, stdout: printed(3) })],
    [
      'another kind of set',
      'INTERCEPT_NO_RULES',
      () => ({ ...ok, stdout: printed(7).replace('net,iface', 'ip') }),
    ],
    [
      'no right',
      'INTERCEPT_NOT_PERMITTED',
      () => failing('ipset v7.17: Kernel error received: Operation not permitted'),
    ],
    ['else', 'INTERCEPT_IPSET_REFUSED', () => failing('ipset v7.17: odd')],
  ])('%s -> %s', async (_, code, reply) => {
    const { run } = tools(reply)
    await expect(createIptables({ ...common, run }).prepare()).rejects.toMatchObject({ code })
  })

  test('a renewal is one process, and looks at the sets now and then', async () => {
    const { run, calls } = tools((argv) => (argv[1] === 'list' ? { ...ok, stdout: printed(7) } : ok))
    const interceptor = createIptables({ ...common, run, listEvery: 3 })
    await interceptor.prepare()
    await interceptor.arm(['br-lan'])
    const before = calls.length
    for (let round = 0; round < 3; round++) await interceptor.renew(['br-lan'])
    expect(calls.slice(before).map(({ argv }) => argv[1])).toEqual(['restore', 'restore', 'list', 'restore'])
  })

  test('rules wiped later: nothing armed, the reason told, and armed again when they are back', async () => {
    let references = 7
    const { run, calls } = tools((argv) => (argv[1] === 'list' ? { ...ok, stdout: printed(references) } : ok))
    const interceptor = createIptables({ ...common, run, listEvery: 1 })
    await interceptor.prepare()
    expect(await interceptor.renew(['br-lan'])).toEqual({
      armed: ['br-lan'],
      refused: [],
      rebuilt: false,
      translated: 42,
    })
    references = 5
    const wiped = await interceptor.renew(['br-lan'])
    expect(wiped.armed).toEqual([])
    expect(wiped.refused[0]?.why).toMatch(/wiped: run .*firewall-iptables.sh add/)
    expect(calls.at(-1)?.stdin).toBe('del securenet4 0.0.0.0/0,br-lan\n')
    references = 7
    expect(await interceptor.renew(['br-lan'])).toMatchObject({ armed: ['br-lan'], rebuilt: true })
  })
})

describe('choice of the back-end', () => {
  const candidate = (name: 'nftables' | 'iptables', error?: SecureNetError) => ({
    name,
    prepare: async () => {
      if (error) throw error
    },
    arm: async () => ({ armed: [], refused: [] }),
    renew: async () => ({ armed: [], refused: [], rebuilt: false, translated: null }),
    disarm: async () => {},
    remove: async () => {},
    translated: async () => null,
  })
  const noNft = new SecureNetError('INTERCEPT_NO_NFT', 'nft is not installed')
  const noIpset = new SecureNetError('INTERCEPT_NO_IPSET', 'ipset is not installed')

  test('auto takes the first that this machine can do, and says why not the others', async () => {
    const both = await chooseInterceptor('auto', [candidate('nftables'), candidate('iptables')])
    expect(both.interceptor.name).toBe('nftables')
    const second = await chooseInterceptor('auto', [candidate('nftables', noNft), candidate('iptables')])
    expect([second.interceptor.name, second.missing]).toEqual(['iptables', [noNft]])
  })

  test('auto on a machine that can do none arms nothing and tells every interface why', async () => {
    const { interceptor, missing } = await chooseInterceptor('auto', [
      candidate('nftables', noNft),
      candidate('iptables', noIpset),
    ])
    expect(missing).toEqual([noNft, noIpset])
    expect(await interceptor.renew(['br-lan'])).toMatchObject({
      armed: [],
      refused: [{ interface: 'br-lan', why: 'nft is not installed; ipset is not installed' }],
    })
  })

  test('one that is named outright and cannot be had is an error; none is none', async () => {
    await expect(chooseInterceptor('nftables', [candidate('nftables', noNft)])).rejects.toBe(noNft)
    await expect(chooseInterceptor('iptables', [])).rejects.toMatchObject({ code: 'INTERCEPT_NO_BACKEND' })
    expect((await chooseInterceptor('none', [])).interceptor.name).toBe('none')
  })
})

describe('the IPv6 service address on each device', () => {
  const entry = (address: string) => ({ address }) as never
  test('is put where it is missing, once, and again when it was taken away', async () => {
    const listed: Record<string, never[]> = { 'br-lan': [entry('192.168.1.1')] }
    const { run, calls } = tools(() => ok)
    const keeper = createScopeKeeper({ run, address: 'fd53::53', devices: () => listed })
    expect(await keeper.keep(['br-lan', 'br-down'])).toEqual(new Map())
    expect(calls.map(({ argv }) => argv.slice(0, 7).join(' '))).toEqual([
      'ip -6 address replace fd53::53/128 dev br-lan',
      'ip -6 address replace fd53::53/128 dev br-down',
    ])
    listed['br-lan'] = [entry('fd53::53')]
    await keeper.keep(['br-lan', 'br-down'])
    expect(calls.length).toBe(2)
    listed['br-lan'] = []
    await keeper.keep(['br-lan', 'br-down'])
    expect(calls.length).toBe(3)
  })

  test('an ip that does not know nodad is asked plainly; what fails is told', async () => {
    const plain = tools((argv) => (argv.includes('nodad') ? failing('ip: either "dev" is duplicate') : ok))
    expect(
      await createScopeKeeper({ run: plain.run, address: 'fd53::53', devices: () => ({}) }).keep(['br-lan']),
    ).toEqual(new Map())
    const never = tools(() => failing('RTNETLINK answers: Permission denied'))
    const failed = await createScopeKeeper({ run: never.run, address: 'fd53::53', devices: () => ({}) }).keep(
      ['br-lan'],
    )
    expect(failed.get('br-lan')).toMatch(/fd53::53 could not be put on it: .*Permission denied/)
  })
})
