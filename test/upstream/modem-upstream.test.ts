import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { clientKey } from '../../module/base/client-key.ts'
import { systemClock } from '../../module/base/clock.ts'
import { LocalNetworks } from '../../module/base/local-networks.ts'
import { createLog } from '../../module/base/log.ts'
import { ModemUpstream } from '../../module/upstream/modem-upstream.ts'
import { opt, query } from '../helpers/wire.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** @returns how many of six questions a resolver that never answers sees at once */
async function inFlightOf(sharedBy: number): Promise<number> {
  const silent = createSocket('udp4').bind(0, '127.0.0.1')
  await once(silent, 'listening')
  closing.push(() => silent.close())
  const { port } = silent.address()
  const upstream = new ModemUpstream({
    mode: 'stock',
    servers: [{ address: '127.0.0.1', port }],
    timeoutMs: 10_000,
    inFlight: 5,
    sharedBy,
    byInterface: [],
    networks: new LocalNetworks({ clock: systemClock }),
    clock: systemClock,
    log: createLog(() => undefined),
  })
  await upstream.start()
  closing.push(() => upstream.stop())
  const seen: string[] = []
  const marked = new Promise<void>((resolve) => {
    silent.on('message', (message) => {
      if (message.toString() === 'mark') resolve()
      else seen.push(message.toString('latin1'))
    })
  })
  for (let i = 0; i < 6; i++)
    upstream.exchange(
      {
        key: `q${i}`,
        message: query({ name: `q${i}.example`, tail: opt() }),
        clientKey: clientKey('192.0.2.7'),
        tcp: false,
      },
      () => undefined,
    )
  // Sent after them, and loopback keeps the order.
  const marker = createSocket('udp4')
  closing.push(() => marker.close())
  marker.send('mark', port, '127.0.0.1')
  await marked
  expect(upstream.stats()).toMatchObject([{ exchanges: 6, inFlight: seen.length, wrongId: 0 }])
  return seen.length
}

it('asks no more at once than its share of what the resolver takes', async () => {
  expect(await inFlightOf(1)).toBe(5)
  expect(await inFlightOf(2)).toBe(2)
  expect(await inFlightOf(8)).toBe(1)
})
