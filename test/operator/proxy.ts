import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A network between the tool and a broker, as bad as a test wants it. */
export interface BadNetwork {
  url: string
  /** ms that whatever comes back from the broker takes longer, from now on. */
  delayMs: number
  /** Nothing passes in either direction, from now on; connections stay. */
  mute: boolean
  /** Called with what the client sends; true cuts the connection before it has passed. */
  cutBefore: (bytes: Buffer) => boolean
  stop(): Promise<void>
}

export async function startProxy(target: string): Promise<BadNetwork> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const proxy: BadNetwork = {
    url: '',
    delayMs: 0,
    mute: false,
    cutBefore: () => false,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  const server = createServer((client) => {
    const broker = connect(Number(port), hostname)
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (proxy.mute) return
      if (proxy.cutBefore(bytes)) client.destroy()
      else broker.write(bytes)
    })
    broker.on('data', (bytes) => {
      if (proxy.mute) return
      const pass = () => client.writable && client.write(bytes)
      if (proxy.delayMs > 0) setTimeout(pass, proxy.delayMs)
      else pass()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}
