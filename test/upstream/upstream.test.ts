import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { type ClientKey, ownClientKey } from '../../module/base/client-key.ts'
import type { Answer } from '../../module/dns/answer.ts'
import { createUpstream } from '../../module/upstream/exchanger.ts'
import type { ServersUpstream, UpstreamOptions } from '../../module/upstream/upstream.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import {
  answerTo,
  cookieIn,
  cookieOption,
  framed,
  HostileUpstream,
  nameIn,
  queryFor,
  questionEnd,
} from '../helpers/hostile-upstream.ts'
import { waitLimitMs } from '../helpers/limits.ts'

const lines: string[] = []
const record = (event: string) => void lines.push(event)
const log = { debug: record, info: record, warn: record, error: record }
const running: { stop(): Promise<void> }[] = []
/** Stands still but where a test lets time pass: what is answered then was answered without any waiting. */
let clock = new FakeClock()

afterEach(async () => {
  lines.length = 0
  clock = new FakeClock()
  for (const one of running.splice(0)) await one.stop()
})

async function hostile(options: ConstructorParameters<typeof HostileUpstream>[0] = {}) {
  const server = await new HostileUpstream(options).start()
  running.push(server)
  return server
}

async function upstreamTo(servers: { address: string; port: number }[], more: Partial<UpstreamOptions> = {}) {
  const upstream = createUpstream({
    servers,
    timeoutMs: 300,
    inFlight: 140,
    clock,
    log,
    ...more,
  })
  await upstream.start()
  running.unshift(upstream)
  return upstream
}

let keys = 0
function ask(
  upstream: ServersUpstream,
  message: Buffer | string,
  more: { key?: string; clientKey?: string; tcp?: boolean } = {},
) {
  const query = typeof message === 'string' ? queryFor(message) : message
  return new Promise<{ reply: Buffer | null; answer: Answer | null; failure: string | null }>((resolve) => {
    let returned = false
    upstream.exchange(
      {
        key: more.key ?? `k${keys++}`,
        message: query,
        clientKey: (more.clientKey ?? 'c') as ClientKey,
        tcp: more.tcp ?? false,
      },
      (answer, failure) => {
        expect(returned).toBe(true)
        resolve({ reply: answer?.bytes ?? null, answer, failure })
      },
    )
    returned = true
  })
}

const addressIn = (reply: Buffer | null, query: Buffer) =>
  reply ? [...reply.subarray(questionEnd(query) + 12, questionEnd(query) + 16)].join('.') : null

const stepMs = 10
/** So long that a reply is always there before: for tests in which time passes, and silence is not the point. */
const patientMs = 10_000_000

