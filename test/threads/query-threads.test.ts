import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../module/base/log.ts'
import { Counters } from '../../module/telemetry/counters.ts'
import type { QueriesCounted } from '../../module/telemetry/query-counts.ts'
import type {
  BlockedName,
  FromQueryThread,
  SharedSocket,
  ToQueryThread,
} from '../../module/threads/messages.ts'
import { type QueryThreadHandle, QueryThreads } from '../../module/threads/query-threads.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const clearAnswer = [192, 0, 2, 1]
const blockAnswer = [198, 18, 0, 53]
const state = { filtering: true, list: '/run/list', allow: [], resolvers: [] }
const probe = { name: 'phishing.test.example', address: '198.18.0.53', fresh: 'x.lan', timeoutMs: 1500 }

/** A reply with one address record, which ends with its address. */
const reply = (rcode: number, address: readonly number[]) =>
  Uint8Array.from([0, 0, 0x80, rcode, 0, 1, 0, 1, 0, 0, 0, 0, ...address])

/** A thread that answers probes as it is told; it ends when it is told to stop, or terminated. */
class StandIn implements QueryThreadHandle {
  readonly told: ToQueryThread[] = []
  answers: (name: string) => Uint8Array | null | undefined = (name) =>
    name.startsWith('phishing') ? reply(0, blockAnswer) : reply(3, clearAnswer)
  terminated = false
  #onMessage: (message: FromQueryThread) => void = () => undefined
  readonly #onExit: ((why: string) => void)[] = []

  post(message: ToQueryThread): void {
    this.told.push(message)
    if (message.kind === 'stop') this.die('it ended')
    if (message.kind !== 'probe') return
    const answer = this.answers(Buffer.from(message.question).toString('latin1', 13))
    if (answer !== undefined) this.say({ kind: 'reply', id: message.id, reply: answer })
  }

  onMessage(run: (message: FromQueryThread) => void): void {
    this.#onMessage = run
  }

  onExit(run: (why: string) => void): void {
    this.#onExit.push(run)
  }

  terminate(): void {
    this.terminated = true
    this.die('terminated')
  }

  say(message: FromQueryThread): void {
    this.#onMessage(message)
  }

