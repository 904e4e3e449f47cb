import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, describe, expect, it, test } from 'vitest'
import { systemClock } from '../../module/base/clock.ts'
import type { Log } from '../../module/base/log.ts'
import { createBlockPage } from '../../module/blockpage/server.ts'
import {
  Passthrough,
  type PassthroughLimits,
  type PassthroughPort,
} from '../../module/passthrough/passthrough.ts'
import { branding, dataOf, protectedStatus } from '../blockpage/fixture.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }
const listen = [{ address: '127.0.0.1', port: 0 }]
const names = ['shop.example', 'evil.example']

/** Everything until the other side closed. */
async function whole(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('end', () => socket.end())
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

/** The household's modem in little: page, passage, and a site that both ports of a name lead to. */
class Stage {
  readonly clock = new FakeClock()
  readonly gate: string[] = []
  readonly asked: [string, number][] = []
  readonly atSite: Socket[] = []
  protecting = true
  siteIsThere = true
  siteAnswers: Promise<void> = Promise.resolve()
  onSite: (socket: Socket) => void = (socket) => socket.pipe(socket)
  readonly passage: Passthrough
  readonly page
  #site: Server = createServer({ allowHalfOpen: true }, (socket) => {
    this.atSite.push(socket.on('error', () => {}))
    this.onSite(socket)
  })
  readonly #mine: Socket[] = []

  constructor(limits: Partial<PassthroughLimits> = {}) {
    const gate: PassthroughPort = {
      open: async (ms) => void this.gate.push(`open ${ms}`),
      close: async () => void this.gate.push('close'),
    }
    this.passage = new Passthrough({
      listen,
      passes: (name) => !this.protecting && names.includes(name),
      site: {
        connect: async (name, port) => {
          this.asked.push([name, port])
          await this.siteAnswers
          if (!this.siteIsThere) return null
          const { port: at } = this.#site.address() as AddressInfo
          const socket = connect({ port: at, host: '127.0.0.1', allowHalfOpen: true })
          await once(socket, 'connect')
          return socket
        },
      },
      gate,
      clock: this.clock,
      log: quiet,
      limits,
    })
    const status = () => ({ ...protectedStatus, protecting: this.protecting })
    this.page = createBlockPage({
      listen,
      branding,
      data: {
        blockedAs: (name) =>
          this.protecting
            ? dataOf({ 'shop.example': 'phishing', 'evil.example': 'malware' }).blockedAs(name)
            : null,
        status,
        asked: () => undefined,
      },
      front: this.passage.front,
      clock: systemClock,
      log: quiet,
      limits: { headersMs: 2000, keepAliveMs: 400 },
    })
  }

  async start(): Promise<void> {
    this.#site.listen(0, '127.0.0.1')
    await once(this.#site, 'listening')
    await this.page.start()
  }

  async off(): Promise<void> {
    this.protecting = false
    await this.passage.open()
    this.page.closeSilent()
  }

  async stop(): Promise<void> {
    for (const socket of this.#mine) socket.destroy()
    for (const socket of this.atSite) socket.destroy()
    await this.passage.close()
    await this.page.stop()
    this.#site.close()
  }

  /** To port 80 of the service address, or to 443, as the kernel leads them. */
  dial(port: 80 | 443 = 80, localAddress = '127.0.0.1'): Socket {
    const [endpoint] = port === 80 ? this.page.endpoints : this.passage.endpoints
    const socket = connect({ port: endpoint!.port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
    this.#mine.push(socket.on('error', () => {}))
    return socket
  }
}

let stage: Stage
async function staged(limits?: Partial<PassthroughLimits>): Promise<Stage> {
  stage = new Stage(limits)
  await stage.start()
  return stage
}
afterEach(() => stage.stop())

const get = (host: string, path = '/') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\n\r\n`
async function ask(host: string): Promise<string> {
  const socket = stage.dial()
  const answer = whole(socket)
  socket.end(get(host))
  return answer
}

describe('port 80', () => {
  it('is the page’s while protection is on', async () => {
    await staged()
    expect(await ask('shop.example')).toMatch(/^HTTP\/1\.1 403 /)
    expect(stage.asked).toEqual([])
  })

  it('leads a name that was blocked to its site once protection is off: every octet both ways', async () => {
    await staged()
    await stage.off()
    const request = `${get('Shop.Example', '/a?b=%00')}`
    const socket = stage.dial()
    const answer = whole(socket)
    // In pieces, as a slow line brings them; and a second request on the same connection, whatever it says.
    socket.write(request.slice(0, 9))
    await waitFor(() => stage.passage.size === 1)
    socket.write(request.slice(9))
    socket.end('second \x00\xff words', 'latin1')
    expect(await answer).toBe(`${request}second \x00\xff words`)
    expect(stage.asked).toEqual([['shop.example', 80]])
    expect(stage.passage.size).toBe(0)
  })

  test.each([
    ['a name that was never blocked', get('other.example'), /^HTTP\/1\.1 200 .*Connection: close/s],
    ['the address itself', get('198.18.53.53'), /^HTTP\/1\.1 200 /],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['two hosts', `GET / HTTP/1.1\r\nHost: shop.example\r\nHost: shop.example\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['CONNECT', 'CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example\r\n\r\n', /^HTTP\/1\.1 403 /],
    [
      'a head without an end',
      `${'GET / HTTP/1.1\r\nHost: shop.example\r\nX: '}${'a'.repeat(17_000)}`,
      /^HTTP\/1\.1 431 /,
    ],
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a TLS handshake', '\x16\x03\x01\x00\x05hello', /^$/],
  ])('%s gets the page’s own answer', async (_what, text, wanted) => {
    await staged()
    await stage.off()
    const socket = stage.dial()
    const answer = whole(socket)
    socket.end(text, 'latin1')
    expect(await answer).toMatch(wanted)
    expect(stage.asked).toEqual([])
  })

  it('is the page’s again where the site is not there, or the name has no public address', async () => {
    await staged()
    stage.siteIsThere = false
    await stage.off()
    expect(await ask('shop.example')).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('a head that never ends is handed to the page in time, which ends it', async () => {
    await staged({ firstBytesMs: 50 })
    await stage.off()
    const socket = stage.dial()
    const answer = whole(socket)
    socket.write('GET / HTTP/1.1\r\nHost: shop.exa')
    await waitFor(() => stage.passage.size === 1)
    stage.clock.advance(50)
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('closes what a browser opened ahead, so that its next request finds the site', async () => {
    await staged()
    const ahead = stage.dial()
    await once(ahead, 'connect')
    // The page has it: it answers on a connection that came later.
    await ask('shop.example')
    const closed = whole(ahead)
    await stage.off()
    expect(await closed).toBe('')
  })
})

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setImmediate(next))
}

describe('port 443', () => {
  /** @returns the ClientHello that the site got, or what ended the connection */
  const handshake = (servername: string) => {
    const client = tlsConnect({ socket: stage.dial(443), servername, rejectUnauthorized: false })
    return new Promise<string>((resolve) => {
      client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      stage.onSite = (socket) => socket.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1')))
    })
  }

  it('leads to the site by the name of the ClientHello, untouched', async () => {
    await staged()
    await stage.off()
    expect(stage.gate).toEqual(['open 600000'])
    const seen = await handshake('evil.example')
    expect(seen.slice(0, 2)).toBe('\x16\x03')
    expect(seen).toContain('evil.example')
    expect(stage.asked).toEqual([['evil.example', 443]])
  })

  test.each(['other.example', 'localhost'])('resets a connection for %s', async (name) => {
    await staged()
    await stage.off()
    expect(await handshake(name)).toBe('ECONNRESET')
    expect(stage.asked).toEqual([])
  })

  it('resets what is no TLS at once, and who says nothing in time', async () => {
    await staged({ firstBytesMs: 50 })
    await stage.off()
    for (const words of ['GET / HTTP/1.1\r\n', '']) {
      const socket = stage.dial(443)
      const reset = once(socket, 'error')
      socket.write(words)
      if (words === '') {
        await waitFor(() => stage.passage.size === 1)
        stage.clock.advance(50)
      }
      const ended = await Promise.race([reset, once(socket, 'close')])
      expect((ended[0] as NodeJS.ErrnoException).code).toBe('ECONNRESET')
    }
    expect(stage.passage.size).toBe(0)
  })
})

describe('the window', () => {
  /** A connection that is through. */
  async function through(): Promise<Socket> {
    const before = stage.atSite.length
    const socket = stage.dial()
    socket.write(get('shop.example'))
    await waitFor(() => stage.atSite.length > before)
    await once(socket, 'data')
    return socket
  }

  it('ends after 90 s for new ones; one that is through goes on, and the last to go closes the gate', async () => {
    await staged()
    await stage.off()
    const socket = await through()
    stage.clock.advance(90_000)
    expect(await ask('shop.example')).toMatch(/^HTTP\/1\.1 200 /)
    await waitFor(() => stage.passage.endpoints.length === 0)
    expect(stage.gate).toEqual(['open 600000'])
    socket.end('still here')
    expect((await whole(socket)).endsWith('still here')).toBe(true)
    await waitFor(() => stage.gate.length === 2)
    expect(stage.gate).toEqual(['open 600000', 'close'])
    expect(stage.clock.waiting).toBe(0)
  })

  it('is cut after ten minutes whatever goes through it', async () => {
    await staged()
    await stage.off()
    const socket = await through()
    const end = whole(socket)
    stage.clock.advance(600_000)
    await end
    await waitFor(() => stage.gate.length === 2)
    expect(stage.passage.size).toBe(0)
  })

  it('closes when protection is on again: what is through is cut, the ports are as before', async () => {
    await staged()
    await stage.off()
    const end = whole(await through())
    stage.protecting = true
    await stage.passage.close()
    await end
    expect(stage.gate).toEqual(['open 600000', 'close'])
    expect(stage.passage.endpoints).toEqual([])
    expect(await ask('shop.example')).toMatch(/^HTTP\/1\.1 403 /)
    expect(stage.clock.waiting).toBe(0)
  })

  it('does not open behind an order that came meanwhile', async () => {
    await staged()
    stage.protecting = false
    const opening = stage.passage.open()
    const closing = stage.passage.close()
    await Promise.all([opening, closing])
    expect(stage.gate).toEqual(['close'])
    expect(stage.passage.endpoints).toEqual([])
  })

  it('a connection whose site answers after protection came back is the page’s', async () => {
    await staged()
    await stage.off()
    let answers = () => {}
    stage.siteAnswers = new Promise((resolve) => {
      answers = resolve
    })
    const answer = ask('shop.example')
    await waitFor(() => stage.asked.length === 1)
    stage.protecting = true
    await stage.passage.close()
    answers()
    expect(await answer).toMatch(/^HTTP\/1\.1 403 /)
  })
})

describe('bounds', () => {
  it('admits so many of a client; the next have the page, and a place that is free again is taken', async () => {
    await staged({ perClient: 2 })
    await stage.off()
    const held = [stage.dial(), stage.dial()]
    await waitFor(() => stage.passage.size === 2)
    expect(await ask('shop.example')).toMatch(/^HTTP\/1\.1 200 /)
    held[0]!.destroy()
    await waitFor(() => stage.passage.size === 1)
    expect(await ask('shop.example')).toMatch(/^GET \//)
  })

  it('one client that holds all of its places, silent or not, keeps none from another', async () => {
    await staged({ perClient: 8, total: 12 })
    await stage.off()
    for (let i = 0; i < 200; i++) stage.dial(i % 2 === 0 ? 443 : 80)
    await waitFor(() => stage.passage.size === 8)
    const bystander = stage.dial(80, '127.0.0.2')
    const answer = whole(bystander)
    bystander.end(get('shop.example'))
    expect(await answer).toMatch(/^GET \//)
    expect(stage.passage.size).toBe(8)
  })

  it('who does not read makes the site wait: no more than the sockets’ buffers is held', async () => {
    await staged()
    let wrote = 0
    stage.onSite = (socket) => {
      const block = Buffer.alloc(64 * 1024)
      const more = () => {
        while (socket.write(block)) wrote += block.length
        wrote += block.length
      }
      socket.on('drain', more)
      more()
    }
    await stage.off()
    const socket = stage.dial()
    socket.pause()
    socket.write(get('shop.example'))
    await waitFor(() => wrote > 0)
    // Until nothing moves any more.
    for (let last = -1; last !== wrote; ) {
      last = wrote
      // Read too early, it is too little: a slow machine fails no sooner.
      await new Promise((next) => setTimeout(next, 100))
    }
    expect(wrote).toBeLessThan(32 * 1024 * 1024)
  })

  it('a silent pair is ended', async () => {
    await staged({ idleMs: 50 })
    await stage.off()
    const socket = stage.dial()
    socket.write(get('shop.example'))
    await whole(socket)
    await waitFor(() => stage.passage.size === 0)
  })

  it('an aborted client takes its site’s connection with it, and the other way round', async () => {
    await staged()
    await stage.off()
    for (const side of ['client', 'site']) {
      const socket = stage.dial()
      const before = stage.atSite.length
      socket.write(get('shop.example'))
      await waitFor(() => stage.atSite.length > before)
      await once(socket, 'data')
      const site = stage.atSite.at(-1)!
      const other = side === 'client' ? once(site, 'close') : whole(socket)
      if (side === 'client') socket.resetAndDestroy()
      else site.resetAndDestroy()
      await other
    }
    await waitFor(() => stage.passage.size === 0)
  })
})
