import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { datagramSender } from '../../module/platform/datagram-sender.ts'

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4')
  open.push(socket)
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

async function connected(port: number): Promise<Socket> {
  const socket = await bound()
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** The socket as a Node with another inside would have it: nothing but its public methods. */
const opaque = (socket: Socket) =>
  ({ send: (...parts: Parameters<Socket['send']>) => socket.send(...parts) }) as unknown as Socket

async function closedPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

describe.each([
  ['through the handle', true, (socket: Socket) => socket],
  ['through dgram, where the handle is not to be had', false, opaque],
])('datagrams %s', (_, atOnce, seen) => {
  it('come to the address given, one after the other', async () => {
    const [from, to] = [await bound(), await bound()]
    const sender = datagramSender(seen(from), () => undefined)
    for (const text of ['first', 'second']) {
      const arrived = once(to, 'message')
      expect(sender.send(Buffer.from(text), to.address().port, '127.0.0.1')).toBe(atOnce)
      const [bytes, who] = await arrived
      expect(String(bytes)).toBe(text)
      expect(who.port).toBe(from.address().port)
    }
  })

  it('come to the other end of a connected socket', async () => {
    const to = await bound()
    const sender = datagramSender(seen(await connected(to.address().port)), () => undefined)
    const arrived = once(to, 'message')
    sender.send(Buffer.from('x'))
    expect(String((await arrived)[0])).toBe('x')
  })

  it('tell of the refusal that the kernel reports at the next send (RFC 1122 §4.1.3.3)', async () => {
    const from = await connected(await closedPort())
    from.on('error', () => undefined)
    const told = new Promise<NodeJS.ErrnoException>((resolve) => {
      const sender = datagramSender(seen(from), (error) => error && resolve(error))
      sender.send(Buffer.from('x'))
      sender.send(Buffer.from('x'))
    })
    expect(await told).toMatchObject({ code: 'ECONNREFUSED', syscall: 'send' })
  })
})
