/** The passage on real packets: what it leads on after `disable`, and what it never does (docs/adr/0008). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addresses, Household, lacking, type Place } from './household-in-namespaces.ts'
import { connect } from './interception-list.ts'
import { lines, Modem } from './modem.ts'

const missing = lacking(['ip', 'nft', 'dnsmasq', 'dig', 'setpriv', 'openssl', 'mosquitto', 'curl'])
if (missing.length > 0) console.log(`skipped: passage in namespaces: missing ${missing.join(', ')}`)

const { lan, modem: modemAddresses } = addresses
/** Beyond the modem's own networks. */
const site = '192.0.2.81'
const shop = 'shop.example.com'
/** Listed names whose owner answers with what is inside. */
const traps: readonly [string, string[]][] = [
  ['device.example.com', [lan.v4, lan.gua]],
  ['modem.example.com', [modemAddresses.lan4, modemAddresses.lanGua]],
  ['uplink.example.com', [modemAddresses.wan4, modemAddresses.wan6]],
  ['loopback.example.com', ['127.0.0.1', '::1']],
  ['service.example.com', [addresses.service4, addresses.service6]],
]

describe.skipIf(missing.length > 0)('the passage', () => {
  const home = new Household()
  home.answers = [
    `--address=/${shop}/${site}`,
    `--address=/never-listed.example/${site}`,
    ...traps.flatMap(([name, list]) => list.map((address) => `--address=/${name}/${address}`)),
  ]
  const modem = new Modem(home)

  /** Answers on port 80 of the place's every address with what it was asked, and who it is. */
  async function serve(place: Place, who: string): Promise<void> {
    const code = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}).once('data', (bytes) => {
        socket.write('HTTP/1.0 200 OK\\r\\n\\r\\n${who} got: ')
        socket.end(bytes)
      })
    }).listen(80, '::', () => console.log('open'))`
    const started = home.start(place, [process.execPath, '-e', code])
    await started.line((line) => line === 'open')
  }
  /** As a browser that remembers the service address. */
  const open = (place: Place, name: string, service: string = addresses.service4) =>
    home.attempt(place, [
      ...['curl', '-sS', '--max-time', '8', '--resolve'],
      `${name}:80:${service.includes(':') ? `[${service}]` : service}`,
      `http://${name}/a?b`,
    ]).stdout

  beforeAll(async () => {
    await home.open()
    home.exec('wan', ['ip', 'address', 'add', `${site}/32`, 'dev', 'eth0'])
    await serve('wan', 'true site')
    await serve('lan', 'device of the LAN')
    await modem.prepare([shop, ...traps.map(([name]) => name)])
    await modem.start()
    modem.operator('line', 'enable', lines.fixed)
    await home.until(
      () => home.ask('lan', { server: addresses.public4, name: shop }),
      (answer) => answer === addresses.service4,
    )
  })
  afterAll(() => home.close())

  test('nothing passes while protection is on', () => {
    expect(open('lan', shop)).toContain('<title>Site blocked')
    expect(connect(home, 'lan', addresses.service4, 443).outcome).toBe('refused')
  })

  test('after `disable`, a listed name leads to its site from LAN and guest, over IPv4 and IPv6, byte for byte', () => {
    modem.operator('line', 'disable', lines.fixed)
    for (const place of ['lan', 'guest'] as const)
      for (const service of [addresses.service4, addresses.service6])
        expect(open(place, shop, service)).toMatch(
          /^true site got: GET \/a\?b HTTP\/1\.1\r\nHost: shop\.example\.com\r\n/,
        )
  })

  test.each(traps)('%s, which answers with %s, leads nowhere', (name) => {
    for (const place of ['lan', 'guest'] as const)
      expect(open(place, name)).toContain('<title>Proximus Secure Net: status')
  })

  test('nor does a name that was never listed, or anybody from the WAN', () => {
    expect(open('lan', 'never-listed.example')).toContain('<title>Proximus Secure Net: status')
    for (const port of [80, 443])
      expect(connect(home, 'wan', addresses.service4, port, 0.7).outcome).toBe('silence')
  })

  test('after `enable` nothing passes any more', () => {
    modem.operator('line', 'enable', lines.fixed)
    expect(open('lan', shop)).toContain('<title>Site blocked')
    expect(connect(home, 'lan', addresses.service4, 443).outcome).toBe('refused')
  })
})
