import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import { replyWith, tails } from '../../module/dns/reply.ts'
import type { Handler } from '../../module/listener/handler.ts'
import { TcpListener } from '../../module/listener/tcp.ts'
import { PENDING } from '../../module/query/query.ts'
import { freePort } from '../../scripts/free-port.ts'
import { clientsOf } from '../helpers/clients.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
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

async function startTcp(handle: Handler, limits: Partial<ConstructorParameters<typeof TcpListener>[0]> = {}) {
  const port = await freePort()
  const listener = new TcpListener({
    address: '127.0.0.1',
    port,
    handle,
    clients: clientsOf(),
    waitMs: () => 0,
    clock: systemClock,
    log,
    connections: 8,
    connectionsPerClient: 8,
    idleSeconds: 10,
    ...limits,
  })
  await listener.start()
  closing.push(() => listener.stop())
  return { address: '127.0.0.1', port }
}

async function tcpClient({ port }: { port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  closing.push(() => void socket.destroy())
  return socket
}

/** A reset is a close too. */
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

const framed = (message: Buffer) =>
  Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])

async function messages(socket: Socket, count: number): Promise<Buffer[]> {
  const found: Buffer[] = []
  let rest = Buffer.alloc(0)
  while (found.length < count) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0)
      found.push(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
  }
  return found
}

describe('a listener', () => {
  it('a port in use is named', async () => {
    const { port } = await startTcp(refuse)
    const again = new TcpListener({
      address: '127.0.0.1',
      port,
      handle: refuse,
      clients: clientsOf(),
      waitMs: () => 0,
      clock: systemClock,
      log,
      connections: 1,
      connectionsPerClient: 1,
      idleSeconds: 1,
    })
    await expect(again.start()).rejects.toMatchObject({
      code: 'LISTEN_IN_USE',
      message: `TCP 127.0.0.1 port ${port} is in use`,
    })
  })
})

