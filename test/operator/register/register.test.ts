import { expect, it } from 'vitest'
import { CliBench } from '../cli-bench.ts'
import { closeAfterEach, closers } from '../mosquitto.ts'
import { postgresMissing, startPostgres } from './postgres.ts'

closeAfterEach()

/** The whole tool over it, with the real keys. */
async function benchOver(register: string | undefined): Promise<CliBench> {
  const bench = new CliBench()
  bench.sign = undefined
  await bench.start(['demo', 'demo-2'])
  closers.push(() => bench.stop())
  if (register !== undefined) bench.profile({ register })
  await bench.run('keys', 'init')
  await bench.run('keys', 'publish')
  return bench
}

const places = [
  { name: 'LMDB', missing: false, place: async () => undefined },
  {
    name: 'PostgreSQL',
    missing: postgresMissing,
    place: async () => {
      const server = await startPostgres()
      closers.push(() => server.stop())
      return server.address
    },
  },
]

it.each(places.filter(({ missing }) => !missing))(
  'over $name the tool orders, counts, groups, rotates and exports',
  { timeout: 120_000 },
  async ({ place }) => {
    const bench = await benchOver(await place())
    const run = async (...args: string[]) => {
      const { exit, out, err } = await bench.run(...args)
      expect({ args, exit, err: exit === 0 ? '' : err }).toEqual({ args, exit: 0, err: '' })
      return out
    }
    await run('line', 'enable', 'demo', 'demo-2', '--yes', '--key', 'k-1')
    await run('line', 'enable', 'demo', 'demo-2', '--yes', '--key', 'k-1')
    expect(bench.modem.orders).toHaveLength(2)
    await run('group', 'add', 'pilot', 'demo')
    await run('--ticket', 'T-2', 'line', 'suspend', '--group', 'pilot', '--yes')
    expect(await run('fleet', 'pause', '--yes')).toContain('2 of 2 lines')
    expect(await run('keys', 'rotate', 'line', '--yes')).toContain('line: 2 of 2 documents signed again')
    expect(await run('register', 'lines', '--where', 'ordered=suspended')).toMatch(/^demo {2}suspended/)
    const results = await Promise.all([
      bench.run('line', 'disable', 'demo-2', '--json'),
      bench.run('line', 'terminate', 'demo-2', '--json'),
    ])
    const numbers = results.filter(({ exit }) => exit === 0).map(({ json }) => json().sequence)
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const { json } of results.filter(({ exit }) => exit !== 0))
      expect(json().error.code).toMatch(/OPERATOR_(CONFLICT|SUPERSEDED|LINE_TERMINATED)/)
    const entries = (await run('register', 'export'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(entries.filter(({ ticket }) => ticket === 'T-2')).toHaveLength(1)
    expect(entries.map(({ number }) => number)).toEqual(
      entries.map(({ number }) => number).sort((a, b) => a - b),
    )
  },
)
