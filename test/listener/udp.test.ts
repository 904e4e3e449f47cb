import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { replyWith, tails } from '../../module/dns/reply.ts'
import type { Handler } from '../../module/listener/handler.ts'
import { UdpListener } from '../../module/listener/udp.ts'
import { DROP, PENDING, type Query } from '../../module/query/query.ts'
import { freePort } from '../../scripts/free-port.ts'
import { udpWays } from '../helpers/batch-addon.ts'
import { header, query } from '../helpers/wire.ts'

const log = createLog(() => undefined)
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const refuse: Handler = (asked) => {
  asked.read()
  return replyWith(asked, tails.refused)
}

/** It has collected what came. */
interface Client {
  socket: Socket
  replies: Buffer[]
  /** Resolves once so many have come. */
  got(count: number): Promise<Buffer[]>
}

/** Connected, so that it hears the address alone that it has asked, and sends at once. */
async function clientOf(at: { address: string; port: number }, from?: { address: string; port: number }) {
  const socket = createSocket(at.address.includes(':') ? 'udp6' : 'udp4')
  closing.push(() => void socket.close())
  if (from) {
    socket.bind(from.port, from.address)
    await once(socket, 'listening')
  }
  socket.connect(at.port, at.address)
  await once(socket, 'connect')
  const client: Client = {
    socket,
    replies: [],
    async got(count) {
      while (client.replies.length < count) await once(socket, 'message')
      return client.replies
    },
  }
  socket.on('message', (bytes) => client.replies.push(bytes))
  return client
}

const isBindable = (address: string) =>
  new Promise<boolean>((resolve) => {
    const socket = createSocket('udp6')
    socket.once('error', () => socket.close(() => resolve(false)))
    socket.bind(0, address, () => socket.close(() => resolve(true)))
  })

