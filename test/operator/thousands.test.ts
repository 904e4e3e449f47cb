import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import type { Broker } from '../../scripts/operator/broker.ts'
import { connectBroker } from '../../scripts/operator/mqtt/connect.ts'
import { KeyFolder } from '../../scripts/operator/signing/key-folder.ts'
import { mosquittoMissing, startMosquitto } from '../control/broker.ts'
import { CliBench, FakeModem } from './cli-bench.ts'

/** More than a default mosquitto hands out under a wildcard (1,020). */
const count = Number(process.env['SECURENET_TEST_LINES'] ?? 1500)
const modems = 10
const timeout = 900_000
const lineIds = Array.from({ length: count }, (_, i) => `line-${i}`)
const of = (modem: number) => lineIds.filter((_, i) => i % modems === modem)

describe.skipIf(mosquittoMissing)(`${count} lines on a default mosquitto`, { timeout }, () => {
  let started: Awaited<ReturnType<typeof startMosquitto>>
  let bench: CliBench
  let outside: Broker
  let file: string
  const fleet: FakeModem[] = []

  beforeAll(async () => {
    started = await startMosquitto({ config: ['log_type none'] })
    bench = new CliBench()
    bench.sign = undefined
    await bench.start([], started.broker.url)
    outside = await connectBroker({ url: started.broker.url }, { answerMs: 60_000 })
    file = join(bench.folder, 'lines.txt')
    writeFileSync(file, `# all\n${lineIds.join('\n')}\n`)
    await bench.run('keys', 'init')
    await bench.run('keys', 'publish')
    for (let i = 0; i < modems; i++) {
      const modem = new FakeModem(`modem-${i}`)
      await modem.start(started.broker.url, of(i))
      fleet.push(modem)
    }
  }, timeout)
  afterAll(async () => {
    for (const modem of fleet) await modem.stop()
    await outside?.close()
    await bench?.stop()
    await started?.stop()
    started?.remove()
  }, timeout)

  const kidOf = (jws: Buffer) =>
    JSON.parse(Buffer.from(String(jws).split('.')[0]!, 'base64url').toString()).kid
  /** Topic by topic, from outside of the tool. */
  async function signers(): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    await Promise.all(
      lineIds.map(async (lineId) => {
        const jws = await outside.read(topics.desired(lineId))
        const kid = jws ? kidOf(jws) : 'none'
        found.set(kid, (found.get(kid) ?? 0) + 1)
      }),
    )
    return found
  }
  const run = async (...args: string[]) => {
    const begin = performance.now()
    const result = await bench.run(...args)
    console.log(`${args.join(' ').replace(bench.folder, '')}: ${Math.round(performance.now() - begin)} ms`)
    return result
  }

  it('are enabled from a file, one result a line', async () => {
    const { exit, out, err } = await run('line', 'enable', '--lines', file, '--yes', '--timeout', '120')
    expect({ exit, last: err.trim().split('\n').at(-1) }).toEqual({
      exit: 0,
      last: `${count} of ${count} lines report it, 0 not waited for, 0 failed`,
    })
    expect(out.trim().split('\n')).toHaveLength(count)
  })

  it('keys are rotated: every order is signed again, as counted from outside', async () => {
    const { exit, out } = await run('keys', 'rotate', 'line', '--yes', '--broker-timeout', '60')
    expect({ exit, out }).toMatchObject({
      exit: 0,
      out: expect.stringContaining(`line: ${count} of ${count} documents`),
    })
    const { current } = await KeyFolder.open(join(bench.folder, 'keys'))
    expect([...(await signers())]).toEqual([[current.roles.line.keys[0]?.kid, count]])
  })

  it('list status has a report of each', async () => {
    writeFileSync(join(bench.folder, 'bad.txt'), 'bad.example\n')
    const input = `${join(bench.folder, 'bad.txt')}:phishing`
    expect((await run('list', 'publish', '--input', input, '--yes')).exit).toBe(0)
    expect((await run('list', 'status')).out).toContain(`of ${count} of ${count} lines`)
  })

  it('the fleet is paused: each line is counted, and who does not brake is named', async () => {
    const deaf = fleet[0]!
    deaf.onFleet = () => false
    const few = of(0).length
    const partly = await run('fleet', 'pause', '--yes', '--timeout', '20')
    expect(partly.exit).toBe(4)
    expect(partly.out).toContain(`${count - few} of ${count} lines that a modem serves`)
    deaf.onFleet = () => true
    const { exit, out } = await run('fleet', 'resume', '--yes', '--timeout', '120')
    expect({ exit, out }).toEqual({ exit: 0, out: expect.stringContaining(`${count} of ${count} lines`) })
  })

  it('an existing broker is read into an empty register, N of M', async () => {
    bench.profile({ register: 'fresh' })
    writeFileSync(file, `${lineIds.join('\n')}\nnever-1\nnever-2\n`)
    const { exit, out } = await run('register', 'import', '--lines', file, '--broker-timeout', '60')
    expect(exit).toBe(0)
    expect(out).toContain(`${count} of ${count + 2} lines imported: ${count} orders, ${count} reports`)
    expect(out).toContain('neither order nor report: 2 lines (never-1, never-2)')
    expect((await run('register', 'lines', '--where', 'behind=true')).out).toBe('')
    bench.profile()
  })

  it('who is offline holds up nobody; the same key goes on, and gives no second number', async () => {
    const away = fleet[1]!
    const offline = of(1)
    away.onOrder = () => undefined
    await bench.run('group', 'add', 'third', '--where', 'modem=modem-1')
    await bench.run('group', 'add', 'third', '--where', 'modem=modem-2')
    await bench.run('group', 'add', 'third', '--where', 'modem=modem-3')
    const size = of(1).length + of(2).length + of(3).length
    const args = ['line', 'disable', '--group', 'third', '--key', 'ticket-7', '--yes', '--timeout', '4']
    const begin = performance.now()
    const first = await run(...args)
    const took = performance.now() - begin
    expect(first.exit).toBe(4)
    expect(first.err).toContain(`${size - offline.length} of ${size} lines report it`)
    // Sixteen at a time, each turn waiting for its slowest, would be four seconds for each sixteen.
    expect(took).toBeLessThan((size / 16) * 4000)
    const numbers = async () => {
      const found = new Map<string, unknown>()
      await bench.register(async (register) => {
        for await (const { lineId, order } of register.lines()) found.set(lineId, order?.desired.sequence)
      })
      return found
    }
    const before = await numbers()
    const heard = fleet[2]!.orders.length
    away.onOrder = ({ service }) => ({ outcome: 'applied', protecting: false, why: service })
    const again = await run(...args)
    expect({ exit: again.exit, err: again.err.trim().split('\n').at(-1) }).toEqual({
      exit: 0,
      err: `${size} of ${size} lines report it, 0 not waited for, 0 failed`,
    })
    expect(await numbers()).toEqual(before)
    expect(fleet[2]!.orders.length).toBe(heard)
    const other = await bench.run('line', 'enable', 'line-1', '--key', 'ticket-7', '--yes')
    expect(other.err).toContain('OPERATOR_KEY_USED')
  })

  it('the journal has every act with who, why and ticket, and what became of each line', async () => {
    await bench.run('--who', 'ann', '--why', 'moved house', '--ticket', 'T-1', 'line', 'enable', 'line-2')
    const { out } = await bench.run('register', 'export')
    const entries = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const begun = entries.find(({ type, ticket }) => type === 'begin' && ticket === 'T-1')
    expect(begun).toMatchObject({
      who: 'ann',
      why: 'moved house',
      command: expect.stringContaining('line enable line-2'),
    })
    const mine = entries
      .filter(({ act }) => act === begun.act)
      .map(({ type, state, exit }) => [type, state ?? exit])
    expect(mine).toEqual([
      ['begin', undefined],
      ['order', undefined],
      ['outcome', 'applied'],
      ['end', 0],
    ])
    expect(entries.filter(({ type }) => type === 'order').length).toBeGreaterThan(count)
  })

  it('nothing that a test of this file publishes is more than mosquitto queues: the wildcard is cut off', () => {
    const { port } = started
    const args = [
      '-p',
      String(port),
      '-t',
      'securenet/v1/line/+/desired',
      '-q',
      '1',
      '-W',
      '3',
      '--retained-only',
      '-F',
      '%t',
    ]
    const out = (() => {
      try {
        return execFileSync('mosquitto_sub', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      } catch (error) {
        // 27: its time is over, which is how it ends here.
        return String((error as { stdout?: string }).stdout ?? '')
      }
    })()
    expect(out.trim().split('\n').length).toBeLessThan(count)
  })
})
