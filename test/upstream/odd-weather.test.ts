// What one answer says of its server, and replies that are none.
import { afterEach, describe, expect, it } from 'vitest'
import { ownClientKey } from '../../module/base/client-key.ts'
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
} from '../helpers/hostile-upstream.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const running: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
})

async function hostile(options: ConstructorParameters<typeof HostileUpstream>[0] = {}) {
  const server = await new HostileUpstream(options).start()
  running.push(server)
  return server
}

/** Its clock stands still: whatever waits for a time-out waits for ever, and the test with it. */
async function upstreamTo(servers: readonly HostileUpstream[], more: Partial<UpstreamOptions> = {}) {
  const upstream = createUpstream({
    ...{ servers: servers.map(({ at }) => at), timeoutMs: 300, inFlight: 140, clock: new FakeClock(), log },
    ...more,
  })
  await upstream.start()
  running.unshift(upstream)
  return upstream
}

let keys = 0
function ask(upstream: ServersUpstream, name: string) {
  const exchange = { key: `${keys++}`, message: queryFor(name), clientKey: ownClientKey('c'), tcp: false }
  return new Promise<{ answer: Answer | null; failure: string | null }>((resolve) => {
    upstream.exchange(exchange, (answer, failure) => resolve({ answer, failure }))
  })
}

const letters = 'bcdefghijklmnopqrstuvwxyz'
const hasOpt = (query: Buffer) => query[11] === 1

describe('one name says nothing of the server', () => {
  it('FORMERR to one name: EDNS stays for all others (RFC 6891 §7)', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        if (!nameIn(query).includes('odd')) return send(answerTo(query))
        send(answerTo(query, { rcode: hasOpt(query) ? 1 : 0, options: null }))
      },
    })
    const upstream = await upstreamTo([server])
    await ask(upstream, 'first.example')
    for (const name of ['odd', 'odd1', 'odd2', 'odd3', 'odd4']) {
      const { answer } = await ask(upstream, `${name}.example`)
      expect([answer?.rcode, answer?.answers, answer?.hasOpt]).toEqual([0, 1, false])
    }
    expect((await ask(upstream, 'next.example')).answer?.hasOpt).toBe(true)
    expect(hasOpt(server.udpQueries.at(-1)!)).toBe(true)
  })

  it('nor one name of a server that has said nothing else yet', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        const isOdd = nameIn(query).includes('odd')
        send(answerTo(query, isOdd ? { rcode: hasOpt(query) ? 1 : 0, options: null } : {}))
      },
    })
    const upstream = await upstreamTo([server])
    for (let i = 0; i < 4; i++) await ask(upstream, 'odd.example')
    expect((await ask(upstream, 'next.example')).answer?.hasOpt).toBe(true)
  })

  it('FORMERR though the cookie was left out: the cookie was not to blame (RFC 7873 §5.3)', async () => {
    const server = await hostile({
      onUdp: (query, send) => {
        const cookie = cookieIn(query)
        const options = cookie ? cookieOption(cookie.subarray(0, 8)) : Buffer.alloc(0)
        send(answerTo(query, { rcode: nameIn(query).toLowerCase().includes('odd') ? 1 : 0, options }))
      },
    })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    for (const name of ['odd1', 'odd2', 'odd3', 'odd4'])
      expect((await ask(upstream, `${name}.example`)).answer?.rcode).toBe(1)
    await ask(upstream, 'next.example')
    expect(cookieIn(server.udpQueries.at(-1)!)).not.toBeNull()
  })

  it('a server that knows no cookies gets none any more, once three names have shown it', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, { rcode: cookieIn(query) ? 1 : 0 })),
    })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    for (const name of ['a', 'b', 'c', 'd'])
      expect((await ask(upstream, `${name}.example`)).answer?.rcode).toBe(0)
    expect(server.udpQueries).toHaveLength(7)
  })

  it('a name whose letters come back folded: 0x20 stays for all others', async () => {
    const folded = (query: Buffer) => {
      const answer = answerTo(query)
      if (nameIn(query).toLowerCase().includes('odd'))
        Buffer.from(nameIn(query).toLowerCase(), 'latin1').copy(answer, 12)
      return answer
    }
    const server = await hostile({
      onUdp: (query, send) => send(folded(query)),
      onTcp: (query, socket) => socket.write(framed(folded(query))),
    })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    expect((await ask(upstream, `a${letters}.example`)).answer).not.toBeNull()
    for (const name of ['odd1', 'odd2', 'odd3', 'odd4'])
      expect((await ask(upstream, `${name}${letters}.example`)).answer).not.toBeNull()
    expect(server.tcpQueries).toHaveLength(4)
    await ask(upstream, `z${letters}.example`)
    const name = nameIn(server.udpQueries.at(-1)!)
    expect(name).not.toBe(name.toLowerCase())
  })

  it('what one server did not understand is not held against the next', async () => {
    const first = await hostile({
      onUdp: (query, send) =>
        send(answerTo(query, hasOpt(query) ? { rcode: 1, options: null } : { rcode: 2, options: null })),
    })
    const second = await hostile()
    const upstream = await upstreamTo([first, second])
    expect((await ask(upstream, 'a.example')).answer?.hasOpt).toBe(true)
    expect(second.udpQueries.map(hasOpt)).toEqual([true])
  })
})

