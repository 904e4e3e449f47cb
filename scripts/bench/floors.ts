import { spawnSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { demoAnswer } from '../household/demo-upstream.ts'
import { projectRoot } from '../household/settings.ts'
import { ServerProcess } from './server-process.ts'

/** What Node itself costs: bare programs that check nothing. Each is a process of its own, this very file as a child. */
export const floorRoles = ['echo', 'relay', 'origin'] as const
export type FloorRole = (typeof floorRoles)[number]

const RELAY_SOCKETS = 32

/** As dgram's default look-up costs a turn of the event loop for every datagram, and the product does without, so do these. */
const literal = (address: string, family: unknown, done: (...args: unknown[]) => void) =>
  done(null, address, family)

async function bound(port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, lookup: literal as never })
  // With a synchronous look-up it listens before `bind` returns.
  const listening = once(socket, 'listening')
  socket.bind(port, '127.0.0.1')
  await listening
  return socket
}

async function echo(port: number): Promise<void> {
  const socket = await bound(port)
  socket.on('message', (query, from) => {
    query[2]! |= 0x80
    socket.send(query, from.port, from.address)
  })
}

async function origin(port: number): Promise<void> {
  const socket = await bound(port)
  socket.on('message', (query, from) => {
    const reply = demoAnswer(query)
    if (reply) socket.send(reply, from.port, from.address)
  })
}

async function relay(port: number, upstream: number): Promise<void> {
  const front = await bound(port)
  const waiting = new Map<number, { port: number; address: string; id: number }>()
  const sockets: Socket[] = []
  for (let i = 0; i < RELAY_SOCKETS; i++) {
    const socket = createSocket({ type: 'udp4', lookup: literal as never })
    const connected = once(socket, 'connect')
    socket.connect(upstream, '127.0.0.1')
    await connected
    socket.on('message', (reply) => {
      const id = reply.readUInt16BE(0)
      const client = waiting.get(id)
      if (!client) return
      waiting.delete(id)
      reply.writeUInt16BE(client.id, 0)
      front.send(reply, client.port, client.address)
    })
    sockets.push(socket)
  }
  let next = 0
  front.on('message', (query, from) => {
    next = (next + 1) & 0xffff
    waiting.set(next, { port: from.port, address: from.address, id: query.readUInt16BE(0) })
    query.writeUInt16BE(next, 0)
    sockets[next % RELAY_SOCKETS]!.send(query)
  })
}

/** The life of a child: it serves until it is ended. */
export async function serveFloor(role: string, port: number, upstream: number): Promise<void> {
  if (role === 'echo') return echo(port)
  if (role === 'relay') return relay(port, upstream)
  return origin(port)
}

/** @param script the bundled bench: `script --floor ROLE,PORT,UPSTREAM` is the child */
export async function floor(
  role: FloorRole,
  script: string,
  folder: string,
  upstream = 0,
): Promise<ServerProcess> {
  const port = await freePort()
  const command = [process.execPath, script, '--floor', `${role},${port},${upstream}`]
  return new ServerProcess({ name: `node ${role}`, port, command, logFile: join(folder, `${role}.log`) })
}

/** Datagrams that the C echo takes with one system call: as many as the module does. */
const BATCH = 64

/** What the kernel costs, one datagram for each system call and in batches. @returns none without a C compiler */
export async function kernelFloors(folder: string, say: (text: string) => void): Promise<ServerProcess[]> {
  const program = join(folder, 'echo')
  const source = join(projectRoot, 'scripts', 'bench', 'echo.c')
  if (spawnSync('gcc', ['-O2', '-o', program, source]).status !== 0) {
    say('missing     gcc: the C echoes are left out (apt-get install gcc libc6-dev)')
    return []
  }
  const echo = async (name: string, most: number) => {
    const port = await freePort()
    const command = [program, String(port), String(most)]
    return new ServerProcess({ name, port, command, logFile: join(folder, `${name}.log`) })
  }
  return [await echo('C echo', 1), await echo('C echo in batches', BATCH)]
}
