import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../../module/log.ts'
import { systemClock } from '../../module/platform/clock.ts'
import { createUpstream } from '../../module/upstream/exchanger.ts'

/**
 * Cache misses through `module/upstream` against a bare Node UDP relay over 32 connected sockets, which checks nothing.
 * Three processes each time: dnsperf, the relay, and an origin that answers everything.
 */

export interface RelayFigures {
  relay: 'bare' | 'ours'
  queriesPerSecond: number
  cpuMicroseconds: number
  lost: number
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

async function origin(): Promise<Socket> {
  const socket = await bound()
  socket.on('message', (query, from) => {
    query[2]! |= 0x80
    query[3] = 0x80
    socket.send(query, from.port, from.address)
  })
  return socket
}

async function bareRelay(port: number, count: () => void): Promise<Socket> {
  const front = await bound()
  const waiting = new Map<number, { port: number; id: number }>()
  const sockets: Socket[] = []
  for (let i = 0; i < 32; i++) {
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('message', (reply) => {
      const client = waiting.get(reply.readUInt16BE(0))
      if (!client) return
      waiting.delete(reply.readUInt16BE(0))
      reply.writeUInt16BE(client.id, 0)
      front.send(reply, client.port, '127.0.0.1')
    })
    sockets.push(socket)
  }
  let next = 0
  front.on('message', (query, from) => {
    count()
    next = (next + 1) & 0xffff
    waiting.set(next, { port: from.port, id: query.readUInt16BE(0) })
    query.writeUInt16BE(next, 0)
    sockets[next & 31]!.send(query)
  })
  return front
}

async function ourRelay(port: number, count: () => void): Promise<Socket> {
  const front = await bound()
  const upstream = createUpstream({
    servers: [{ address: '127.0.0.1', port }],
    ...{ timeoutMs: 1500, inFlight: 5000, sockets: Number(process.env['SOCKETS'] ?? 16), clock: systemClock },
    log: createLog((line) => process.stderr.write(line)),
  })
  await upstream.start()
  front.on('message', (query, from) => {
    count()
    const id = query.readUInt16BE(0)
    const key = query.toString('latin1', 12)
    upstream.exchange({ key, message: query, clientKey: from.address, tcp: false }, (reply) => {
      if (!reply) return
      reply.writeUInt16BE(id, 0)
      front.send(reply, from.port, from.address)
    })
  })
  return front
}

/** A child's life: print the port, work, and on SIGTERM print count and CPU. */
async function child(role: string, port: number): Promise<void> {
  let queries = 0
  const count = () => void queries++
  const front = await (role === 'origin'
    ? origin()
    : role === 'bare'
      ? bareRelay(port, count)
      : ourRelay(port, count))
  const before = process.cpuUsage()
  process.on('SIGTERM', () => {
    const { user, system } = process.cpuUsage(before)
    process.stdout.write(`${JSON.stringify({ queries, cpu: user + system })}\n`, () => process.exit())
  })
  process.stdout.write(`${front.address().port}\n`)
}

async function startChild(script: string, role: string, port = 0) {
  const process_ = spawn(process.execPath, [script, role, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [first] = (await once(process_.stdout, 'data')) as [Buffer]
  return {
    port: Number(first.toString()),
    async stop(): Promise<{ queries: number; cpu: number }> {
      const last = once(process_.stdout, 'data')
      process_.kill('SIGTERM')
      return JSON.parse(((await last) as [Buffer])[0].toString())
    },
  }
}

/** @returns what dnsperf printed */
async function dnsperf(port: number, names: string, seconds: number): Promise<string> {
  const args = [
    '-s',
    '127.0.0.1',
    '-p',
    String(port),
    '-d',
    names,
    '-l',
    String(seconds),
    '-c',
    '16',
    '-q',
    '200',
    '-e',
  ]
  const run = spawn('dnsperf', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const chunks: Buffer[] = []
  run.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(run, 'close')
  return Buffer.concat(chunks).toString()
}

/** @param script this file, bundled: children run it */
export async function benchUpstream(script: string, rounds = 3, seconds = 4): Promise<RelayFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-bench-'))
  const names = join(folder, 'names')
  writeFileSync(names, Array.from({ length: 200_000 }, (_, i) => `www.name${i}.example.com A\n`).join(''))
  const answering = await startChild(script, 'origin')
  const figures: RelayFigures[] = []
  for (let round = 0; round < rounds * 2; round++) {
    const relay = round % 2 === 0 ? 'bare' : 'ours'
    const running = await startChild(script, relay, answering.port)
    const printed = await dnsperf(running.port, names, seconds)
    const { queries, cpu } = await running.stop()
    const found = (pattern: RegExp) => Number(pattern.exec(printed)?.[1] ?? Number.NaN)
    figures.push({
      relay,
      queriesPerSecond: Math.round(found(/Queries per second:\s+([\d.]+)/)),
      cpuMicroseconds: Math.round((cpu / queries) * 10) / 10,
      lost: found(/Queries lost:\s+(\d+)/),
    })
  }
  await answering.stop()
  rmSync(folder, { recursive: true })
  return figures
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

async function main(script: string): Promise<void> {
  const figures = await benchUpstream(script)
  for (const figure of figures) process.stdout.write(`${JSON.stringify(figure)}\n`)
  const of = (relay: string, field: 'queriesPerSecond' | 'cpuMicroseconds') =>
    mean(figures.filter((figure) => figure.relay === relay).map((figure) => figure[field]))
  const rate = of('ours', 'queriesPerSecond') / of('bare', 'queriesPerSecond')
  const cpu = of('ours', 'cpuMicroseconds') / of('bare', 'cpuMicroseconds')
  process.stdout.write(
    `rate ${rate.toFixed(2)} of the bare relay (goal 0.6), CPU ${cpu.toFixed(2)} times its\n`,
  )
}

const [, script = '', role, port] = process.argv
if (role) await child(role, Number(port))
else if (/upstream\.m?[jt]s$/.test(script)) await main(script)
