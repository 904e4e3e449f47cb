import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { loadBatchAddon } from '../../../module/platform/batch/addon.ts'
import { DatagramBatch } from '../../../module/platform/batch/datagram-batch.ts'
import { descriptorOf } from '../../../module/platform/datagram-sender.ts'
import { compileBatch } from '../../../scripts/compile-batch.mjs'

const root = join(import.meta.dirname, '..', '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'securenet-batch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = join(folder, 'batch.node')
const missing = compileBatch(process.arch, file, { root })
if (missing) console.log(`skipped: the batch add-on, ${missing}; apt-get install gcc`)

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

async function bound(type: 'udp4' | 'udp6', address: string): Promise<Socket> {
  const socket = createSocket(type)
  open.push(socket)
  socket.bind(0, address)
  await once(socket, 'listening')
  return socket
}

/** It has a descriptor, and libuv does not read it. */
async function unread(type: 'udp4' | 'udp6', address: string) {
  const socket = await bound(type, address)
  const symbol = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'state symbol')!
  ;(socket as any)[symbol].handle.recvStop()
  return { socket, fd: descriptorOf(socket)! }
}

function batchOf(): DatagramBatch {
  const addon = loadBatchAddon(file, (why) => {
    throw new Error(why)
  })
  return new DatagramBatch(addon!)
}

/** Datagrams over loopback are there when `send` has said so. */
async function sendAll(from: Socket, to: Socket, datagrams: readonly Buffer[]): Promise<void> {
  const { port, address } = to.address()
  for (const datagram of datagrams)
    await new Promise<void>((resolve, reject) =>
      from.send(datagram, port, address, (error) => (error ? reject(error) : resolve())),
    )
}

async function texts(socket: Socket, count: number): Promise<string[]> {
  const found: string[] = []
  return new Promise((resolve) => {
    socket.on('message', (bytes) => {
      if (found.push(String(bytes)) === count) resolve(found)
    })
  })
}

describe.skipIf(missing)('a batch of datagrams', () => {
  it.each([
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const)('%s: each is answered to whom it came from', async (type, address) => {
    const batch = batchOf()
    const { socket, fd } = await unread(type, address)
    const clients = [await bound(type, address), await bound(type, address)]
    const answers = clients.map((client) => texts(client, 2))
    for (const [i, client] of clients.entries())
      await sendAll(client, socket, [Buffer.from(`${i}a`), Buffer.from(`${i}b`)])
    const count = batch.receive(fd)
    expect(count).toBe(4)
    for (let slot = 0; slot < count; slot++) {
      const length = batch.receivedLengths[slot]!
      batch.outgoing[slot]!.write(`${batch.received[slot]!.toString('latin1', 0, length)}!`)
      batch.sendLengths[slot] = length + 1
    }
    batch.to.set(batch.from)
    batch.send(fd, count, () => expect.unreachable())
    expect(await Promise.all(answers)).toEqual([
      ['0a!', '0b!'],
      ['1a!', '1b!'],
    ])
    expect(batch.receive(fd)).toBe(-constants.errno.EAGAIN)
  })

  it('more than it has slots come in several batches, in order', async () => {
    const batch = batchOf()
    const { socket, fd } = await unread('udp4', '127.0.0.1')
    const client = await bound('udp4', '127.0.0.1')
    const sent = Array.from({ length: batch.slots + 3 }, (_, i) => Buffer.from(String(i)))
    await sendAll(client, socket, sent)
    expect(batch.receive(fd)).toBe(batch.slots)
    expect(batch.received[0]![0]).toBe('0'.charCodeAt(0))
    expect(batch.receive(fd)).toBe(3)
    expect(batch.received[2]!.toString('latin1', 0, 2)).toBe(String(batch.slots + 2))
  })

  it('one that cannot be sent is told, the others go', async () => {
    const batch = batchOf()
    const { fd } = await unread('udp4', '127.0.0.1')
    const client = await bound('udp4', '127.0.0.1')
    const answers = texts(client, 2)
    const to = new DataView(new ArrayBuffer(16))
    to.setUint16(0, 2, true)
    to.setUint16(2, client.address().port)
    to.setUint32(4, 0x7f000001)
    for (let slot = 0; slot < 3; slot++) {
      batch.outgoing[slot]!.write(`x${slot}`)
      batch.sendLengths[slot] = slot === 1 ? 70_000 : 2
      batch.to.set(new Int32Array(to.buffer), slot * batch.addressWords)
    }
    const failed: number[][] = []
    batch.send(fd, 3, (...failure) => failed.push(failure))
    expect(failed).toEqual([[1, -constants.errno.EINVAL]])
    expect(await answers).toEqual(['x0', 'x2'])
  })

  it.each<[string, (addon: any, memory: ArrayBuffer) => number]>([
    ['nothing', (addon) => addon.receive()],
    ['no memory', (addon) => addon.receive({}, 0)],
    ['too little memory', (addon, memory) => addon.receive(memory.slice(1), 0)],
    [
      'memory that was given away',
      (addon, memory) => {
        structuredClone(memory, { transfer: [memory] })
        return addon.receive(memory, 0)
      },
    ],
    ['no descriptor', (addon, memory) => addon.receive(memory, 'x')],
    ['slots before the first', (addon, memory) => addon.send(memory, 0, -1, 1)],
    ['slots behind the last', (addon, memory) => addon.send(memory, 0, 0, 65)],
    ['no slots', (addon, memory) => addon.send(memory, 0, 3, 3)],
  ])('%s is refused', (_, call) => {
    const addon = loadBatchAddon(file, () => undefined)!
    expect(call(addon, new ArrayBuffer(addon.layout.bytes))).toBe(-constants.errno.EINVAL)
  })
})

describe('where it cannot be used, it says why', () => {
  const whyNot = (path: string) => {
    let said = ''
    expect(loadBatchAddon(path, (why) => (said = why))).toBeNull()
    return said
  }

  it('it is missing', () => expect(whyNot(join(folder, 'none.node'))).toContain('No such file'))

  it('it is no add-on', () => {
    const path = join(folder, 'text.node')
    writeFileSync(path, 'no add-on')
    expect(whyNot(path)).toMatch(/file too short|invalid ELF/)
  })

  const other = process.arch === 'arm64' ? 'x64' : 'arm64'
  const otherFile = join(folder, 'other.node')
  const otherMissing = compileBatch(other, otherFile, { root })
  if (otherMissing) console.log(`skipped: an add-on of another CPU, ${otherMissing}`)
  it.skipIf(otherMissing)('it is of another CPU', () => {
    expect(whyNot(otherFile)).toMatch(/cannot open shared object|wrong ELF|invalid ELF/)
  })

  it.skipIf(missing)('its system calls are refused', async () => {
    const refuse = join(folder, 'refuse-calls')
    execFileSync('gcc', ['-Wall', '-o', refuse, join(import.meta.dirname, 'refuse-calls.c')])
    const child = join(folder, 'load-child.mjs')
    await build({
      entryPoints: [join(import.meta.dirname, 'load-child.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: child,
    })
    const run = (...command: [string, ...string[]]) =>
      spawnSync(command[0], command.slice(1), { encoding: 'utf8' }).stdout.trim()
    expect(run(process.execPath, child, file)).toBe('loaded')
    expect(run(refuse, process.execPath, child, file)).toBe('recvmmsg: EPERM')
  })
})
