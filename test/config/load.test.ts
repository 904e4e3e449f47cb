import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../module/config/load.ts'

const least = {
  modemId: 'm1',
  dataDir: '/tmp/d',
  runDir: '/tmp/r',
  lines: [{ id: 'demo' }],
  dns: { listen: [{ address: '127.0.0.1', port: 5300 }] },
  page: { listen: [{ address: '127.0.0.1', port: 8053 }], ipv4: '198.18.0.53' },
  trust: { rootsFile: '/tmp/roots.json' },
}
const withChange = (change: (config: Record<string, any>) => void) => {
  const config = structuredClone(least)
  change(config)
  return JSON.stringify(config)
}

describe('configuration', () => {
  it('fills in defaults and freezes', () => {
    const config = parseConfig(JSON.stringify(least))
    expect(config.dns.blockTtl).toBe(10)
    expect(config.dns.limits.burst).toBe(2000)
    expect(config.upstream.servers).toEqual([{ address: '127.0.0.1', port: 53 }])
    expect(config.lines[0]).toEqual({ id: 'demo', access: 'fixed', interface: 'wan' })
    expect(() => Object.assign(config.dns, { blockTtl: 1 })).toThrow()
  })

  it.each<[string, (config: Record<string, any>) => void, RegExp]>([
    ['unknown option', (c) => Object.assign(c.dns, { qps: 1 }), /dns: unknown option "qps"/],
    ['wrong type', (c) => Object.assign(c.dns, { blockTtl: 'ten' }), /dns\.blockTtl: must be integer/],
    ['out of range', (c) => Object.assign(c.dns, { blockTtl: -1 }), /dns\.blockTtl: must be >= 0/],
    ['missing', (c) => delete c.modemId, /modemId/],
    ['wildcard v4', (c) => (c.dns.listen[0].address = '0.0.0.0'), /dns\.listen\.0\.address: a wildcard/],
    ['wildcard v6', (c) => (c.dns.listen[0].address = '::'), /wildcard/],
    ['not an address', (c) => (c.dns.listen[0].address = '999.1.1.1'), /not an IP address/],
    ['page not v4', (c) => (c.page.ipv4 = '300.1.1.1'), /page\.ipv4/],
    ['colour without contrast', (c) => (c.page.branding = { colour: '#ffee00' }), /contrast/],
    ['a script as link', (c) => (c.page.branding = { helpUrl: 'javascript:alert(1)' }), /helpUrl/],
    ['lease too short', (c) => (c.interception = { leaseMs: 2000, renewMs: 2000 }), /leaseMs/],
    [
      'a warning page that is no address',
      (c) => (c.upstream = { warningPages: [{ address: 'baps' }] }),
      /upstream\.warningPages\.0\.address/,
    ],
    [
      'a warning page of no category',
      (c) => (c.upstream = { warningPages: [{ address: '192.0.2.80', category: 'anger' }] }),
      /upstream\.warningPages\.0\.category/,
    ],
    ['same line twice', (c) => c.lines.push({ id: 'demo' }), /same id/],
    ['plain MQTT off loopback', (c) => (c.mqtt = { url: 'mqtt://broker.example:1883' }), /mqtts/],
    [
      'certificate without key',
      (c) => (c.mqtt = { url: 'mqtts://b.example', certFile: '/x' }),
      /go together/,
    ],
  ])('refuses: %s', (_, change, message) => {
    expect(() => parseConfig(withChange(change))).toThrow(message)
    expect(() => parseConfig(withChange(change))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it('says where JSON breaks off', () => {
    expect(() => parseConfig('{"modemId":')).toThrow(expect.objectContaining({ code: 'CONFIG_NOT_JSON' }))
  })
})
