import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Desired } from '../../module/line/types.ts'
import type { World } from '../../scripts/operator/context.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { createProgram } from '../../scripts/operator/program.ts'
import { KeyFolder } from '../../scripts/operator/signing/key-folder.ts'
import { signDocument } from '../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { CliBench } from './cli-bench.ts'

const unused = () => {
  throw new Error('not asked')
}
const world: World = {
  terminal: { out: unused, err: unused, ask: unused, live: false },
  env: {},
  now: unused,
  connect: unused,
  openSigner: unused,
  openRegister: unused,
  interrupted: unused,
}

/** Every command that does something, by its whole name. */
function leaves(command: Command, path: string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[path.join(' '), command]]
  return command.commands.flatMap((sub) => leaves(sub, [...path, sub.name()]))
}

/** Change nothing on any modem, or one line. Whatever is not named here has to ask first, and to have a dry run. */
const harmless = [
  ...[
    'broker check',
    'follow',
    'register import',
    'register export',
    'register lines',
    'group add',
    'group remove',
    'group show',
  ],
  ...['line show', 'pack show', 'list status', 'fleet show', 'keys show', 'watch', 'completion'],
  ...['pack take-out', 'pack put-back', 'list build', 'list prune', 'keys init'],
  ...['request status', 'request self-test', 'request check-name', 'request support-bundle', 'request sync'],
]

describe('every command that changes many lines', () => {
  const all = leaves(createProgram(world))

  it('is known', () => {
    expect(all.map(([name]) => name)).toEqual(expect.arrayContaining(harmless))
    expect(all.length - harmless.length).toBe(17)
  })

  it.each(all.filter(([name]) => !harmless.includes(name)))('%s has a dry run and asks', (_name, command) => {
    const flags = command.options.map((option) => option.long)
    expect(flags).toEqual(expect.arrayContaining(['--dry-run', '--yes']))
  })
})

