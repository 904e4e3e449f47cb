/** The built bundle with `dns.threads: 2`: what one thread knows and does, the other does too. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askDaemon } from '../../module/local/socket.ts'
import type { ThreadStatus } from '../../module/threads/query-threads.ts'
import { startModule } from '../../scripts/bench/module-under-test.ts'
import { BLOCK_ADDRESS } from '../../scripts/bench/peers.ts'
import {
  openBroker,
  order,
  type PreparedList,
  prepareList,
  publish,
} from '../../scripts/bench/prepared-list.ts'
import { questionFor, type ServerProcess } from '../../scripts/bench/server-process.ts'
import { DemoUpstream } from '../../scripts/household/demo-upstream.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'securenet-threads-'))
const bundle = join(folder, 'bundle', 'securenet.cjs')
const sabotage = join(folder, 'sabotage')
/** Version 2 of the prepared list drops the first 1,000 names and adds `next-` and each of them. */
const names = Array.from({ length: 1500 }, (_, i) => `bad-${i}.phishing.example`)
const kept = names.slice(1000)
const dropped = names.slice(0, 1000)
const demoAddress = '192.0.2.1'

interface Status {
  protecting: boolean
  counters: { questions: number; byReason: Record<string, number> }
  threads: ThreadStatus[]
  list: { version: number }
}

describe('two threads', () => {
  const upstream = new DemoUpstream()
  let prepared: PreparedList
  let broker: Awaited<ReturnType<typeof openBroker>>
  let module: ServerProcess

  const status = async () => (await askDaemon(module.runDir, '/status')) as Status

  /** Asks all at once, again where nothing comes. @returns the different addresses that they got, and how often it asked */
  const askAll = async (
    asked: readonly string[],
    to = '127.0.0.1',
  ): Promise<{ addresses: Set<string>; sent: number }> => {
    let sent = 0
    const socket = createSocket('udp4')
    const got = new Map<number, string>()
    socket.on('message', (reply) => {
      got.set(reply.readUInt16BE(0), reply.readUInt16BE(6) === 1 ? reply.subarray(-4).join('.') : 'nothing')
    })
    while (got.size < asked.length) {
      asked.forEach((name, id) => {
        if (got.has(id)) return
        socket.send(questionFor(name, id), module.port, to)
        sent++
      })
      await sleep(100)
    }
    socket.close()
    return { addresses: new Set(got.values()), sent }
  }

  /** Asks until each thread has counted questions of this drive. @returns every address that any of them gave */
  const askBoth = async (asked: readonly string[]): Promise<string[]> => {
    const before = (await status()).threads
    const got = new Set<string>()
    for (;;) {
      for (const to of ['127.0.0.1', '127.0.0.2'])
        for (const address of (await askAll(asked, to)).addresses) got.add(address)
      // A thread reports its counts four times a second.
      await sleep(300)
      const { threads } = await status()
      if (threads.every(({ questions }, i) => questions > before[i]!.questions)) return [...got]
    }
  }

  const until = async (holds: (status: Status) => boolean): Promise<Status> => {
    for (;;) {
      const found = await status()
      if (holds(found)) return found
      await sleep(50)
    }
  }
  const bothServe = ({ threads }: Status) =>
    threads.length === 2 && threads.every(({ state }) => state === 'serving')

  beforeAll(async () => {
    execFileSync(process.execPath, [join(root, 'build.mjs'), '--out', join(folder, 'bundle')], {
      cwd: root,
      stdio: 'ignore',
    })
    const { port } = await upstream.start()
    prepared = await prepareList({ folder: join(folder, 'list'), names, bundle, upstream: port })
    broker = await openBroker()
    await publish(prepared.home, broker.broker, 1)
    process.env['SECURENET_TEST_SABOTAGE'] = sabotage
    module = await startModule({
      home: prepared.home,
      folder: join(folder, 'module'),
      bundle,
      upstream: port,
      mqttUrl: broker.url,
      threads: 2,
      addresses: ['127.0.0.1', '127.0.0.2'],
      nodeFlags: ['--require', join(import.meta.dirname, 'saboteur.cjs')],
    })
    module.spawn()
    await module.answering(kept[0]!, BLOCK_ADDRESS)
    // Names are answered before anybody can be asked for the status.
    while ((await status().catch(() => null)) === null) await sleep(20)
    await until(bothServe)
  })

  afterAll(async () => {
    await module?.stop()
    await broker?.stop()
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('block what is listed, and nothing else', async () => {
    expect(await askBoth(kept)).toEqual([BLOCK_ADDRESS])
    expect(await askBoth(kept.map((name) => `un${name}`))).toEqual([demoAddress])
  })

  it('count together what each of them has answered', async () => {
    const before = await status()
    const { sent } = await askAll(kept.slice(0, 100))
    const blocked = ({ counters }: Status) =>
      counters.byReason['blocked']! - before.counters.byReason['blocked']!
    const byThreads = ({ threads }: Status) =>
      threads.reduce((sum, { questions }, i) => sum + questions - before.threads[i]!.questions, 0)
    const after = await until((now) => blocked(now) >= sent)
    expect(blocked(after)).toBe(sent)
    // The module's own test may have asked meanwhile.
    expect(byThreads(after)).toBeGreaterThanOrEqual(sent)
  })

  it('pass the self-test, each of them', async () => {
    const result = (await askDaemon(module.runDir, '/self-test', { method: 'POST' })) as { outcome: string }
    expect(result.outcome).toBe('pass')
  })

  it.each([
    ['throws', 'throw'],
    ['hangs', 'spin'],
  ])('go on without one that %s, until it is back', async (_, order) => {
    const before = (await status()).threads[1]!
    // At once, whole: half of an order would be taken for none.
    writeFileSync(`${sabotage}.new`, order)
    renameSync(`${sabotage}.new`, sabotage)
    // A thread that hangs is found by the next self-test.
    const died = async () => {
      for (;;) {
        const found = (await status()).threads[1]!
        if (found.deaths > before.deaths) return
        if (order === 'spin') await askDaemon(module.runDir, '/self-test', { method: 'POST' })
        await sleep(50)
      }
    }
    await died()
    expect([...(await askAll(kept.slice(0, 50))).addresses]).toEqual([BLOCK_ADDRESS])
    await until(bothServe)
    expect(await askBoth(kept)).toEqual([BLOCK_ADDRESS])
  })

  it('switch to a new list', async () => {
    expect(await askBoth(dropped)).toEqual([BLOCK_ADDRESS])
    await publish(prepared.home, broker.broker, 2)
    await until(({ list }) => list.version === 2)
    expect(await askBoth(kept)).toEqual([BLOCK_ADDRESS])
    // A thread hears of it a moment later.
    await expect.poll(() => askBoth(dropped.map((name) => `next-${name}`))).toEqual([BLOCK_ADDRESS])
    await expect.poll(() => askBoth(dropped)).toEqual([demoAddress])
  })

  it('let everything through once the line is disabled', async () => {
    await order(prepared.home, broker.broker, { service: 'disabled', reason: 'customer' })
    await until(({ protecting }) => !protecting)
    await expect.poll(() => askBoth(kept)).toEqual([demoAddress])
  })
})
