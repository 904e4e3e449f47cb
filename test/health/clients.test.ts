import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import { answerTail, replyWith, tails } from '../../module/dns/reply.ts'
import { LightClient } from '../../module/health/light-client.ts'
import {
  askReference,
  type ReferenceClient,
  type ServerAddressAndPort,
} from '../../module/health/reference-client.ts'
import type { Handler } from '../../module/listener/handler.ts'
import { TcpListener } from '../../module/listener/tcp.ts'
import { UdpListener } from '../../module/listener/udp.ts'
import { freePort } from '../../scripts/free-port.ts'
import { clientsOf } from '../helpers/clients.ts'

const log = createLog(() => undefined)
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const address = answerTail(1, 10, Uint8Array.of(198, 18, 0, 53))
const blocking: Handler = (query) => {
  query.read()
  return replyWith(query, address)
}
const refusing: Handler = (query) => {
  query.read()
  return replyWith(query, tails.refused)
}

async function listen(
  transport: ServerAddressAndPort['transport'],
  host: string,
  handle: Handler,
  port?: number,
): Promise<ServerAddressAndPort> {
  const at = { address: host, port: port ?? (await freePort(host)), handle, log, addon: null }
  const limits = {
    clients: clientsOf(),
    waitMs: () => 0,
    clock: systemClock,
    connections: 4,
    connectionsPerClient: 4,
    idleSeconds: 10,
  }
  const listener = transport === 'udp' ? new UdpListener(at) : new TcpListener({ ...at, ...limits })
  await listener.start()
  closing.push(() => listener.stop())
  return { transport, address: host, port: at.port }
}

function quick(randomId = () => 4711): ReferenceClient {
  const client = new LightClient({ clock: systemClock, randomId })
  closing.push(() => client.close())
  return client.ask
}

/** Answers each question with what `reply` makes of it. */
async function raw(reply: (question: Buffer) => Buffer[]): Promise<ServerAddressAndPort> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    for (const each of reply(question)) socket.send(each, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closing.push(() => socket.close())
  return { transport: 'udp', address: '127.0.0.1', port: socket.address().port }
}

function answered(question: Buffer, change: (reply: Buffer) => void): Buffer {
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 192, 0, 2, 1])
  const reply = Buffer.concat([question.subarray(0, question.length), record])
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(1, 6)
  change(reply)
  return reply
}

describe.each<[string, () => ReferenceClient]>([
  ['node-dns', () => askReference],
  ['the quick client', () => quick()],
])('%s asks one socket', (_, client) => {
  it.each<[ServerAddressAndPort['transport'], string]>([
    ['udp', '127.0.0.1'],
    ['udp', '::1'],
    ['tcp', '127.0.0.1'],
    ['tcp', '::1'],
  ])('over %s at %s: the address, or why there is none', async (transport, host) => {
    const blocks = await listen(transport, host, blocking)
    expect(await client()(blocks, 'phishing.test.example', 'A', 1000)).toEqual({
      rcode: 0,
      addresses: ['198.18.0.53'],
    })
    const refuses = await listen(transport, host, refusing)
    expect(await client()(refuses, 'phishing.test.example', 'A', 1000)).toEqual({ rcode: 5, addresses: [] })
  })

  it.each(['udp', 'tcp'] as const)('over %s: nobody there is an error with a code', async (transport) => {
    const port = await freePort('127.0.0.1')
    const asked = client()({ transport, address: '127.0.0.1', port }, 'a.example', 'A', 200)
    await expect(asked).rejects.toMatchObject({ code: 'SELFTEST_NO_ANSWER' })
  })
})

describe('the quick client', () => {
  it.each<[string, (reply: Buffer) => void]>([
    ['another id', (reply) => reply.writeUInt16BE(1, 0)],
    ['no reply', (reply) => reply.writeUInt16BE(0x0100, 2)],
    ['another question', (reply) => reply.writeUInt8(0x62, 13)],
  ])('passes over %s and takes the true answer', async (_, change) => {
    const target = await raw((question) => [answered(question, change), answered(question, () => {})])
    expect(await quick()(target, 'a.example', 'A', 1000)).toEqual({ rcode: 0, addresses: ['192.0.2.1'] })
  })

  it('takes no answer whose records run over its end', async () => {
    const target = await raw((question) => [answered(question, (reply) => reply.writeUInt16BE(9, 6))])
    await expect(quick()(target, 'a.example', 'A', 1000)).rejects.toMatchObject({
      code: 'SELFTEST_NO_ANSWER',
    })
  })

  it('has an answer again from a socket that was gone', async () => {
    let id = 0
    const ask = quick(() => ++id)
    const port = await freePort('127.0.0.1')
    const target: ServerAddressAndPort = { transport: 'udp', address: '127.0.0.1', port }
    await expect(ask(target, 'a.example', 'A', 200)).rejects.toMatchObject({ code: 'SELFTEST_NO_ANSWER' })
    await listen('udp', '127.0.0.1', blocking, port)
    expect((await ask(target, 'a.example', 'A', 1000)).addresses).toEqual(['198.18.0.53'])
  })

  it('keeps several questions to one socket apart', async () => {
    let id = 0
    const ask = quick(() => ++id)
    const target = await raw((question) => [
      answered(question, (reply) => reply.writeUInt8(question.readUInt8(1), reply.length - 1)),
    ])
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((name) => ask(target, `${name}.example`, 'A', 1000)),
    )
    expect(answers.map(({ addresses }) => addresses[0])).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3'])
  })
})
