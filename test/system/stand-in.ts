/**
 * Stands in for the packaged module in tests of interception alone: a DNS server on the service addresses that says
 * who answered, a page port, and the real interceptor and lease. argv: one JSON object, see `StandIn`.
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer as createHttp } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { systemClock } from '../../module/base/clock.ts'
import { createLog } from '../../module/base/log.ts'
import { chooseInterceptor } from '../../module/interception/detect.ts'
import { createDeviceCheck } from '../../module/interception/devices.ts'
import type { Interceptor } from '../../module/interception/interceptor.ts'
import { createIptables } from '../../module/interception/iptables.ts'
import { createLease } from '../../module/interception/lease.ts'
import { createNftables } from '../../module/interception/nftables.ts'
import { createPassthroughGate } from '../../module/interception/passthrough-gate.ts'
import { createScopeKeeper } from '../../module/interception/scope-keeper.ts'
import { run } from '../../module/platform/spawn.ts'

interface StandIn {
  service4: string
  service6: string
  dnsPort: number
  pagePort: number
  backend: 'auto' | 'nftables' | 'iptables' | 'none'
  interfaces: string[]
  leaseMs: number
  renewMs: number
  /** A answer to every question. */
  answer: string
  upstream: string
  /** Renewals from one look at everybody's rules to the next; 1 where left out, so that tests need not wait. */
  inspectEvery?: number
  /** Says so when the lease has been renewed so often. */
  tellRenewals?: number
}

const options: StandIn = JSON.parse(process.argv[2]!)
const { service4, service6, dnsPort, pagePort } = options
const log = createLog((line) => process.stderr.write(line))
const own = { questions: 0, broken: false }

function reply(question: Buffer): Buffer {
  let end = 12
  while (question[end]) end += question[end]! + 1
  end += 5
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(1, 6)
  head.writeUInt32BE(0, 8)
  const record = Buffer.from([
    0xc0,
    12,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    4,
    ...options.answer.split('.').map(Number),
  ])
  return Buffer.concat([head, record])
}

async function listen(address: string, type: 'udp4' | 'udp6'): Promise<void> {
  const udp = createSocket({ type, ipv6Only: type === 'udp6' })
  udp.on('message', (question, from) => {
    const local = from.address === service4 || from.address === service6
    if (own.broken) return
    if (!local) own.questions++
    udp.send(reply(question), from.port, from.address)
  })
  const tcp = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (own.broken) return
      own.questions++
      const answer = reply(chunk.subarray(2))
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answer.length)
      socket.write(Buffer.concat([length, answer]))
    })
  })
  const http = createHttp((_, response) => response.end('stand-in page'))
  // Node's own callback of bind() swallows the error.
  await new Promise<void>((resolve, reject) => {
    udp.once('error', reject)
    udp.bind(dnsPort, address, () => resolve())
  })
  await new Promise<void>((resolve) => tcp.listen(dnsPort, address, () => resolve()))
  await new Promise<void>((resolve) => http.listen(pagePort, address, () => resolve()))
  const passage = createHttp((_, response) => response.end('stand-in passage'))
  await new Promise<void>((resolve) => passage.listen(pagePort + 1, address, () => resolve()))
}

/** One question over UDP; false where nothing comes back in time. */
function answers(address: string, port: number): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const head = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const name = Buffer.from('\x03who\x07example\x00', 'latin1')
  const question = Buffer.concat([head, name, Buffer.from([0, 1, 0, 1])])
  return new Promise((resolve) => {
    const end = (outcome: boolean) => {
      clearTimeout(timer)
      socket.close()
      resolve(outcome)
    }
    const timer = setTimeout(() => end(false), 200)
    socket.on('error', () => end(false))
    socket.on('message', () => end(true))
    socket.send(question, port, address)
  })
}

/** Calls `renewed` after each renewal that the kernel took. */
function told(interceptor: Interceptor, renewed: () => void): Interceptor {
  return {
    name: interceptor.name,
    prepare: () => interceptor.prepare(),
    arm: (interfaces) => interceptor.arm(interfaces),
    async renew(interfaces, look) {
      const outcome = await interceptor.renew(interfaces, look)
      renewed()
      return outcome
    },
    disarm: () => interceptor.disarm(),
    remove: () => interceptor.remove(),
    translated: () => interceptor.translated(),
  }
}

async function main(): Promise<void> {
  await listen(service4, 'udp4')
  await listen(service6, 'udp6')
  const at = (address: string, port: number) => ({ address, port })
  const service = {
    dns4: at(service4, dnsPort),
    dns6: at(service6, dnsPort),
    page4: at(service4, pagePort),
    page6: at(service6, pagePort),
  }
  const { interfaces, leaseMs, renewMs } = options
  const common = {
    run,
    service,
    leaseMs,
    whyNot: createDeviceCheck(),
    clock: systemClock,
    log,
    scope: createScopeKeeper({ run, address: service6 }),
  }
  const { interceptor, missing } = await chooseInterceptor(options.backend, [
    createNftables({
      ...{ ...common, interfaces, random: randomBytes, questionsPerSecond: 1000 },
      inspectEvery: options.inspectEvery ?? 1,
    }),
    createIptables(common),
  ])
  for (const error of missing) log.warn('back-end-missing', { code: error.code, why: error.message })
  log.info('back-end', { name: interceptor.name })
  const gate = createPassthroughGate({ backend: interceptor.name, run, service, interfaces })
  let renewals = 0
  const lease = createLease({
    interceptor: told(interceptor, () => {
      if (++renewals === options.tellRenewals) log.info('renewals', { count: renewals })
    }),
    interfaces,
    clock: systemClock,
    log,
    leaseMs,
    renewMs,
    ownQuestions: () => own.questions,
    async earned() {
      const [v4, v6, upstream] = await Promise.all([
        answers(service4, dnsPort),
        answers(service6, dnsPort),
        answers(options.upstream, 53),
      ])
      if (v4 && v6) return 'pass'
      return upstream ? 'fail' : 'upstream-down'
    },
    onChange: (status) => log.info('lease', { status: JSON.stringify(status) }),
  })
  lease.start()
  const orders = new Map<string, () => Promise<void> | void>([
    ['arm', () => lease.set(true)],
    ['disarm', () => lease.set(false)],
    [
      'break',
      () => {
        own.broken = true
      },
    ],
    [
      'mend',
      () => {
        own.broken = false
      },
    ],
    [
      'block',
      () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000)
      },
    ],
    ['open', () => gate.open(60_000)],
    ['open-briefly', () => gate.open(2000)],
    ['close', () => gate.close()],
    ['stop', () => lease.stop()],
    ['remove', () => interceptor.remove()],
  ])
  process.stdin.on('data', async (chunk) => {
    for (const word of chunk.toString().trim().split('\n')) {
      await orders.get(word)?.()
      log.info('done', { order: word })
    }
  })
  process.on('SIGTERM', async () => {
    await lease.stop()
    process.exit(0)
  })
  log.info('ready')
}

main().catch((error) => {
  log.error('stand-in-failed', { code: error.code, why: error.message })
  process.exit(1)
})