describe('a reply that cannot be read', () => {
  const cut = (query: Buffer) => answerTo(query).subarray(0, -14)

  it('is asked again over TCP', async () => {
    const server = await hostile({ onUdp: (query, send) => send(cut(query)) })
    const upstream = await upstreamTo([server])
    expect((await ask(upstream, 'a.example')).answer?.answers).toBe(1)
    expect(server.tcpQueries).toHaveLength(1)
  })

  it('and of another server, where TCP brings the same', async () => {
    const first = await hostile({
      onUdp: (query, send) => send(cut(query)),
      onTcp: (query, socket) => socket.write(framed(cut(query))),
    })
    const second = await hostile()
    const upstream = await upstreamTo([first, second])
    expect((await ask(upstream, 'a.example')).answer?.answers).toBe(1)
    expect(second.udpQueries).toHaveLength(1)
  })

  it('and is a failure of its own where nobody knows better', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(cut(query)),
      onTcp: (query, socket) => socket.write(framed(cut(query))),
    })
    expect(await ask(await upstreamTo([server]), 'a.example')).toEqual({ answer: null, failure: 'unusable' })
  })

  it('BADVERS with an OPT, from the stock resolver: asked again without one (RFC 6891 §6.1.3)', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(answerTo(query, hasOpt(query) ? { rcode: 16 } : { options: null })),
    })
    const { answer } = await ask(await upstreamTo([server]), 'a.example')
    expect([answer?.rcode, answer?.answers]).toEqual([0, 1])
  })

  it('BADVERS all the same cannot be told to a client', async () => {
    const server = await hostile({ onUdp: (query, send) => send(answerTo(query, { rcode: 16 })) })
    expect(await ask(await upstreamTo([server]), 'a.example')).toEqual({ answer: null, failure: 'unusable' })
  })
})

describe('an error without its question', () => {
  /** A header, and nothing else. */
  const bare = (query: Buffer, rcode: number) =>
    Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0])])

  it.each([
    ['FORMERR', 1],
    ['SERVFAIL', 2],
    ['NOTIMP', 4],
    ['REFUSED', 5],
  ])('%s of the stock resolver is its answer, at once', async (_name, rcode) => {
    const server = await hostile({ onUdp: (query, send) => send(bare(query, rcode)) })
    const { answer } = await ask(await upstreamTo([server]), 'a.example')
    expect([answer?.rcode, answer?.questionEnd]).toEqual([rcode, queryFor('a.example').length - 11])
  })

  it('another server is asked', async () => {
    const first = await hostile({ onUdp: (query, send) => send(bare(query, 2)) })
    const upstream = await upstreamTo([first, await hostile()])
    expect((await ask(upstream, 'a.example')).answer?.answers).toBe(1)
  })

  it.each([
    ['NOERROR', 0],
    ['NXDOMAIN', 3],
  ])('%s without its question is no answer (RFC 5452 §9.1)', async (_name, rcode) => {
    const server = await hostile({
      onUdp: (query, send) => {
        send(bare(query, rcode))
        send(answerTo(query))
      },
    })
    const upstream = await upstreamTo([server])
    expect((await ask(upstream, 'a.example')).answer?.answers).toBe(1)
    expect(upstream.stats().junk).toBe(1)
  })

  it('from beyond this machine it may be a guess: the same over TCP, which says the truth', async () => {
    const server = await hostile({ onUdp: (query, send) => send(bare(query, 2)) })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    expect((await ask(upstream, 'a.example')).answer?.rcode).toBe(0)
    expect(server.tcpQueries).toHaveLength(1)
  })

  it('or the same', async () => {
    const server = await hostile({
      onUdp: (query, send) => send(bare(query, 5)),
      onTcp: (query, socket) => socket.write(framed(bare(query, 5))),
    })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    expect((await ask(upstream, 'a.example')).answer?.rcode).toBe(5)
  })

  it('where there is no TCP it is taken as it comes', async () => {
    const server = await hostile({ onUdp: (query, send) => send(bare(query, 5)), onTcp: null })
    const upstream = await upstreamTo([server], { hardenLoopback: true })
    expect((await ask(upstream, 'a.example')).answer?.rcode).toBe(5)
  })
})