describe('on a broker with three lines', () => {
  const kidOf = (jws: Buffer) =>
    JSON.parse(Buffer.from(String(jws).split('.')[0]!, 'base64url').toString()).kid
  const order: Desired = {
    v: 1,
    lineId: 'demo-3',
    generation: 1,
    sequence: 9,
    service: 'disabled',
    reason: 'customer',
    by: 'support',
    issuedAt: 1_790_000_000,
  }

  let bench: CliBench
  beforeEach(async () => {
    bench = new CliBench()
    // The real keys, made by the tool itself.
    bench.sign = undefined
    await bench.start(['demo', 'demo-2', 'demo-3'])
    await bench.run('keys', 'init')
    await bench.run('keys', 'publish')
    expect((await bench.run('line', 'enable', 'demo', 'demo-2', 'demo-3', '--yes')).exit).toBe(0)
    writeFileSync(join(bench.folder, 'bad.txt'), 'bad.example\nworse.example\n')
    writeFileSync(
      join(bench.folder, 'pack.json'),
      JSON.stringify({ pack: 'p', lines: ['demo', 'demo-2', 'demo-3'] }),
    )
  })
  afterEach(() => bench.stop())

  /** Everything that is retained, and every file of the operator's. */
  async function everything(): Promise<unknown> {
    const retained = await bench.retained('securenet/v1/#')
    const files = readdirSync(bench.folder, { recursive: true }).sort()
    return { files, retained: [...retained].map(([topic, payload]) => `${topic} ${payload}`).sort() }
  }

  const input = () => ['--input', `${join(bench.folder, 'bad.txt')}:phishing`]
  const cases: [string, () => string[], number][] = [
    ['line disable', () => ['line', 'disable', 'demo', 'demo-2'], 2],
    ['line terminate', () => ['line', 'terminate', 'demo', 'demo-2', 'demo-3'], 3],
    ['pack disable', () => ['pack', 'disable', join(bench.folder, 'pack.json')], 3],
    ['fleet pause', () => ['fleet', 'pause', '--percent', '50'], 3],
    ['fleet retire', () => ['fleet', 'retire'], 3],
    ['list publish', () => ['list', 'publish', ...input()], 3],
    ['keys rotate', () => ['keys', 'rotate', 'line', 'roots'], 3],
  ]
  const ofList: typeof cases = [
    ['list promote', () => ['list', 'promote'], 3],
    ['list stop', () => ['list', 'stop'], 3],
    ['list allow', () => ['list', 'allow', 'good.example'], 3],
  ]

  async function doesNothingUnasked(args: string[], lines: number): Promise<void> {
    const before = await everything()
    const dry = await bench.run(...args, '--dry-run', '--json')
    expect(dry.exit).toBe(0)
    expect(dry.json()).toMatchObject({ dryRun: true })
    expect(await everything()).toEqual(before)
    // Nobody is there to agree.
    bench.answer = null
    bench.asked = []
    expect((await bench.run(...args)).exit).toBe(2)
    bench.answer = 'no'
    expect((await bench.run(...args)).exit).toBe(2)
    expect(bench.asked).toHaveLength(2)
    for (const question of bench.asked) expect(question).toMatch(new RegExp(`\\b${lines} lines\\b`))
  }

  describe('does nothing in a dry run, nor before somebody has agreed to the number of lines', () => {
    it.each(cases)('%s', async (_name, args, lines) => {
      await doesNothingUnasked(args(), lines)
      if (args()[0] !== 'list') {
        const before = await everything()
        bench.answer = null
        expect((await bench.run(...args(), '--yes')).exit).toBe(0)
        expect(await everything()).not.toEqual(before)
      }
    })

    it.each(ofList)('%s', async (_name, args, lines) => {
      await bench.run('list', 'publish', ...input(), '--yes')
      await bench.run('list', 'publish', ...input(), '--percent', '10', '--yes')
      await doesNothingUnasked(args(), lines)
      expect((await bench.run(...args(), '--yes')).exit).toBe(0)
    })

    it('keys publish asks only where a modem would hear of something new', async () => {
      expect((await bench.run('keys', 'publish')).exit).toBe(0)
      await bench.other((broker) => broker.publish('securenet/v1/keys/1', '', true))
      expect((await bench.run('keys', 'publish', '--dry-run')).out).toContain('1 of 1 keys documents')
      expect((await bench.run('keys', 'publish')).exit).toBe(2)
      expect(bench.asked.at(-1)).toContain('3 lines')
      expect((await bench.run('keys', 'publish', '--yes')).exit).toBe(0)
    })
  })

  describe('several lines at once', () => {
    it('are ordered each, with a table; one is named once', async () => {
      const { exit, out } = await bench.run('line', 'suspend', 'demo', 'demo-2', 'demo', '--yes')
      expect(exit).toBe(0)
      expect(out.trim().split('\n').sort()).toEqual([
        expect.stringMatching(/^demo +not protecting: suspended$/),
        expect.stringMatching(/^demo-2 +not protecting: suspended$/),
      ])
      expect(bench.modem.orders.filter(({ service }) => service === 'suspended')).toHaveLength(2)
    })

    it('one that does not report is named, and the others go on', async () => {
      bench.modem.onOrder = ({ lineId }) =>
        lineId === 'demo-2' ? undefined : { outcome: 'applied', protecting: false, why: 'disabled' }
      const args = ['line', 'disable', 'demo', 'demo-2', 'demo-3', '--yes', '--timeout', '5']
      const { exit, out, err } = await bench.run(...args)
      expect(exit).toBe(4)
      expect(out).toMatch(/demo-2 +FAILED OPERATOR_TIMED_OUT/)
      expect(out).toMatch(/demo-3 +not protecting: disabled/)
      expect(err).toContain('1 of 3 lines')
    })

    it('a dry run of one line shows its order', async () => {
      const { exit, json } = await bench.run(
        'line',
        'suspend',
        'demo',
        '--until',
        '+1h',
        '--dry-run',
        '--json',
      )
      expect(exit).toBe(0)
      expect(json()).toMatchObject({ dryRun: true, orders: [{ lineId: 'demo', service: 'suspended' }] })
    })
  })

  it('a rotation that was broken off is brought to its end, and nothing else is signed', async () => {
    const folder = join(bench.folder, 'keys')
    // As far as a rotation comes whose broker went away: the document is there, and nobody has read it.
    const keys = await KeyFolder.open(folder)
    await keys.rotate({ replace: ['line'], now: Math.floor(bench.now / 1000) })
    const foreign = await signDocument('desired', order, [generateSigningKey()])
    await bench.other((broker) => broker.publish('securenet/v1/line/demo-3/desired', foreign, true))
    // As it ended: no modem that comes could obey anything yet.
    const early = await bench.run('line', 'disable', 'demo')
    expect({ exit: early.exit, err: early.err }).toEqual({
      exit: 1,
      err: expect.stringContaining('OPERATOR_KEYS_MISSING'),
    })
    expect((await bench.run('keys', 'publish', '--yes')).exit).toBe(0)
    expect((await bench.run('line', 'disable', 'demo')).exit).toBe(0)
    expect((await bench.run('keys', 'sign-again', 'line', '--dry-run')).out).toContain('2 documents that')
    const { exit, out } = await bench.run('keys', 'sign-again', 'line', '--yes')
    expect({ exit, out }).toEqual({
      exit: 0,
      out: 'line: 2 of 3 documents signed again, 1 already, in place of what is not ours: securenet/v1/line/demo-3/desired\n',
    })
    const retained = await bench.retained('securenet/v1/line/+/desired')
    const signers = [...retained].map(([topic, jws]) => `${topic.split('/')[3]} ${kidOf(jws)}`).sort()
    const kid = keys.current.roles.line.keys[0]?.kid
    expect(signers).toEqual([`demo ${kid}`, `demo-2 ${kid}`, `demo-3 ${kid}`])
    expect(claimsOf(retained.get('securenet/v1/line/demo-3/desired')!)).toMatchObject({ sequence: 1 })
    expect([...(await bench.retained('securenet/v1/keys/+')).keys()].sort()).toHaveLength(2)
    expect((await bench.run('keys', 'sign-again', 'line', '--dry-run')).out).toContain('0 documents')
  })

  it('numbers that a thief has spent: not signed again, and free after the rotation', async () => {
    const keys = await KeyFolder.open(join(bench.folder, 'keys'))
    const most = Number.MAX_SAFE_INTEGER
    const spent = await keys.sign('desired', { ...order, generation: most, sequence: most })
    const spentFleet = await keys.sign('fleet', {
      v: 1,
      sequence: most,
      mode: 'run',
      reason: 'x',
      issuedAt: 1,
    })
    await bench.other(async (broker) => {
      await broker.publish('securenet/v1/line/demo-3/desired', spent, true)
      await broker.publish('securenet/v1/fleet', spentFleet, true)
    })
    for (const args of [
      ['line', 'enable', 'demo-3'],
      ['fleet', 'resume', '--yes'],
    ])
      expect((await bench.run(...args, '--json')).json()).toMatchObject({
        error: { code: 'OPERATOR_NUMBERS_SPENT' },
      })
    const rotated = await bench.run('keys', 'rotate', 'line', 'fleet', '--yes')
    expect(rotated.out).toContain('in place of what is not ours: securenet/v1/line/demo-3/desired')
    expect(rotated.out).toContain('left alone: securenet/v1/fleet')
    const enabled = await bench.run('line', 'enable', 'demo-3', '--numbers', '1.1', '--json')
    expect(enabled.json()).toMatchObject({ applied: true, generation: 1, sequence: 1 })
    expect((await bench.run('fleet', 'resume', '--sequence', '1', '--yes')).exit).toBe(0)
    expect((await bench.run('line', 'disable', 'demo-3')).out).toContain('generation 1, sequence 2')
    expect((await bench.run('line', 'enable', 'demo', 'demo-2', '--numbers', '1.1', '--yes')).exit).toBe(2)
    expect((await bench.run('line', 'enable', 'demo', '--numbers', '0.1')).exit).toBe(2)
  })

  it('an order that is given while somebody thinks about a rotation is the one that is signed again', async () => {
    bench.answer = 'yes'
    bench.onAsk = () => bench.run('line', 'disable', 'demo')
    expect((await bench.run('keys', 'rotate', 'line')).exit).toBe(0)
    const [jws] = [...(await bench.retained('securenet/v1/line/demo/desired')).values()]
    expect(claimsOf(jws!)).toMatchObject({ service: 'disabled', sequence: 2 })
    const { current } = await KeyFolder.open(join(bench.folder, 'keys'))
    expect(kidOf(jws!)).toBe(current.roles.line.keys[0]?.kid)
  })
})