describe('TCP (RFC 7766)', () => {
  it('many questions in one segment are all answered (§6.2.1.1)', async () => {
    const client = await tcpClient(await startTcp(refuse))
    client.write(Buffer.concat([1, 2, 3].map((id) => framed(query({ id })))))
    expect((await messages(client, 3)).map((m) => header(m).id)).toEqual([1, 2, 3])
  })

  it('a segment full of questions is answered over several turns of the event loop', async () => {
    const asked: number[] = []
    let turn = 0
    const address = await startTcp((question) => {
      asked.push(turn)
      return refuse(question)
    })
    const client = await tcpClient(address)
    let counting = true
    const count = () => {
      turn++
      if (counting) setImmediate(count)
    }
    count()
    client.write(Buffer.concat(Array.from({ length: 200 }, (_, id) => framed(query({ id })))))
    expect((await messages(client, 200)).map((m) => header(m).id)).toEqual(
      Array.from({ length: 200 }, (_, id) => id),
    )
    counting = false
    const inOneTurn = Math.max(
      ...[...new Set(asked)].map((one) => asked.filter((other) => other === one).length),
    )
    expect(inOneTurn).toBeLessThanOrEqual(16)
  })

  it('is not read while its client may not ask, and goes on after that', async () => {
    const clock = new FakeClock()
    let mayAsk = 3
    let asked = 0
    const address = await startTcp(
      (question) => {
        asked++
        mayAsk--
        return refuse(question)
      },
      { clock, waitMs: () => (mayAsk > 0 ? 0 : 100) },
    )
    const client = await tcpClient(address)
    client.write(Buffer.concat([1, 2, 3, 4, 5].map((id) => framed(query({ id })))))
    expect((await messages(client, 3)).map((m) => header(m).id)).toEqual([1, 2, 3])
    expect(asked).toBe(3)
    mayAsk = 2
    clock.advance(100)
    expect((await messages(client, 2)).map((m) => header(m).id)).toEqual([4, 5])
  })

  it('the self-test is let in when every place is taken, and takes none', async () => {
    const clients = clientsOf({}, ['127.0.0.1'])
    const others = new Map([['127.0.0.2', clientsOf()]])
    const address = await startTcp(refuse, {
      connections: 1,
      connectionsPerClient: 1,
      clients: { of: (from) => (others.get(from ?? '') ?? clients).of(from) } as typeof clients,
    })
    const taken = connect({ ...address, host: '127.0.0.1', localAddress: '127.0.0.2' })
    await once(taken, 'connect')
    closing.push(() => void taken.destroy())
    const [one, two] = [await tcpClient(address), await tcpClient(address)]
    for (const client of [one, two, taken]) {
      client.write(framed(query({ id: 7 })))
      expect((await messages(client, 1)).map((m) => header(m).id)).toEqual([7])
    }
  })

  it('a question that comes octet by octet is answered', async () => {
    const client = await tcpClient(await startTcp(refuse))
    client.setNoDelay(true)
    for (const octet of framed(query({ id: 5 }))) client.write(Buffer.of(octet))
    expect(header((await messages(client, 1))[0]!).id).toBe(5)
  })

  it('answers go out in the order they are ready (§7)', async () => {
    let later: (() => void) | undefined
    const at = await startTcp((asked) => {
      asked.read()
      if (asked.id !== 1) return replyWith(asked, tails.refused)
      later = () => asked.respond?.(replyWith(asked, tails.serverFailure))
      return PENDING
    })
    const client = await tcpClient(at)
    client.write(Buffer.concat([framed(query({ id: 1 })), framed(query({ id: 2 }))]))
    expect(header((await messages(client, 1))[0]!).id).toBe(2)
    later?.()
    expect(header((await messages(client, 1))[0]!).id).toBe(1)
  })

  it('a client that has closed its side still gets its answer (§6.2.4)', async () => {
    const client = await tcpClient(await startTcp(refuse))
    client.end(framed(query({ id: 6 })))
    expect(header((await messages(client, 1))[0]!).id).toBe(6)
    await closed(client)
  })

  it('a length and then silence is closed when its time is up (§6.2.3)', async () => {
    const clock = new FakeClock()
    const client = await tcpClient(await startTcp(refuse, { clock, idleSeconds: 10 }))
    client.write(Buffer.from([0xff, 0xff, 1, 2, 3]))
    const isClosed = closed(client)
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(10_001)
    await isClosed
  })

  it('one client cannot take all connections', async () => {
    const at = await startTcp(refuse, { connectionsPerClient: 2 })
    const held = [await tcpClient(at), await tcpClient(at)]
    for (const [i, socket] of held.entries()) {
      socket.write(framed(query({ id: i })))
      await messages(socket, 1)
    }
    const third = await tcpClient(at)
    await closed(third)
    held[0]!.write(framed(query({ id: 9 })))
    expect(header((await messages(held[0]!, 1))[0]!).id).toBe(9)
  })

  it('when all slots are taken, the one idle for longest goes', async () => {
    const at = await startTcp(refuse, { connections: 2 })
    const [first, second] = [await tcpClient(at), await tcpClient(at)]
    first!.write(framed(query({ id: 1 })))
    await messages(first!, 1)
    second!.write(framed(query({ id: 2 })))
    await messages(second!, 1)
    const gone = closed(first!)
    const third = await tcpClient(at)
    await gone
    third.write(framed(query({ id: 3 })))
    expect(header((await messages(third, 1))[0]!).id).toBe(3)
  })

  it('a client that asks and does not read is not read either (§10)', async () => {
    let asked = 0
    const at = await startTcp((q) => {
      q.read()
      asked++
      return Buffer.concat([replyWith(q, tails.refused), Buffer.alloc(60_000)])
    })
    const client = await tcpClient(at)
    client.pause()
    const one = framed(query())
    client.write(Buffer.concat(Array.from({ length: 2000 }, () => one)))
    let before = -1
    while (before !== asked) {
      before = asked
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(1000)
  })
})
