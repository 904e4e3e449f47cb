import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, it, test } from 'vitest'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { OriginConnector } from '../../module/passthrough/origin-connector.ts'
import { reachable } from '../../module/passthrough/public-address.ts'
import type { Exchange, OnExchanged } from '../../module/upstream/upstream.ts'
import { exchanged } from '../helpers/exchanged.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { rdata, reply } from '../helpers/wire.ts'

const networks = new LocalNetworks({ clock: new FakeClock(), networkInterfaces: () => ({}) })
const allowed = (found: readonly string[]) => reachable(found, networks)

const sixteen = (address: string) =>
  Buffer.from(
    address
      .split(':')
      .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  )

/** Answers A and AAAA, after a CNAME, with the given addresses; null is silence. */
function upstreamOf(a: string[] | null, aaaa: string[] = []) {
  const asked: Exchange[] = []
  return {
    asked,
    exchange(exchange: Exchange, done: OnExchanged) {
      asked.push(exchange)
      if (a === null) return done(null, 'timeout')
      const type = exchange.message.readUInt16BE(exchange.message.length - 11 - 4)
      const records =
        type === 1
          ? a.map((address) => ({ owner: 'cdn.example', type: 1, rdata: rdata.a(address) }))
          : aaaa.map((address) => ({ owner: 'cdn.example', type: 28, rdata: sixteen(address) }))
      const chain = { type: 5, rdata: rdata.name('cdn.example') }
      const said = reply(exchange.message, { answers: [chain, ...records] })
      queueMicrotask(() => exchanged(exchange.message, said, done))
    },
  }
}

it('connects to what the resolver behind us says, of the addresses that may be', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const dialled: unknown[] = []
  const upstream = upstreamOf(
    ['192.168.1.1', '93.184.216.34'],
    ['fe80:0:0:0:0:0:0:1', '2606:2800:220:1:0:0:0:1'],
  )
  const site = new OriginConnector({
    allowed,
    upstream,
    clock: new FakeClock(),
    dial: (port, addresses) => {
      dialled.push([port, ...addresses])
      return connect((server.address() as AddressInfo).port, '127.0.0.1')
    },
  })
  const socket = await site.connect('shop.example', 443)
  expect(socket?.readyState).toBe('open')
  expect(dialled).toEqual([[443, '93.184.216.34', '2606:2800:220:1:0:0:0:1']])
  expect(upstream.asked.map(({ key }) => key)).toEqual(['passage 1 shop.example', 'passage 28 shop.example'])
  socket?.destroy()
  server.close()
})

test.each([
  ['none but private ones', ['127.0.0.1', '10.0.0.1', '198.18.53.53'], ['fd53:5ec:4e7:0:0:0:0:53']],
  ['none', [], []],
  ['no answer', null, []],
])('%s: nobody is dialled', async (_what, a, aaaa) => {
  const dial = () => {
    throw new Error('dialled')
  }
  const site = new OriginConnector({ allowed, upstream: upstreamOf(a, aaaa), clock: new FakeClock(), dial })
  expect(await site.connect('shop.example', 80)).toBe(null)
})

test('a site that does not answer is given up in time; one that refuses, at once', async () => {
  const clock = new FakeClock()
  const upstream = upstreamOf(['93.184.216.34'])
  const silent = connect({ port: 9, host: 'silent.invalid', lookup: () => {} })
  const given = new OriginConnector({ allowed, upstream, clock, dial: () => silent }).connect(
    'shop.example',
    80,
  )
  while (clock.waiting === 0) await new Promise((next) => setImmediate(next))
  clock.advance(10_000)
  expect(await given).toBe(null)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const refused = new OriginConnector({ allowed, upstream, clock, dial: () => connect(port, '127.0.0.1') })
  expect(await refused.connect('shop.example', 80)).toBe(null)
  expect(clock.waiting).toBe(0)
})

test('addresses are tried one after the other: the second answers where the first refuses', async () => {
  const server = createServer().listen(0, '127.0.0.2')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const upstream = upstreamOf(['127.0.0.3', '127.0.0.2'])
  const site = new OriginConnector({ upstream, clock: new FakeClock(), allowed: (all) => [...all] })
  const socket = await site.connect('shop.example', port as 80)
  expect(socket?.remoteAddress).toBe('127.0.0.2')
  socket?.destroy()
  server.close()
})
