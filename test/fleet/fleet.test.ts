import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChunkRef } from '../../module/blocklist/format/chunk-ref.ts'
import type { Head } from '../../module/blocklist/format/head.ts'
import { StateFile } from '../../module/platform/state-file.ts'
import { histogramLines, perSecond, quantiles } from '../../scripts/fleet/figures.ts'
import { MemoryFs } from '../../scripts/fleet/memory-fs.ts'
import { MemoryList } from '../../scripts/fleet/memory-list.ts'
import { mosquittoMissing } from '../control/broker.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { waitLimitMs } from '../helpers/limits.ts'

const run = promisify(execFile)
const turns = async () => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

describe('figures', () => {
  it('quantiles are of the values that were measured', () => {
    expect(quantiles([])).toEqual({ count: 0, p50: 0, p99: 0, max: 0 })
    expect(quantiles(Array.from({ length: 100 }, (_, i) => 100 - i))).toEqual({
      count: 100,
      p50: 50,
      p99: 99,
      max: 100,
    })
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1 }), (values) => {
        const { p50, p99, max } = quantiles(values)
        expect(p50 <= p99 && p99 <= max).toBe(true)
        for (const value of [p50, p99, max]) expect(values).toContain(value)
      }),
    )
  })

  it('every moment falls into one second', () => {
    expect(perSecond([1000, 1999, 4000], 1000)).toEqual([2, 0, 0, 1])
    expect(histogramLines([2, 0, 1])).toHaveLength(3)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60_000 })), (moments) => {
        expect(perSecond(moments, 0).reduce((sum, count) => sum + count, 0)).toBe(moments.length)
      }),
    )
  })
})

it('MemoryFs is a medium to the module’s own StateFile', async () => {
  const fs = new MemoryFs()
  const file = () => new StateFile({ folder: '/modem', name: 'a.state', parse: (data) => data, fs })
  expect(await file().read()).toEqual({ value: undefined, from: 'none' })
  await file().write({ n: 1 })
  await file().write({ n: 2 })
  expect(await file().read()).toEqual({ value: { n: 2 }, from: 'current' })
  await fs.rm('/modem/a.state')
  expect(await file().read()).toEqual({ value: { n: 1 }, from: 'previous' })
})

describe('MemoryList', () => {
  const chunk = Buffer.from('chunk')
  const digest = createHash('sha256').update(chunk).digest('base64url')
  const headOf = (version: number, more: Partial<Head> = {}): Head => ({
    list: 'fleet',
    sequence: version,
    issuedAt: Math.floor(Date.UTC(2026, 10, 22) / 1000),
    expires: 0,
    spreadSeconds: 0,
    allow: [],
    stable: {
      version,
      key: '0123456789abcdef',
      names: version,
      result: digest,
      snapshot: { bytes: 500_000, chunks: [digest, digest] },
      deltas: version > 1 ? [{ from: version - 1, bytes: 5, chunks: [digest] }] : [],
    },
    ...more,
  })
  function make(answer: (ref: ChunkRef) => Buffer = () => chunk) {
    const clock = new FakeClock()
    const fetched: string[] = []
    const switched: number[] = []
    const errors: unknown[] = []
    const list = new MemoryList({
      list: 'fleet',
      modemId: 'm1',
      lineId: 'l1',
      source: {
        fetch: async (ref) => {
          fetched.push(`${ref.kind} ${ref.version} ${ref.index}`)
          return answer(ref)
        },
      },
      clock,
      onSwitch: (version) => switched.push(version),
      onError: (error) => errors.push(error),
    })
    return { clock, list, fetched, switched, errors }
  }

  it('takes a snapshot first, then deltas, and an old head never', async () => {
    const { list, clock, fetched, switched } = make()
    list.onHead(headOf(1))
    await turns()
    list.onHead(headOf(2))
    clock.advance(0)
    await turns()
    list.onHead(headOf(1))
    await turns()
    expect(fetched).toEqual(['snapshot 1 0', 'snapshot 1 1', 'delta 2 0'])
    expect(switched).toEqual([1, 2])
    expect(list.version).toBe(2)
  })

  it('waits within the window as the module does, once it has a list', async () => {
    const { list, clock, switched } = make()
    list.onHead(headOf(1, { spreadSeconds: 60 }))
    await turns()
    expect(switched).toEqual([1])
    list.onHead(headOf(2, { spreadSeconds: 60 }))
    await turns()
    expect(switched).toEqual([1])
    clock.advance(60_000)
    await turns()
    expect(switched).toEqual([1, 2])
  })

  it('takes no chunk of other bytes, and tries again', async () => {
    let bad = true
    const { list, clock, switched, errors } = make(() => (bad ? Buffer.from('other') : chunk))
    list.onHead(headOf(1))
    await turns()
    expect(switched).toEqual([])
    expect(String(errors[0])).toContain('not the one in the head')
    bad = false
    clock.advance(5000)
    await turns()
    expect(switched).toEqual([1])
  })
})

describe.skipIf(mosquittoMissing)('npm run fleet', () => {
  const fleet = (...args: string[]) =>
    run(process.execPath, [resolve('scripts/run.mjs'), 'fleet', ...args], { timeout: waitLimitMs })

  it('measures every phase of a small fleet, and leaves nothing behind', async () => {
    const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('securenet-fleet-'))
    const before = folders()
    const small = ['--modems', '25', '--rate', '100', '--names', '2000', '--spread', '1', '--no-restart']
    const { stdout } = await fleet(...small, '--json')
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ simulation: true, modems: 25, errors: [] })
    const phases = new Map<string, any>(result.phases.map((phase: any) => [phase.phase, phase]))
    expect([...phases.keys()]).toEqual([
      'join',
      'subscribe, with the first list',
      'switch off',
      'switch on, in one burst',
      'delta to all, at once',
      'snapshot to all, spread',
    ])
    for (const { phase, quantiles: measured, cost } of phases.values()) {
      for (const values of Object.values<any>(measured)) expect(values.count, phase).toBe(25)
      expect(cost.toModems, phase).toBeGreaterThan(0)
    }
    const bytesOf = (phase: string) => phases.get(phase).cost.toModems
    expect(bytesOf('snapshot to all, spread')).toBeGreaterThan(25 * 10_000)
    expect(bytesOf('delta to all, at once')).toBeLessThan(bytesOf('snapshot to all, spread'))
    expect(folders().filter((name) => !before.includes(name))).toEqual([])
  })

  it.each([[['--modems', '0']], [['--modems', 'many']], [['--surprise']]])('refuses %j', async (args) => {
    await expect(fleet(...args)).rejects.toMatchObject({ code: expect.any(Number) })
  })
})
