import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { HeadDocument } from '../../module/control/documents/kinds.ts'
import { topics } from '../../module/control/mqtt/topics.ts'
import { homePaths } from '../../scripts/household/home.ts'
import type { Broker } from '../../scripts/operator/broker.ts'
import { connectBroker } from '../../scripts/operator/mqtt/connect.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { loadProfile } from '../../scripts/operator/profile.ts'
import { parseReported } from '../../scripts/operator/reported.ts'
import { HouseholdBench, isAlive } from './household-bench.ts'

const listed = 'azukishop.live'
const excepted = 'excepted-by-the-head.example'
const list = 'securenet'
const house = new HouseholdBench()
let broker: Broker

beforeAll(async () => {
  await house.choosePorts()
  const { out, err } = await house.start()
  if (!/^ready/m.test(out)) throw new Error(`the household did not become ready:\n${out}\n${err}`)
  broker = await connectBroker(loadProfile(join(house.home, 'operator.json'), {}))
})
afterAll(async () => {
  await broker?.close()
  await house.stop()
})

/** Every octet of every file below a folder, free pages of a database and earlier generations included. */
function octetsBelow(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}

/** Pieces of 16 octets from all over; runs of one octet, which any file may have, are left out. */
function pieces(octets: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at + 16 <= octets.length; at += 256) {
    const piece = octets.subarray(at, at + 16)
    if (new Set(piece).size > 8) found.push(piece)
  }
  return found
}

const foundOf = (traces: readonly Buffer[], octets: Buffer) =>
  traces.filter((trace) => octets.includes(trace))

async function reported() {
  const topic = topics.reported('demo')
  return parseReported(await broker.read(topic), 'demo')
}

async function restartModule(signal: NodeJS.Signals): Promise<void> {
  const pid = house.modulePid
  process.kill(pid, signal)
  await expect.poll(() => isAlive(pid)).toBe(false)
  await expect.poll(async () => (await house.run('securenet', 'status', '--json')).code).toBe(0)
}

it('a terminated line leaves no octet of list, counters and history, and no replayed head brings an old list back', async () => {
  const { dataDir } = homePaths(house.home)
  const oldHead = (await broker.read(topics.head(list)))!
  const { stable } = claimsOf(oldHead) as HeadDocument
  expect((await house.run('operator', 'list', 'allow', excepted, '--yes')).code).toBe(0)
  const newHead = (await broker.read(topics.head(list)))!
  expect((await house.resolve(listed)).addresses).toEqual(['127.0.0.1'])
  // A clean stop writes the counters: else there would be none to wipe.
  await restartModule('SIGTERM')
  await house.until(listed, '127.0.0.1')
  const [store] = readdirSync(join(dataDir, 'list')).filter((name) => name.endsWith('.mdb'))
  const traces = [
    ...pieces(readFileSync(join(dataDir, 'list', store!))),
    ...[store!, excepted, stable.result, stable.key, ...stable.snapshot.chunks].map((text) =>
      Buffer.from(text),
    ),
    Buffer.from('"days":[['),
  ]
  expect(traces.length).toBeGreaterThan(300)
  const before = octetsBelow(dataDir)
  const there = foundOf(traces, before)
  // The chunks' digests are nowhere but in the head: everything else is found, or the search below proves nothing.
  expect(there.length).toBeGreaterThanOrEqual(traces.length - stable.snapshot.chunks.length)

  expect((await house.run('operator', 'line', 'terminate', 'demo')).code).toBe(0)
  expect(await reported()).toMatchObject({ service: 'terminated', protecting: false })
  expect(foundOf(traces, octetsBelow(dataDir))).toEqual([])
  expect((await house.resolve(listed)).addresses).not.toEqual(['127.0.0.1'])

  // Whoever can replay retained messages puts the older head back, and the modem starts anew.
  await broker.publish(topics.head(list), oldHead, true)
  await restartModule('SIGKILL')
  expect(foundOf(traces, octetsBelow(dataDir))).toEqual([])
  expect((await house.run('operator', 'line', 'enable', 'demo')).code).toBe(0)
  expect(await reported()).toMatchObject({ generation: 2, service: 'enabled', why: 'list-missing' })
  await broker.publish(topics.head(list), newHead, true)
  await house.until(listed, '127.0.0.1')
})