describe.each(udpWays())('UDP, %s', (_, addon) => {
  async function start(handle: Handler, address = '127.0.0.1') {
    const port = await freePort()
    const listener = new UdpListener({ address, port, handle, log, addon })
    await listener.start()
    closing.push(() => listener.stop())
    return { address, port, listener }
  }

  it.each(['127.0.0.1', '::1'])('answers on %s', async (address) => {
    const client = await clientOf(await start(refuse, address))
    client.socket.send(query({ id: 7 }))
    expect(header((await client.got(1))[0]!)).toMatchObject({ id: 7, rcode: 5 })
  })

  it.each(['127.0.0.1', '::1'])(
    '%s: of all that comes at once, each gets its own answer',
    async (address) => {
      const at = await start(refuse, address)
      const clients = await Promise.all(Array.from({ length: 5 }, () => clientOf(at)))
      const each = 40
      // In one turn: all of it waits in the socket before any is read.
      for (let i = 0; i < each; i++)
        for (const [c, { socket }] of clients.entries())
          socket.send(query({ id: c * 100 + i, name: `n${i}.client${c}.example` }))
      for (const [c, client] of clients.entries()) {
        const replies = await client.got(each)
        expect(replies.map((reply) => header(reply).id)).toEqual(
          Array.from({ length: each }, (_, i) => c * 100 + i),
        )
        for (const [i, reply] of replies.entries())
          expect(reply.subarray(12).equals(query({ name: `n${i}.client${c}.example` }).subarray(12))).toBe(
            true,
          )
      }
    },
  )

  it('the handler sees who asks, and the question as long as it came', async () => {
    const seen: unknown[] = []
    const at = await start((asked) => {
      asked.read()
      seen.push([asked.clientAddress, asked.length, asked.transport])
      return replyWith(asked, tails.refused)
    })
    const clients = [await clientOf(at), await clientOf(at, { address: '127.7.7.7', port: await freePort() })]
    const [short, long] = [query(), query({ name: `${'x'.repeat(63)}.example` })]
    for (const { socket } of clients) for (const message of [long, short]) socket.send(message)
    for (const client of clients) await client.got(2)
    expect(seen).toEqual(
      ['127.0.0.1', '127.7.7.7'].flatMap((who) => [
        [who, long.length, 'udp'],
        [who, short.length, 'udp'],
      ]),
    )
  })

  it('a later answer goes to who asked, whatever was asked and answered meanwhile', async () => {
    const waiting: Query[] = []
    const at = await start((asked) => {
      asked.read()
      if (asked.id >= 100) return replyWith(asked, tails.refused)
      waiting.push(asked)
      return PENDING
    })
    const clients = await Promise.all(Array.from({ length: 3 }, () => clientOf(at)))
    const names = (c: number, i: number) => `late${i}.client${c}.example`
    for (let i = 0; i < 30; i++)
      for (const [c, { socket }] of clients.entries()) {
        socket.send(query({ id: i, name: names(c, i) }))
        socket.send(query({ id: 100 + i }))
      }
    for (const client of clients) expect(await client.got(30)).toHaveLength(30)
    expect(waiting).toHaveLength(90)
    for (const asked of waiting.reverse()) asked.respond?.(replyWith(asked, tails.serverFailure))
    for (const [c, client] of clients.entries()) {
      const late = (await client.got(60)).slice(30)
      late.sort((a, b) => header(a).id - header(b).id)
      for (const [i, reply] of late.entries()) {
        expect(header(reply)).toMatchObject({ id: i, rcode: 2 })
        expect(reply.subarray(12).equals(query({ name: names(c, i) }).subarray(12))).toBe(true)
      }
    }
  })

  it('an answer that comes while another query is handled does not get into that one’s', async () => {
    let waiting: Query | null = null
    const at = await start((asked) => {
      asked.read()
      if (asked.id === 1) {
        waiting = asked
        return PENDING
      }
      const reply = replyWith(asked, tails.refused)
      if (waiting) waiting.respond?.(replyWith(waiting, tails.serverFailure))
      waiting = null
      return reply
    })
    const client = await clientOf(at)
    for (const id of [9, 1, 2, 3]) client.socket.send(query({ id }))
    const rcodes = new Map((await client.got(4)).map((reply) => [header(reply).id, header(reply).rcode]))
    expect(Object.fromEntries(rcodes)).toEqual({ 9: 5, 1: 2, 2: 5, 3: 5 })
  })

  it('answers of any length go out whole', async () => {
    const lengths = [12, 1232, 1280, 1281, 20_000]
    const at = await start((asked) => {
      asked.read()
      return Buffer.alloc(lengths[asked.id]!, asked.id)
    })
    const client = await clientOf(at)
    for (const id of lengths.keys()) client.socket.send(query({ id }))
    const replies = await client.got(lengths.length)
    expect(replies.map(({ length }) => length).sort((a, b) => a - b)).toEqual(lengths)
    for (const reply of replies) expect(new Set(reply).size).toBe(1)
  })

  it('what is dropped gets nothing, and the next query its answer', async () => {
    const client = await clientOf(
      await start((asked) => (asked.read() === 1 ? DROP : replyWith(asked, tails.refused))),
    )
    for (let id = 0; id < 20; id++) client.socket.send(id % 3 === 1 ? Buffer.alloc(5) : query({ id }))
    const ids = (await client.got(13)).map((reply) => header(reply).id)
    expect(ids).toEqual(Array.from({ length: 20 }, (_, id) => id).filter((id) => id % 3 !== 1))
  })

  it('a resolver is not answered: port 53', async () => {
    const at = await start(refuse)
    const resolver = await clientOf(at, { address: '127.53.53.53', port: 53 })
    const client = await clientOf(at)
    for (let id = 0; id < 4; id++) for (const { socket } of [resolver, client]) socket.send(query({ id }))
    expect(await client.got(4)).toHaveLength(4)
    expect(resolver.replies).toEqual([])
  })

  it('a flood leaves the event loop its turns', async () => {
    let [handled, seen, most, running] = [0, 0, 0, true]
    const at = await start((asked) => {
      handled++
      asked.read()
      return DROP
    })
    const clients = await Promise.all(Array.from({ length: 4 }, () => clientOf(at)))
    const turn = () => {
      most = Math.max(most, handled - seen)
      seen = handled
      if (running) setImmediate(turn)
    }
    for (let i = 0; i < 300; i++) for (const { socket } of clients) socket.send(query({ id: i }))
    setImmediate(turn)
    await expect.poll(() => handled, { timeout: 10_000 }).toBe(1200)
    running = false
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(64 + 32)
  })

  it('nothing goes out once it has stopped', async () => {
    let asked: Query | undefined
    const { listener, ...at } = await start((question) => {
      question.read()
      asked = question
      return PENDING
    })
    const client = await clientOf(at)
    client.socket.send(query({ id: 1 }))
    client.socket.send(query({ id: 2 }))
    await expect.poll(() => asked?.id).toBe(2)
    await listener.stop()
    expect(() => asked?.respond?.(replyWith(asked, tails.refused))).not.toThrow()
    // What comes to the port now comes from the next listener, and first.
    const next = new UdpListener({ ...at, handle: refuse, log, addon })
    await next.start()
    closing.push(() => next.stop())
    client.socket.send(query({ id: 3 }))
    expect((await client.got(1)).map((reply) => header(reply).id)).toEqual([3])
  })

  const device = addon ? 'snet-batch' : 'snet-single'
  const canMake =
    spawnSync('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`]).status === 0
  if (!canMake) console.log('skipped: link-local addresses, for want of root and iproute2')
  describe.skipIf(!canMake)('link-local addresses', () => {
    beforeAll(() => {
      for (const end of [device, `${device}p`]) execFileSync('ip', ['link', 'set', end, 'up'])
    })
    afterAll(() => {
      execFileSync('ip', ['link', 'delete', device])
    })
    const linkLocal = () =>
      networkInterfaces()[device]?.find(({ address }) => address.startsWith('fe80:'))?.address

    it('are answered over the link that they came by, and named with it (RFC 4007 §11)', async () => {
      // Duplicate address detection takes its time.
      await expect.poll(() => isBindable(`${linkLocal()}%${device}`), { timeout: 20_000 }).toBe(true)
      const address = `${linkLocal()}%${device}`
      const seen = new Set<string>()
      const waiting: Query[] = []
      const at = await start((asked) => {
        asked.read()
        seen.add(asked.clientAddress)
        if (asked.id % 2 === 0) return replyWith(asked, tails.refused)
        waiting.push(asked)
        return PENDING
      }, address)
      const client = await clientOf(at)
      for (let id = 0; id < 8; id++) client.socket.send(query({ id }))
      await client.got(4)
      for (const asked of waiting) asked.respond?.(replyWith(asked, tails.serverFailure))
      const replies = await client.got(8)
      expect(replies.map((reply) => header(reply).id).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      expect([...seen]).toEqual([address])
    })
  })
})
