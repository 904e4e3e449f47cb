import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findResolvers, resolversInResolvConf, resolversInStatus } from '../../module/platform/resolvers.ts'
import { createUbus } from '../../module/platform/ubus.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

/** As `ubus call network.interface.wan status` prints it on OpenWrt 23.05, shortened. */
const wan = {
  up: true,
  pending: false,
  proto: 'pppoe',
  l3_device: 'pppoe-wan',
  device: 'eth1.10',
  'dns-server': ['195.238.2.21', '195.238.2.22'],
  inactive: { 'dns-server': ['10.0.0.1'] },
}

describe('resolversInStatus', () => {
  it.each<[string, unknown, string[]]>([
    ['up', wan, ['195.238.2.21', '195.238.2.22']],
    ['down', { ...wan, up: false }, []],
    ['link-local gets its zone', { ...wan, 'dns-server': ['fe80::1'] }, ['fe80::1%pppoe-wan']],
    [
      'own addresses are none',
      { ...wan, 'dns-server': ['127.0.0.1', '::1', '0.0.0.0', '2001:db8::53'] },
      ['2001:db8::53'],
    ],
    ['no addresses', { ...wan, 'dns-server': ['resolver.example', 5, null, '1.2.3'] }, []],
    ['no list', { up: true, 'dns-server': '9.9.9.9' }, []],
    ['null', null, []],
    ['text', 'up', []],
  ])('%s', (_name, status, expected) => {
    expect(resolversInStatus(status)).toEqual(expected)
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(resolversInStatus(value))))
  })
})

describe('resolversInResolvConf', () => {
  const text =
    '# Interface wan\nnameserver 195.238.2.21\nnameserver 195.238.2.22\nsearch lan\n# Interface guest\nnameserver 9.9.9.9\n'
  it.each<[string, string, string[], string[]]>([
    ['the wanted section', text, ['wan'], ['195.238.2.21', '195.238.2.22']],
    ['none of another', text, ['wwan'], []],
    ['that of a half', text.replace('wan', 'wwan_4'), ['wwan'], ['195.238.2.21', '195.238.2.22']],
    ['without sections', 'nameserver 9.9.9.9\nnameserver 127.0.0.1\n', ['wan'], ['9.9.9.9']],
    ['no file worth the name', '\0\nnameserver\n', ['wan'], []],
  ])('%s', (_name, file, interfaces, expected) => {
    expect(resolversInResolvConf(file, interfaces)).toEqual(expected)
  })
})

describe('findResolvers', () => {
  const replies = (known: Map<string, unknown>) => {
    const asked: string[] = []
    const ubus = createUbus({
      run: async (_file, args) => {
        asked.push(args[2]!)
        if (!known.has(args[2]!)) throw new Error('Command failed: Not found')
        return JSON.stringify(known.get(args[2]!))
      },
    })
    return { ubus, asked }
  }

  it('asks for every half of the line', async () => {
    const known = new Map<string, unknown>([
      ['network.interface.wan', wan],
      ['network.interface.wan_6', { ...wan, 'dns-server': ['2001:db8::53', '195.238.2.21'] }],
    ])
    const { ubus, asked } = replies(known)
    expect(await findResolvers({ ubus, interfaces: ['wan'], log })).toEqual([
      '195.238.2.21',
      '195.238.2.22',
      '2001:db8::53',
    ])
    expect(asked).toEqual(
      ['wan', 'wan6', 'wan_4', 'wan_6', 'wan6_4'].map((name) => `network.interface.${name}`),
    )
  })

  it('falls back to the file, then to none', async () => {
    const { ubus } = replies(new Map())
    const read = async (path: string) => {
      if (path !== 'second') throw Object.assign(new Error('none'), { code: 'ENOENT' })
      return 'nameserver 9.9.9.9\n'
    }
    const base = { ubus, interfaces: ['wan'], log, read }
    expect(await findResolvers({ ...base, paths: ['first', 'second'] })).toEqual(['9.9.9.9'])
    expect(await findResolvers({ ...base, paths: ['first'] })).toEqual([])
  })
})

describe('ubus', () => {
  it('names what failed', async () => {
    const missing = createUbus({ path: '/nowhere/ubus' })
    await expect(missing.call('network.interface.wan', 'status')).rejects.toMatchObject({
      code: 'UBUS_FAILED',
    })
    const noise = createUbus({ run: async () => '{' })
    await expect(noise.call('system', 'board')).rejects.toMatchObject({ code: 'UBUS_REPLY' })
  })
})