/** Lets sockets go on until the condition holds, and time by a step each turn. */
async function settle(condition: () => boolean, step = 0) {
  const end = performance.now() + waitLimitMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not in ${waitLimitMs} ms: ${condition}`)
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(step)
  }
}

/** Lets time pass until the outcome is there. */
async function inTime<T>(outcome: Promise<T>): Promise<T> {
  let there = false
  void outcome.finally(() => {
    there = true
  })
  await settle(() => there, stepMs)
  return outcome
}

describe('a plain exchange', () => {
  it('gives the matched reply and leaves the query as it was', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at])
    const query = queryFor('www.example.com')
    const before = Buffer.from(query)
    const { reply } = await ask(upstream, query)
    expect(addressIn(reply, query)).toBe('192.0.2.1')
    expect(query).toEqual(before)
    expect(upstream.stats()).toMatchObject({ exchanges: 1, timeouts: 0, inFlight: 0, wrongId: 0, junk: 0 })
  })

  it('RFC 5452 §9.2: IDs and ports vary', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at])
    for (let i = 0; i < 60; i++) await ask(upstream, `n${i}.example`)
    expect(new Set(server.ports).size).toBeGreaterThan(8)
    expect(new Set(server.udpQueries.map((query) => query.readUInt16BE(0))).size).toBeGreaterThan(55)
  })

  it('stock resolver: neither 0x20 nor cookie', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at])
    const query = queryFor('abcdefghijklmnop.example')
    await ask(upstream, query)
    expect(server.udpQueries[0]!.subarray(2)).toEqual(query.subarray(2))
  })

  it('a hundred identical questions are one upstream question', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at])
    const all = await Promise.all(
      Array.from({ length: 100 }, () => ask(upstream, 'one.example', { key: 'one' })),
    )
    expect(all.every(({ reply }) => reply !== null)).toBe(true)
    expect(server.udpQueries).toHaveLength(1)
    expect(upstream.stats()).toMatchObject({ exchanges: 100, shared: 99 })
  })

  it('stop fails what is pending, and everything after it', async () => {
    const server = await hostile({ onUdp: () => {} })
    const upstream = await upstreamTo([server.at])
    const pending = [ask(upstream, 'a.example'), ask(upstream, 'b.example', { tcp: true })]
    await upstream.stop()
    expect((await Promise.all(pending)).map(({ failure }) => failure)).toEqual(['stopped', 'stopped'])
    expect((await ask(upstream, 'c.example')).failure).toBe('stopped')
  })

  it('what is no query fails and harms nothing', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at])
    expect((await ask(upstream, Buffer.alloc(20, 0xff))).failure).toBe('network')
    expect((await ask(upstream, 'fine.example')).reply).not.toBeNull()
  })
})

/** Each sends something wrong first; the true answer comes 30 ms later and must be the one that is taken. */
const lies: [string, (query: Buffer) => Buffer][] = [
  ['QR=0', (query) => Buffer.from(query)],
  [
    'header only',
    (query) => Buffer.concat([query.subarray(0, 2), Buffer.from('81800000000000000000', 'hex')]),
  ],
  ['under 12 octets', (query) => query.subarray(0, 7)],
  ['nothing at all', () => Buffer.alloc(0)],
  ['noise', () => Buffer.alloc(100, 0xab)],
  ['QDCOUNT=2', (query) => patched(answerTo(query, { address: '6.6.6.6' }), 5, 2)],
  ['another opcode', (query) => patched(answerTo(query, { address: '6.6.6.6' }), 2, 0xa1)],
  ['another name', (query) => patched(answerTo(query, { address: '6.6.6.6' }), 14, 0x7a)],
  ['another type', (query) => patched(answerTo(query, { address: '6.6.6.6' }), questionEnd(query) - 3, 28)],
  ['another class', (query) => patched(answerTo(query, { address: '6.6.6.6' }), questionEnd(query) - 1, 3)],
  ['wrong ID', (query) => patched(answerTo(query, { address: '6.6.6.6' }), 0, query[0]! ^ 0x55)],
  ['cut in the question', (query) => answerTo(query).subarray(0, 18)],
]

function patched(message: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(message)
  copy[at] = value
  return copy
}

describe('RFC 5452 §9.1: a wrong reply is ignored and waiting goes on', () => {
  it.each(lies)('%s', async (_name, lie) => {
    const server = await hostile({
      onUdp: (query, send) => {
        for (let i = 0; i < 5; i++) send(lie(query))
        send(answerTo(query))
      },
    })
    const upstream = await upstreamTo([server.at])
    const query = queryFor('www.example.com')
    const { reply } = await ask(upstream, query)
    expect(addressIn(reply, query)).toBe('192.0.2.1')
    expect(server.udpQueries).toHaveLength(1)
    const { junk, wrongId } = upstream.stats()
    expect(junk + wrongId).toBe(5)
  })

  it('the right ID and question from the wrong port', async () => {
    const other = createSocket('udp4')
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    const server = await hostile({
      onUdp: (query, send, from) => {
        const forged = answerTo(query, { address: '6.6.6.6' })
        other.send(forged, from.port, from.address, () => send(answerTo(query)))
      },
    })
    const upstream = await upstreamTo([server.at])
    const query = queryFor('www.example.com')
    expect(addressIn((await ask(upstream, query)).reply, query)).toBe('192.0.2.1')
    other.close()
  })

  it('RFC 5452 §9.2: the first wrong ID from beyond this machine asks over TCP as well', async () => {
    const server = await hostile({ onUdp: (query, send) => send(patched(answerTo(query), 0, query[0]! ^ 1)) })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    const { reply } = await ask(upstream, 'www.example.com')
    expect(reply).not.toBeNull()
    expect(server.tcpQueries).toHaveLength(1)
    expect(upstream.stats()).toMatchObject({ wrongId: 1, tcp: 1, retries: 0 })
  })

  it('from the stock resolver it does not', async () => {
    const server = await hostile({ onUdp: (query, send) => send(patched(answerTo(query), 0, query[0]! ^ 1)) })
    const upstream = await upstreamTo([server.at], { tries: 1 })
    expect((await inTime(ask(upstream, 'www.example.com'))).failure).toBe('timeout')
    expect(server.tcpQueries).toHaveLength(0)
  })

  it('a late reply to an earlier try is taken, and a doubled one is no guess', async () => {
    const held: (() => void)[] = []
    const server = await hostile({
      onUdp: (query, send) => {
        held.push(() => send(answerTo(query)))
        if (held.length === 2) for (let i = 0; i < 3; i++) held[0]!()
        if (held.length === 3) held[2]!()
      },
    })
    const upstream = await upstreamTo([server.at], { timeoutMs: 100, hardenLoopback: true })
    const late = ask(upstream, 'late.example')
    await settle(() => held.length === 1)
    clock.advance(150)
    expect((await late).reply).not.toBeNull()
    await ask(upstream, 'next.example')
    expect(server.udpQueries).toHaveLength(3)
    expect(upstream.stats()).toMatchObject({ retries: 1, wrongId: 0, tcp: 0 })
  })
})

describe('0x20 and cookies, beyond this machine', () => {
  it('draws the case, and restores the question', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    const query = queryFor('abcdefghijklmnopqrstuvwxyz.example')
    const { reply } = await ask(upstream, query)
    expect(nameIn(server.udpQueries[0]!)).not.toBe(nameIn(query))
    expect(nameIn(server.udpQueries[0]!).toLowerCase()).toBe(nameIn(query))
    expect(nameIn(reply!)).toBe(nameIn(query))
  })

  const folded = (query: Buffer) => {
    const reply = answerTo(query)
    Buffer.from(nameIn(query).toLowerCase(), 'latin1').copy(reply, 12)
    return reply
  }

  it('falls back where the server folds the case: found out over TCP', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(folded(query)),
      onTcp: (query, socket) => socket.write(framed(folded(query))),
    })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    for (const first of ['a', 'b', 'c', 'd', 'e'])
      expect((await ask(upstream, `${first}bcdefghijklmnopqrstuvwxyz.example`)).reply).not.toBeNull()
    expect(server.tcpQueries).toHaveLength(3)
  })

  it('falls back where the server folds the case and has no TCP', async () => {
    const server = await hostile({ onUdp: (query, send) => send(folded(query)), onTcp: null })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    expect((await ask(upstream, 'abcdefghijklmnopqrstuvwxyz.example')).reply).not.toBeNull()
  })

  it('does not fall back for a forger who got the case wrong', async () => {
    const server = await hostile({ onUdp: (query, send) => send(folded(query)) })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    await ask(upstream, 'abcdefghijklmnopqrstuvwxyz.example')
    await ask(upstream, 'bcdefghijklmnopqrstuvwxyz.example')
    expect(server.tcpQueries).toHaveLength(2)
  })

  const serverCookie = Buffer.from('0123456789abcdef', 'latin1')

  it('RFC 7873 §5.2: learns and returns the server cookie; BADCOOKIE is asked again', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        const cookie = cookieIn(query)!
        const good = cookie.subarray(8).equals(serverCookie)
        const options = cookieOption(cookie.subarray(0, 8), serverCookie)
        send(answerTo(query, { rcode: good ? 0 : 23, options }))
      },
    })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    const { reply } = await ask(upstream, 'a.example')
    expect(reply![3]! & 15).toBe(0)
    expect(server.udpQueries).toHaveLength(2)
    await ask(upstream, 'b.example')
    expect(server.udpQueries).toHaveLength(3)
    expect(server.tcpQueries).toHaveLength(0)
  })

  it('RFC 7873 §5.3: BADCOOKIE twice goes over TCP', async () => {
    const server = await hostile({
      onUdp: (query, send) =>
        send(
          answerTo(query, {
            rcode: 23,
            options: cookieOption(cookieIn(query)!.subarray(0, 8), serverCookie),
          }),
        ),
    })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(0)
    expect(server.udpQueries).toHaveLength(2)
    expect(server.tcpQueries).toHaveLength(1)
    expect(cookieIn(server.tcpQueries[0]!)).toBeNull()
  })

  it('RFC 7873 §5.3: a reply with another client cookie is ignored', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        send(answerTo(query, { address: '6.6.6.6', options: cookieOption(Buffer.alloc(8, 1), serverCookie) }))
        send(answerTo(query, { options: cookieOption(cookieIn(query)!.subarray(0, 8), serverCookie) }))
      },
    })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    const query = queryFor('a.example')
    expect(addressIn((await ask(upstream, query)).reply, query)).toBe('192.0.2.1')
  })

  it('RFC 7873 §5.3: a server that gave a cookie and now gives none is asked over TCP', async () => {
    let give = true
    const server = await hostile({
      onUdp: (query, send) =>
        send(
          answerTo(query, {
            options: give ? cookieOption(cookieIn(query)!.subarray(0, 8), serverCookie) : null,
          }),
        ),
    })
    const upstream = await upstreamTo([server.at], { hardenLoopback: true })
    await ask(upstream, 'a.example')
    give = false
    await ask(upstream, 'b.example')
    expect(server.tcpQueries).toHaveLength(1)
  })
})

describe('EDNS', () => {
  it.each([
    ['FORMERR', 1],
    ['NOTIMP', 4],
  ])('RFC 6891 §7: %s without OPT, for each of three names: remembered', async (_name, rcode) => {
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, { rcode: query[11] ? rcode : 0, options: null })),
    })
    const upstream = await upstreamTo([server.at])
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(0)
    expect(server.udpQueries).toHaveLength(2)
    expect(server.udpQueries[1]!).toHaveLength(queryFor('a.example', { opt: false }).length)
    await ask(upstream, 'b.example')
    await ask(upstream, 'c.example')
    expect(server.udpQueries).toHaveLength(6)
    await ask(upstream, 'd.example')
    expect(server.udpQueries).toHaveLength(7)
  })

  it('BADVERS: without OPT', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, query[11] ? { rcode: 16 } : { options: null })),
    })
    const upstream = await upstreamTo([server.at])
    const { answer } = await ask(upstream, 'a.example')
    expect([answer?.rcode, answer?.answers]).toEqual([0, 1])
    expect(server.udpQueries).toHaveLength(2)
  })

  it('FORMERR all the same is passed on', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, { rcode: 1, options: null })),
    })
    const upstream = await upstreamTo([server.at])
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(1)
    expect(server.udpQueries).toHaveLength(2)
  })

  it('FORMERR as a bare header: at once without OPT', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        if (!query[11]) return send(answerTo(query, { options: null }))
        send(Buffer.concat([query.subarray(0, 2), Buffer.from('81810000000000000000', 'hex')]))
      },
    })
    const upstream = await upstreamTo([server.at], { timeoutMs: patientMs })
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(0)
  })

  it('a reply longer than advertised: over TCP from beyond this machine, taken from the stock resolver', async () => {
    const server = await hostile({ onUdp: (query, send) => send(answerTo(query, { padding: 2000 })) })
    const far = await upstreamTo([server.at], { hardenLoopback: true })
    await ask(far, 'a.example')
    expect(server.tcpQueries).toHaveLength(1)
    const near = await upstreamTo([server.at])
    expect((await ask(near, 'a.example')).reply!.length).toBeGreaterThan(2000)
    expect(server.tcpQueries).toHaveLength(1)
  })
})

describe('TCP (RFC 7766)', () => {
  it('TC=1 is asked over TCP', async () => {
    const server = await hostile({ onUdp: (query, send) => send(answerTo(query, { tc: true })) })
    const upstream = await upstreamTo([server.at])
    const { reply } = await ask(upstream, 'a.example')
    expect(reply![2]! & 2).toBe(0)
    expect(upstream.stats().tcp).toBe(1)
  })

  it('§6.2.1: one connection after another question, pipelined and out of order', async () => {
    const held: [Buffer, { write(data: Buffer): unknown }][] = []
    const server = await hostile({
      onTcp: (query, socket) => {
        held.push([query, socket])
        if (held.length === 8) for (const [asked, to] of held.reverse()) to.write(framed(answerTo(asked)))
      },
    })
    const upstream = await upstreamTo([server.at], { tcpConnections: 1 })
    const names = Array.from({ length: 8 }, (_, i) => `n${i}.example`)
    const all = await Promise.all(names.map((name) => ask(upstream, name, { tcp: true })))
    expect(all.map(({ reply }) => nameIn(reply!))).toEqual(names.map((name) => nameIn(queryFor(name))))
    expect(server.tcpAccepted).toBe(1)
    expect(server.udpQueries).toHaveLength(0)
  })

  it('connections are few however many questions wait', async () => {
    const server = await hostile({
      onTcp: (query, socket) => void setTimeout(() => socket.write(framed(answerTo(query))), 50),
    })
    const upstream = await upstreamTo([server.at])
    await Promise.all(Array.from({ length: 100 }, (_, i) => ask(upstream, `n${i}.example`, { tcp: true })))
    expect(server.tcpAccepted).toBeLessThanOrEqual(4)
  })

  it('an octet at a time', async () => {
    const server = await hostile({
      onTcp: async (query, socket) => {
        for (const octet of framed(answerTo(query))) {
          socket.write(Buffer.of(octet))
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
    })
    const upstream = await upstreamTo([server.at])
    const query = queryFor('slow.example')
    expect(addressIn((await ask(upstream, query, { tcp: true })).reply, query)).toBe('192.0.2.1')
  })

  it('a length of 65535 and then silence: bounded, and the connection given up', async () => {
    const server = await hostile({ onTcp: (_query, socket) => void socket.write(Buffer.of(0xff, 0xff, 1)) })
    const upstream = await upstreamTo([server.at], { timeoutMs: 100, tries: 2 })
    expect((await inTime(ask(upstream, 'a.example', { tcp: true }))).failure).toBe('timeout')
    expect(server.tcpAccepted).toBe(2)
    await settle(() => server.tcpSockets.size === 0)
  })

  it('§6.2.4: closed by the server while idle: asked again on a new one', async () => {
    const server = await hostile({
      onTcp: (query, socket) => {
        if (server.tcpQueries.length === 2) socket.destroy()
        else socket.write(framed(answerTo(query)))
      },
    })
    const upstream = await upstreamTo([server.at])
    await ask(upstream, 'a.example', { tcp: true })
    expect((await ask(upstream, 'b.example', { tcp: true })).reply).not.toBeNull()
    expect(server.tcpAccepted).toBe(2)
  })

  it('closed after a while without questions', async () => {
    const server = await hostile()
    const upstream = await upstreamTo([server.at], { tcpIdleMs: 30 })
    await ask(upstream, 'a.example', { tcp: true })
    await settle(() => server.tcpSockets.size === 0, stepMs)
  })

  it('refused: network', async () => {
    const server = await hostile({ onTcp: null })
    const upstream = await upstreamTo([server.at])
    expect((await ask(upstream, 'a.example', { tcp: true })).failure).toBe('network')
  })
})

describe('retries and health', () => {
  it('one lost datagram is asked again', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        if (server.udpQueries.length > 1) send(answerTo(query))
      },
    })
    const upstream = await upstreamTo([server.at], { timeoutMs: 100 })
    const asked = ask(upstream, 'a.example')
    await settle(() => server.udpQueries.length === 1)
    clock.advance(150)
    expect((await asked).reply).not.toBeNull()
    expect(upstream.stats()).toMatchObject({ retries: 1, timeouts: 0 })
  })

  it('silence: so many tries, then timeout', async () => {
    const server = await hostile({ onUdp: () => {} })
    const upstream = await upstreamTo([server.at], { timeoutMs: 100, tries: 3 })
    const start = clock.monotonic()
    expect((await inTime(ask(upstream, 'a.example'))).failure).toBe('timeout')
    await settle(() => server.udpQueries.length === 3)
    expect(clock.monotonic() - start).toBeLessThan(1000)
    expect(upstream.stats()).toMatchObject({ retries: 2, timeouts: 1, inFlight: 0 })
  })

  it('a silent server is passed by, and taken back when it answers', async () => {
    let silent = true
    const first = await hostile({
      onUdp: (query, send) => silent || send(answerTo(query, { address: '192.0.2.1' })),
    })
    const second = await hostile({ onUdp: (query, send) => send(answerTo(query, { address: '192.0.2.2' })) })
    const upstream = await upstreamTo([first.at, second.at], { timeoutMs: 100 })
    const asked = Array.from({ length: 5 }, (_, i) => ask(upstream, `n${i}.example`))
    await settle(() => first.udpQueries.length + second.udpQueries.length === 5)
    clock.advance(150)
    const all = await Promise.all(asked)
    expect(all.every(({ reply }) => reply)).toBe(true)
    expect(upstream.stats().servers.map(({ healthy }) => healthy)).toEqual([false, true])
    const before = first.udpQueries.length
    await ask(upstream, 'm.example')
    expect(first.udpQueries.length).toBe(before)
    silent = false
    await settle(() => upstream.stats().servers[0]!.healthy, stepMs)
    const query = queryFor('back.example')
    expect(addressIn((await ask(upstream, query)).reply, query)).toBe('192.0.2.1')
    expect(lines).toEqual(['upstream-failing', 'upstream-recovered'])
  })

  it('ICMP unreachable on one of two: the other, at once', async () => {
    const gone = await hostile()
    const { at } = gone
    await gone.stop()
    const second = await hostile()
    const upstream = await upstreamTo([at, second.at])
    expect((await ask(upstream, 'a.example')).reply).not.toBeNull()
    expect(upstream.stats().servers[0]!.healthy).toBe(false)
  })

  it('ICMP unreachable and no other: network, at once, and well again when it is back', async () => {
    const server = await hostile()
    await server.stop()
    const upstream = await upstreamTo([server.at])
    expect((await ask(upstream, 'a.example')).failure).toBe('network')
    await server.start(server.port)
    expect((await ask(upstream, 'b.example')).reply).not.toBeNull()
  })

  it('SERVFAIL: the other server is asked; where both say so, it is passed on', async () => {
    const failing = {
      onUdp: (query: Buffer, send: (reply: Buffer) => void) => send(answerTo(query, { rcode: 2 })),
    }
    const first = await hostile(failing)
    const second = await hostile()
    const upstream = await upstreamTo([first.at, second.at])
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(0)
    second.onUdp = failing.onUdp
    expect((await ask(upstream, 'b.example')).reply![3]! & 15).toBe(2)
  })

  it('setServers moves what waits', async () => {
    const first = await hostile({ onUdp: () => {} })
    const second = await hostile()
    const upstream = await upstreamTo([first.at])
    const asked = ask(upstream, 'a.example')
    await settle(() => first.udpQueries.length === 1)
    upstream.setServers([second.at])
    expect((await asked).reply).not.toBeNull()
    upstream.setServers([])
    expect((await ask(upstream, 'b.example')).failure).toBe('network')
  })
})

describe('the in-flight limit', () => {
  it('is never passed, and everybody is answered', async () => {
    let now = 0
    let most = 0
    const server = await hostile({
      onUdp: (query, send) => {
        most = Math.max(most, ++now)
        setTimeout(() => {
          now--
          send(answerTo(query))
        }, 10)
      },
    })
    const upstream = await upstreamTo([server.at], { inFlight: 20 })
    const all = await Promise.all(Array.from({ length: 500 }, (_, i) => ask(upstream, `n${i}.example`)))
    expect(all.every(({ reply }) => reply)).toBe(true)
    expect(most).toBeLessThanOrEqual(20)
    expect(most).toBeGreaterThan(10)
  })

  it('is shared fairly: one client of two hundred questions does not delay another', async () => {
    const order: string[] = []
    const server = await hostile({ onUdp: (query, send) => void setTimeout(() => send(answerTo(query)), 10) })
    const upstream = await upstreamTo([server.at], { inFlight: 4 })
    const greedy = Array.from({ length: 200 }, (_, i) =>
      ask(upstream, `g${i}.example`, { clientKey: 'greedy' }).then(() => order.push('greedy')),
    )
    const modest = Array.from({ length: 5 }, (_, i) =>
      ask(upstream, `m${i}.example`, { clientKey: 'modest' }).then(() => order.push('modest')),
    )
    await Promise.all([...greedy, ...modest])
    expect(order.lastIndexOf('modest')).toBeLessThan(30)
  })

  const isSlow = (query: Buffer) => nameIn(query).includes('\x04slow')

  it('random names of a zone that does not answer, from ever new clients, leave others their answers', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        if (!isSlow(query)) send(answerTo(query))
      },
    })
    const upstream = await upstreamTo([server.at], { timeoutMs: patientMs })
    const slow = Array.from({ length: 6000 }, (_, i) =>
      ask(upstream, `r${i}.slow.example`, { clientKey: `forged ${i}` }),
    )
    const others = Array.from({ length: 200 }, (_, i) =>
      ask(upstream, `n${i}.fast.example`, { clientKey: 'honest' }),
    )
    expect((await inTime(Promise.all(others))).every(({ reply }) => reply)).toBe(true)
    expect(server.udpQueries.filter((query) => isSlow(query))).toHaveLength(70)
    await upstream.stop()
    expect(new Set((await Promise.all(slow)).map(({ failure }) => failure))).toEqual(
      new Set(['overload', 'stopped']),
    )
  })

  it('the module’s own question is asked at once while clients have all that they may', async () => {
    const own = 'fresh.example'
    const server = await hostile({
      onUdp: (query, send) => {
        if (nameIn(query).startsWith('\x05fresh')) send(answerTo(query))
      },
    })
    const upstream = await upstreamTo([server.at], { inFlight: 32, timeoutMs: patientMs, maxWaiting: 64 })
    const filling = Array.from({ length: 100 }, (_, i) =>
      ask(upstream, `n${i}.example`, { clientKey: `${i}` }),
    )
    expect((await inTime(ask(upstream, own, { clientKey: ownClientKey('check') }))).reply).not.toBeNull()
    expect(upstream.stats()).toMatchObject({ inFlight: 30, queued: 32 })
    await upstream.stop()
    await Promise.all(filling)
  })

  it('thousands queued at a server that goes away fail one by one, and an asker that throws harms nobody', async () => {
    const server = await hostile({ onUdp: () => {} })
    const upstream = await upstreamTo([server.at], { inFlight: 1 })
    const asked = Array.from({ length: 4000 }, (_, i) => ask(upstream, `n${i}.example`))
    const thrower = { key: 'n0', message: queryFor('t.example'), clientKey: ownClientKey('c'), tcp: false }
    upstream.exchange(thrower, () => {
      throw new Error('asker')
    })
    const sharer = ask(upstream, 't.example', { key: 'n0' })
    upstream.setServers([])
    const failures = await Promise.all([...asked, sharer])
    expect(new Set(failures.map(({ failure }) => failure))).toEqual(new Set(['network']))
    expect(lines).toContain('upstream-asker-threw')
    expect(upstream.stats()).toMatchObject({ inFlight: 0, queued: 0 })
  })

  it('REFUSED while many are in flight is asked again, never passed on', async () => {
    let refusals = 45
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, refusals-- > 0 ? { rcode: 5 } : {})),
    })
    const upstream = await upstreamTo([server.at], { inFlight: 64, timeoutMs: patientMs })
    const all = await inTime(
      Promise.all(Array.from({ length: 60 }, (_, i) => ask(upstream, `n${i}.example`))),
    )
    expect(all.map(({ reply }) => reply && reply[3]! & 15)).toEqual(new Array(60).fill(0))
    expect(upstream.stats().servers[0]!.refused).toBeGreaterThan(0)
  })

  it('REFUSED with few in flight is the answer, at once', async () => {
    const server = await hostile({ onUdp: (query, send) => send(answerTo(query, { rcode: 5 })) })
    const upstream = await upstreamTo([server.at], { timeoutMs: patientMs })
    expect((await ask(upstream, 'a.example')).reply![3]! & 15).toBe(5)
    expect(server.udpQueries).toHaveLength(1)
  })

  it('a black hole with 5,000 waiting: each told once, nothing kept', async () => {
    const server = await hostile({ onUdp: () => {} })
    const upstream = await upstreamTo([server.at], { timeoutMs: 200, tries: 2, tcpConnections: 1 })
    const asked = Array.from({ length: 5000 }, (_, i) =>
      ask(upstream, `n${i}.example`, { clientKey: `c${i % 50}` }),
    )
    const all = await inTime(Promise.all(asked))
    const failures = new Set(all.map(({ failure }) => failure))
    expect([...failures].sort()).toEqual(['overload', 'timeout'])
    expect(upstream.stats()).toMatchObject({ exchanges: 5000, inFlight: 0, queued: 0 })
    server.onUdp = (query, send) => send(answerTo(query))
    expect((await ask(upstream, 'after.example')).reply).not.toBeNull()
  })
})
