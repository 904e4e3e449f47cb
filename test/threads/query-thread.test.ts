/** A query thread in this very process, between a channel and an upstream of the test's own. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { parseConfig } from '../../module/config/load.ts'
import { QueryThread } from '../../module/query-worker.ts'
import type { FromQueryThread, QueryState, ToQueryThread } from '../../module/threads/messages.ts'
import { probeQuestion } from '../../module/threads/probe.ts'
import type { TakeSockets } from '../../module/threads/shared-sockets.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { query, rdata, reply } from '../helpers/wire.ts'

/** What Cisco's resolvers answer for phishing: counted as blocked behind us (docs/dns.md, Blocked). */
const blockedBehind = '146.112.61.108'
const phishing = 1
const state: QueryState = { filtering: true, list: null, allow: [], resolvers: [] }

const closing: Socket[] = []
afterEach(() => {
  for (const socket of closing.splice(0)) socket.close()
})

async function bound(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, port: socket.address().port }
}

async function rig() {
  const upstream = await bound()
  closing.push(upstream.socket)
  upstream.socket.on('message', (asked, from) => {
    const address = asked.includes('cloaked') ? blockedBehind : '192.0.2.1'
    upstream.socket.send(reply(asked, { answers: [{ type: 1, rdata: rdata.a(address) }] }), from.port)
  })
  const front = await bound()
  const config = parseConfig(
    JSON.stringify({
      modemId: 'modem',
      dataDir: '/nowhere',
      runDir: '/nowhere',
      lines: [{ id: 'line' }],
      dns: { listen: [{ address: '127.0.0.1', port: front.port }], threads: 2 },
      upstream: { servers: [{ address: '127.0.0.1', port: upstream.port }] },
      page: { listen: [{ address: '127.0.0.1', port: 8053 }], ipv4: '198.18.0.53' },
      trust: { rootsFile: '/nowhere' },
    }),
  )
  const clock = new FakeClock()
  const said: FromQueryThread[] = []
  const waiting: (() => void)[] = []
  let tell: (message: ToQueryThread) => void = () => undefined
  let stopped: () => void = () => undefined
  const hasStopped = new Promise<void>((resolve) => {
    stopped = resolve
  })
  const shared = { fd: 7, type: 'udp4', address: '127.0.0.1', port: front.port } as const
  const takeSockets: TakeSockets = async (sockets, take) => {
    for (const from of sockets) take(front.socket, from)
  }
  const thread = new QueryThread({
    config,
    sockets: [shared],
    takeSockets,
    addon: null,
    channel: {
      post: (message) => {
        said.push(message)
        for (const go of waiting.splice(0)) go()
      },
      onMessage: (run) => {
        tell = run
      },
    },
    onStopped: () => stopped(),
    clock,
    log: createLog(() => undefined),
  })
  thread.start()
  const saying = async <K extends FromQueryThread['kind']>(kind: K) => {
    for (;;) {
      const at = said.findIndex((message) => message.kind === kind)
      if (at >= 0) return said.splice(at, 1)[0] as Extract<FromQueryThread, { kind: K }>
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  const client = await bound()
  closing.push(client.socket)
  const ask = async (name: string) => {
    client.socket.send(query({ name }), front.port, '127.0.0.1')
    const [answer] = (await once(client.socket, 'message')) as [Buffer]
    return answer.subarray(-4).join('.')
  }
  return { tell: (message: ToQueryThread) => tell(message), saying, said, ask, clock, hasStopped }
}

describe('a query thread', () => {
  it('answers once it has the state, and reports what it has counted a quarter of a second later', async () => {
    const { tell, saying, said, ask, clock } = await rig()
    tell({ kind: 'state', state })
    await saying('serving')
    expect(await ask('good.example')).toBe('192.0.2.1')
    expect(await ask('cloaked.example')).toBe('198.18.0.53')
    clock.advance(249)
    expect(said).toEqual([])
    clock.advance(1)
    const { counted, blocked } = await saying('counted')
    expect(counted.received).toBe(2)
    expect(counted.counted).toMatchObject({ questions: 2, blocked: [[phishing, 1]] })
    // The page must know what a list cannot tell it; nothing else is said by name.
    expect(blocked).toEqual([{ name: 'cloaked.example', category: phishing, reason: 'blocked-upstream' }])
    clock.advance(10_000)
    expect(said).toEqual([])
  })

  it('lets everything through while the line is off', async () => {
    const { tell, saying, ask } = await rig()
    tell({ kind: 'state', state: { ...state, filtering: false } })
    await saying('serving')
    expect(await ask('cloaked.example')).toBe(blockedBehind)
    tell({ kind: 'state', state })
    expect(await ask('cloaked.example')).toBe('198.18.0.53')
  })

  it('answers probes at once or later, and counts none of them', async () => {
    const { tell, saying, said, clock } = await rig()
    tell({ kind: 'state', state })
    await saying('serving')
    for (const [id, name] of ['localhost', 'good.example'].entries()) {
      tell({ kind: 'probe', id, question: probeQuestion(name) })
      const answered = await saying('reply')
      expect(answered.id).toBe(id)
      expect(Buffer.from(answered.reply!).subarray(-4).join('.')).toBe(id === 0 ? '127.0.0.1' : '192.0.2.1')
    }
    tell({ kind: 'probe', id: 2, question: Buffer.from('no question') })
    expect((await saying('reply')).reply).toBeNull()
    clock.advance(1000)
    expect(said).toEqual([])
  })

  it('forgets what it has counted, and confirms it', async () => {
    const { tell, saying, ask, clock } = await rig()
    tell({ kind: 'state', state })
    await saying('serving')
    await ask('cloaked.example')
    tell({ kind: 'wipe' })
    await saying('wiped')
    clock.advance(250)
    const { counted, blocked } = await saying('counted')
    expect([counted.counted.questions, blocked]).toEqual([0, []])
  })

  it('hands over what is left when it is stopped', async () => {
    const { tell, saying, ask, hasStopped } = await rig()
    tell({ kind: 'state', state })
    await saying('serving')
    await ask('good.example')
    tell({ kind: 'stop' })
    expect((await saying('counted')).counted.received).toBe(1)
    await hasStopped
  })
})
