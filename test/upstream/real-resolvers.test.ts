import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownClientKey } from '../../module/base/client-key.ts'
import { systemClock } from '../../module/base/clock.ts'
import { type Answer, readAnswer } from '../../module/dns/answer.ts'
import { createUpstream } from '../../module/upstream/exchanger.ts'
import { freePort } from '../../scripts/free-port.ts'
import { queryFor, questionEnd } from '../helpers/hostile-upstream.ts'
import { waitLimitMs } from '../helpers/limits.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const folder = mkdtempSync(join(tmpdir(), 'securenet-upstream-'))
const children: ChildProcess[] = []

/** Asks as a stub does: again, where a datagram is lost to a full receive buffer. */
function straight(port: number, query: Buffer, tries = 5): Promise<Buffer | null> {
  const socket = createSocket('udp4')
  let timer: NodeJS.Timeout | undefined
  return new Promise<Buffer | null>((resolve) => {
    let left = tries
    const ask = () => {
      if (left-- === 0) return resolve(null)
      socket.send(query, port, '127.0.0.1')
      timer = setTimeout(ask, 200)
    }
    socket.on('error', () => {})
    socket.on('message', resolve)
    ask()
  }).finally(() => {
    clearTimeout(timer)
    socket.close()
  })
}

async function run(program: string, args: string[], port: number): Promise<void> {
  children.push(spawn(program, args, { stdio: 'ignore' }))
  const end = performance.now() + waitLimitMs
  while (performance.now() < end) if (await straight(port, queryFor('n1.test.lan'), 1)) return
  throw new Error(`${program} does not answer`)
}

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const names = Array.from({ length: 200 }, (_, i) => `n${i}.test.lan`)

/** All but the ID and the OPT: everything that must be the same. */
function rest(answer: Answer | null) {
  if (answer === null) return undefined
  const { bytes, records, rcode, answers, authorities, hasOpt, ttl } = answer
  const head = [rcode, answers, authorities, records.length, hasOpt, ttl, bytes.readUInt16BE(2)]
  return `${head.join(' ')} ${bytes.subarray(12).toString('hex')}`
}

const read = (reply: Buffer | null, message: Buffer) => reply && readAnswer(reply, questionEnd(message))

async function sameAsStraight(
  port: number,
  more: { hardenLoopback?: boolean; tcp?: boolean } = {},
): Promise<void> {
  const upstream = createUpstream({
    servers: [{ address: '127.0.0.1', port }],
    ...{
      timeoutMs: 1500,
      // A resolver's receive buffer holds some 270 small datagrams: with ours and the straight ones it must not overflow.
      inFlight: 50,
      clock: systemClock,
      log,
      hardenLoopback: more.hardenLoopback ?? false,
    },
  })
  await upstream.start()
  const all = await Promise.all(
    names.flatMap((name) =>
      [1, 28, 16].map(async (type) => {
        const message = queryFor(name, { type })
        const ours = await new Promise<Answer | null>((resolve) => {
          const exchange = {
            key: `${name}/${type}`,
            message,
            clientKey: ownClientKey(name),
            tcp: more.tcp ?? false,
          }
          upstream.exchange(exchange, resolve)
        })
        return [rest(ours), rest(read(await straight(port, message), message))]
      }),
    ),
  )
  await upstream.stop()
  for (const [ours, theirs] of all) {
    expect(theirs).toBeDefined()
    expect(ours).toBe(theirs)
  }
  expect(upstream.stats()).toMatchObject({ timeouts: 0, wrongId: 0, junk: 0 })
}

describe.skipIf(!existsSync('/usr/sbin/dnsmasq'))('dnsmasq', () => {
  let port = 0
  beforeAll(async () => {
    port = await freePort()
    const hosts = join(folder, 'hosts')
    writeFileSync(hosts, names.map((name, i) => `10.0.0.${i} ${name}\n`).join(''))
    const args = [
      '-k',
      '-C',
      '/dev/null',
      '-h',
      '-R',
      '-H',
      hosts,
      '-p',
      String(port),
      '-x',
      join(folder, 'dnsmasq.pid'),
    ]
    await run('/usr/sbin/dnsmasq', [...args, '-a', '127.0.0.1', '-z', '--local=/lan/', '--user=root'], port)
  })
  it('the same over UDP', () => sameAsStraight(port))
  it('the same over TCP', () => sameAsStraight(port, { tcp: true }))
  it('the same with 0x20 and cookies', () => sameAsStraight(port, { hardenLoopback: true }))
})

describe.skipIf(!existsSync('/usr/sbin/unbound'))('unbound', () => {
  let port = 0
  beforeAll(async () => {
    port = await freePort()
    const file = join(folder, 'unbound.conf')
    const data = names.map((name, i) => `local-data: "${name}. 60 A 10.0.0.${i}"`).join('\n')
    writeFileSync(
      file,
      `server:\ninterface: 127.0.0.1\nport: ${port}\nusername: ""\nchroot: ""\npidfile: ""\nuse-syslog: no\nmodule-config: "iterator"\nlocal-zone: "test.lan." static\n${data}\nremote-control:\ncontrol-enable: no\n`,
    )
    await run('/usr/sbin/unbound', ['-d', '-c', file], port)
  })
  it('the same over UDP', () => sameAsStraight(port))
  it('the same over TCP', () => sameAsStraight(port, { tcp: true }))
  it('the same with 0x20 and cookies', () => sameAsStraight(port, { hardenLoopback: true }))
})
