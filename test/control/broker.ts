import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import type { BrokerAddress } from '../../module/control/mqtt/transport.ts'
import { freePort } from '../../scripts/free-port.ts'

/** Whether a real mosquitto is there; a test that is skipped for want of it says so. */
export const mosquittoMissing = (() => {
  try {
    execFileSync('mosquitto', ['-h'], { stdio: 'ignore' })
    return false
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing) console.log('skipped: tests against mosquitto (apt-get install mosquitto)')
    return missing
  }
})()

export interface TestBroker {
  broker: BrokerAddress
  port: number
  /** Ends it and takes its connections with it. */
  stop(): Promise<void>
  /** Starts it again on the same port, forgetful. */
  restart(): Promise<void>
  /** Leaves no files behind; after stop(). */
  remove(): void
}

/** The embedded broker of `npm start`: 3.1.1 only. */
export async function startAedes(): Promise<TestBroker & { aedes: () => Aedes }> {
  const port = await freePort()
  let aedes: Aedes
  let server: ReturnType<typeof createServer>
  let sockets: Set<Socket>
  const restart = async () => {
    aedes = await Aedes.createBroker()
    sockets = new Set()
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      aedes.handle(socket)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await restart()
  return {
    broker: { url: `mqtt://127.0.0.1:${port}` },
    port,
    aedes: () => aedes,
    restart,
    remove: () => undefined,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await new Promise<void>((resolve) => aedes.close(resolve))
    },
  }
}

export interface MosquittoOptions {
  /** Lines of mosquitto.conf beside the listener. */
  config?: string[]
  /** TLS with client certificates; their common name is the user of the ACL. */
  tls?: { ca: string; cert: string; key: string }
  acl?: string
}

export async function startMosquitto(
  options: MosquittoOptions = {},
): Promise<TestBroker & { log: () => string }> {
  const folder = mkdtempSync(join(tmpdir(), 'securenet-mosquitto-'))
  const port = await freePort()
  const lines = [
    `listener ${port} 127.0.0.1`,
    'persistence false',
    'log_dest stderr',
    'log_type all',
    'user root',
  ]
  const { tls, acl } = options
  if (tls)
    lines.push(
      `cafile ${tls.ca}`,
      `certfile ${tls.cert}`,
      `keyfile ${tls.key}`,
      'require_certificate true',
      'use_identity_as_username true',
      'tls_version tlsv1.2',
    )
  else lines.push('allow_anonymous true')
  if (acl !== undefined) {
    writeFileSync(join(folder, 'acl'), acl)
    lines.push(`acl_file ${join(folder, 'acl')}`)
  }
  writeFileSync(join(folder, 'mosquitto.conf'), [...lines, ...(options.config ?? []), ''].join('\n'))
  let child: ChildProcess
  let log = ''
  const restart = async () => {
    child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (bytes) => {
      log += bytes
    })
    await listening(port, () => log)
  }
  await restart()
  return {
    broker: { url: `${tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}` },
    port,
    log: () => log,
    restart,
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function listening(port: number, log: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const [open] = await Promise.race([
      once(socket, 'connect').then(() => [true] as const),
      once(socket, 'error').then(() => [false] as const),
    ]).catch(() => [false] as const)
    socket.destroy()
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`mosquitto did not start: ${log()}`)
}

/** A CA, a broker and modems, made by openssl in `folder`. */
export function makeCertificates(
  folder: string,
  modems: string[],
): { ca: string; files: (name: string) => string[] } {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test-ca',
    '-days',
    '2',
  )
  for (const name of ['broker', ...modems]) {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n')
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.pem`, '-days', '2', '-extfile', 'ext'],
    )
  }
  return {
    ca: join(folder, 'ca.pem'),
    files: (name) => [join(folder, `${name}.pem`), join(folder, `${name}.key`)],
  }
}

/** A proxy before a broker that reads the wire from the modem to it: the packet ids of its PUBACKs; negative: the reason code. */
export async function recordPubacks(target: number, acknowledged: number[]) {
  const server = createServer((modem) => {
    const broker = connect(target, '127.0.0.1')
    let first = true
    modem.on('data', (bytes: Buffer) => {
      broker.write(bytes)
      // Small packets of a quiet test: each write of the client holds whole packets.
      for (let at = 0; at + 1 < bytes.length; ) {
        let length = 0
        let shift = 0
        let p = at + 1
        for (;;) {
          const byte = bytes[p++]!
          length += (byte & 127) << shift
          shift += 7
          if (byte < 128) break
        }
        if (!first && bytes[at] === 0x40) {
          const reason = length > 2 ? bytes[p + 2]! : 0
          acknowledged.push(reason >= 0x80 ? -reason : bytes.readUInt16BE(p))
        }
        first = false
        at = p + length
      }
    })
    broker.on('data', (bytes) => modem.write(bytes))
    modem.on('close', () => broker.destroy()).on('error', () => undefined)
    broker.on('close', () => modem.destroy()).on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `mqtt://127.0.0.1:${port}`, stop: () => void server.close() }
}