  die(why: string): void {
    for (const run of this.#onExit) run(why)
  }
}

const socket: SharedSocket = { fd: 7, type: 'udp4', address: '127.0.0.1', port: 5353 }

function rig(count = 1, sockets = [socket]) {
  const clock = new FakeClock()
  const made: StandIn[] = []
  const lines: string[] = []
  const counted: QueriesCounted[] = []
  const blocked: BlockedName[] = []
  const threads = new QueryThreads({
    count,
    make: () => {
      const thread = new StandIn()
      made.push(thread)
      return thread
    },
    clock,
    log: createLog((line) => lines.push(line)),
    onCounted: (of) => counted.push(of),
    onBlocked: (of) => blocked.push(of),
  })
  threads.change(state)
  threads.start(sockets)
  return { threads, clock, made, lines, counted, blocked }
}

describe('query threads', () => {
  it('are told the state at their start, and again when it has changed', () => {
    const { threads, made } = rig(2)
    threads.change({ ...state })
    const off = { ...state, filtering: false }
    threads.change({ filtering: false })
    for (const { told } of made)
      expect(told).toEqual([
        { kind: 'state', state },
        { kind: 'state', state: off },
      ])
  })

  it('that die are started again, ever later, with the state as it is then', () => {
    const { threads, clock, made, lines } = rig()
    made[0]!.say({ kind: 'serving' })
    made[0]!.die('out of memory')
    expect(threads.status(0)[1]).toMatchObject({ state: 'waiting', deaths: 1 })
    expect(lines.at(-1)).toBe('error thread-died thread=1 why="out of memory" againMs=1000\n')
    const off = { ...state, filtering: false }
    threads.change({ filtering: false })
    clock.advance(1000)
    expect(made[1]!.told).toEqual([{ kind: 'state', state: off }])
    made[1]!.die('again')
    clock.advance(1999)
    expect(made).toHaveLength(2)
    clock.advance(1)
    expect(made).toHaveLength(3)
    // A minute of service earns the first wait again.
    clock.advance(60_000)
    made[2]!.die('later')
    clock.advance(1000)
    expect(made).toHaveLength(4)
  })

  it('count for the whole module, and what none of them has counted is the main thread’s', () => {
    const { threads, made, counted, blocked } = rig()
    const of = new Counters(() => 0)
    of.observe({ reason: 'blocked', category: 1 })
    const name: BlockedName = { name: 'cloaked.example', category: 1, reason: 'blocked-target' }
    const report = { received: 7, counted: of.takeAll(), latency: null }
    made[0]!.say({ kind: 'counted', counted: report, blocked: [name] })
    expect(counted).toEqual([report])
    expect(blocked).toEqual([name])
    expect(threads.status(10).map(({ thread, questions }) => [thread, questions])).toEqual([
      [0, 3],
      [1, 7],
    ])
  })

  it('leave nothing of what they counted before a wipe', () => {
    const { threads, made, counted } = rig()
    const report = { received: 1, counted: new Counters(() => 0).takeAll(), latency: null }
    const say = () => made[0]!.say({ kind: 'counted', counted: report, blocked: [] })
    threads.wipe()
    say()
    expect(counted).toEqual([])
    made[0]!.say({ kind: 'wiped' })
    say()
    expect(counted).toEqual([report])
  })

  it('pass a probe that they answer', async () => {
    const { threads, made } = rig()
    made[0]!.say({ kind: 'serving' })
    expect(await threads.probe(probe)).toEqual([])
  })

  it.each([
    [
      'blocks nothing',
      (name: string) => reply(name.startsWith('phishing') ? 0 : 3, clearAnswer),
      'did not get',
    ],
    [
      'forwards nothing',
      (name: string) => reply(name.startsWith('phishing') ? 0 : 2, blockAnswer),
      'does not forward',
    ],
    ['drops', () => null, 'did not get'],
  ])('fail a probe where one %s', async (_, answers, why) => {
    const { threads, made } = rig(2)
    for (const thread of made) thread.say({ kind: 'serving' })
    made[1]!.answers = answers
    expect((await threads.probe(probe)).join()).toContain(`thread 2`)
    expect((await threads.probe(probe)).join()).toContain(why)
  })

  it('need not forward while no resolver answers', async () => {
    const { threads, made } = rig()
    made[0]!.say({ kind: 'serving' })
    made[0]!.answers = () => reply(0, blockAnswer)
    expect(await threads.probe({ ...probe, fresh: null })).toEqual([])
    expect(made[0]!.told.filter(({ kind }) => kind === 'probe')).toHaveLength(1)
  })

  it('that do not answer in time fail the round, and are ended and started again', async () => {
    const { threads, clock, made } = rig()
    made[0]!.say({ kind: 'serving' })
    made[0]!.answers = () => undefined
    const problems = threads.probe(probe)
    clock.advance(1500)
    expect(await problems).toEqual(['thread 1 does not answer'])
    expect(made[0]!.terminated).toBe(true)
    clock.advance(1000)
    expect(made).toHaveLength(2)
    // Not serving yet, so that there is nothing to fail.
    expect(await threads.probe(probe)).toEqual([])
  })

  it('are none where there is no socket to share, and the module says so', async () => {
    const { threads, made, lines } = rig(1, [])
    expect(made).toEqual([])
    expect(lines.join()).toContain('threads-off')
    expect(threads.status(5)[0]).toMatchObject({ thread: 0, questions: 5 })
    await threads.stop()
  })

  it('are stopped, and stay so', async () => {
    const { threads, clock, made } = rig(2)
    made[1]!.die('just before')
    await threads.stop()
    clock.advance(600_000)
    expect(made).toHaveLength(2)
    expect(clock.waiting).toBe(0)
  })

  it('are ended where they do not stop', async () => {
    const { threads, clock, made } = rig()
    made[0]!.post = () => undefined
    let stopped = false
    const stopping = threads.stop().then(() => {
      stopped = true
    })
    await turn()
    expect(stopped).toBe(false)
    clock.advance(2000)
    await stopping
    expect(made[0]!.terminated).toBe(true)
  })
})
