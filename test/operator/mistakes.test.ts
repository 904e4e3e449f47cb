import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import { Archive } from '../../scripts/operator/list/archive.ts'
import { parseCondition, selectedLines } from '../../scripts/operator/selection.ts'
import { CliBench } from './cli-bench.ts'

let bench: CliBench
let input: string
beforeEach(async () => {
  bench = new CliBench()
  bench.sign = undefined
  await bench.start(['demo', 'demo-2'])
  await bench.run('keys', 'init')
  await bench.run('keys', 'publish')
  writeFileSync(join(bench.folder, 'bad.txt'), 'bad.example\n')
  input = `${join(bench.folder, 'bad.txt')}:phishing`
})
afterEach(() => bench.stop())

const days = (count: number) => count * 86_400_000

describe('a clock that is behind', () => {
  it('signs nothing that modems would find expired: heads, orders, the fleet', async () => {
    await bench.run('line', 'enable', 'demo')
    expect((await bench.run('list', 'publish', '--input', input, '--yes')).exit).toBe(0)
    await bench.run('fleet', 'resume', '--yes')
    bench.now -= days(5)
    for (const args of [
      ['list', 'allow', 'bad.example', '--yes'],
      ['line', 'disable', 'demo'],
      ['fleet', 'pause', '--yes'],
    ]) {
      const { exit, json } = await bench.run(...args, '--json')
      expect({ exit, code: json().error.code }).toEqual({ exit: 1, code: 'OPERATOR_CLOCK' })
    }
    expect(bench.modem.orders).toHaveLength(1)
  })

  it('is seen by what half of the modems report, and not by one of them', async () => {
    const at = Math.floor((bench.now + days(9)) / 1000)
    const report = { generation: 1, sequence: 1, protecting: true, why: 'protecting' }
    await bench.run('line', 'enable', 'demo', 'demo-2', '--yes')
    await bench.modem.report('demo', { ...report, at })
    await bench.run('list', 'status')
    expect((await bench.run('list', 'publish', '--input', input, '--yes')).exit).toBe(0)
    await bench.modem.report('demo-2', { ...report, at })
    await bench.run('list', 'status')
    const { err } = await bench.run('list', 'allow', 'bad.example', '--yes')
    expect(err).toContain('OPERATOR_CLOCK')
    expect(err).toContain('what half of the modems have reported')
  })
})

describe('a mistyped line', () => {
  it('is forgotten, here and on the broker; its numbers are not', async () => {
    await bench.run('line', 'enable', 'dmeo', '--timeout', '0.3')
    expect((await bench.run('line', 'forget', 'dmeo')).exit).toBe(2)
    expect((await bench.run('line', 'forget', 'dmeo', '--dry-run')).exit).toBe(0)
    expect((await bench.retained(topics.desired('dmeo'))).size).toBe(1)
    expect((await bench.run('line', 'forget', 'dmeo', '--yes')).exit).toBe(0)
    expect((await bench.retained(topics.desired('dmeo'))).size).toBe(0)
    expect((await bench.run('register', 'lines')).out).toBe('')
    expect((await bench.run('line', 'show', 'dmeo')).out).toContain('nothing since it was forgotten')
    expect((await bench.run('line', 'forget', 'dmeo', '--yes')).err).toContain('OPERATOR_LINE_UNKNOWN')
    await bench.run('line', 'enable', 'dmeo', '--timeout', '0.3')
    expect((await bench.run('line', 'show', 'dmeo', '--json')).json().desired).toMatchObject({ sequence: 2 })
  })

  it('that a modem serves is not forgotten before it is ended', async () => {
    await bench.run('line', 'enable', 'demo')
    expect((await bench.run('line', 'forget', 'demo', '--yes')).err).toContain('OPERATOR_LINE_SERVED')
    await bench.run('line', 'terminate', 'demo')
    expect((await bench.run('line', 'forget', 'demo', '--yes')).exit).toBe(0)
    expect((await bench.run('line', 'enable', 'demo', '--json')).json()).toMatchObject({ generation: 2 })
  })
})

describe('a list', () => {
  it('that comes first goes to everybody: a share would leave the others without one', async () => {
    const { exit, err } = await bench.run('list', 'publish', '--input', input, '--percent', '1', '--yes')
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining('no stable version') })
  })

  it('that was not agreed to uses up no version', async () => {
    const archive = new Archive(join(bench.folder, 'archive'), 'securenet')
    bench.answer = 'no'
    expect((await bench.run('list', 'publish', '--input', input)).exit).toBe(2)
    expect(await archive.nextVersion()).toBe(1)
    await bench.run('list', 'publish', '--input', input, '--yes')
    expect((await bench.run('list', 'publish', '--again', '1')).exit).toBe(2)
    expect(await archive.nextVersion()).toBe(2)
  })
})

it('a full disk is told with the path', async (context) => {
  const folder = join(bench.folder, 'small')
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    console.log('skipped: a full disk (no right to mount a tmpfs of 4 KB)')
    return context.skip()
  }
  try {
    bench.profile({ archiveDir: folder })
    const { exit, json } = await bench.run('list', 'build', '--input', input, '--keep', '--json')
    expect(exit).toBe(1)
    expect(json().error).toMatchObject({
      code: 'OPERATOR_FILE',
      message: expect.stringMatching(new RegExp(`${folder}.*ENOSPC`)),
    })
  } finally {
    execFileSync('umount', [folder])
  }
})

describe('the register', () => {
  it('is kept current by `follow`, which ends when it is told to', async () => {
    await bench.run('line', 'enable', 'demo')
    const following = bench.run('follow')
    const report = { generation: 1, sequence: 1, service: 'enabled', protecting: false, why: 'list-missing' }
    const known = async () => (await bench.run('register', 'lines', 'demo', 'demo-2')).out
    await expect
      .poll(
        async () => {
          await bench.modem.report('demo-2', report)
          return known()
        },
        { timeout: 15_000, interval: 300 },
      )
      .toContain('demo-2  -  not protecting: list-missing  modem-1')
    bench.interrupt()
    const { exit, err } = await following
    expect({ exit, err }).toEqual({ exit: 0, err: expect.stringContaining('1 of 1 line have a report') })
  })

  it('selects by group and by what is known', async () => {
    await bench.run('line', 'enable', 'demo', 'demo-2', '--yes')
    await bench.run('group', 'add', 'pilot', 'demo')
    expect((await bench.run('group', 'show')).out).toBe('pilot  1 line\n')
    const lines = async (...args: string[]) =>
      (await bench.run('register', 'lines', ...args)).out
        .split('\n')
        .map((row) => row.split(' ')[0])
        .filter(Boolean)
    expect(await lines('--group', 'pilot')).toEqual(['demo'])
    expect(await lines('--where', 'protecting=true', '--where', 'modem!=modem-1')).toEqual([])
    expect(await lines('--where', 'protecting=true')).toEqual(['demo', 'demo-2'])
    await bench.run('group', 'remove', 'pilot', 'demo')
    expect((await bench.run('group', 'show')).out).toBe('')
  })

  it.each(['nonsense', 'service', 'colour=red', ''])('refuses --where %j', (text) => {
    expect(() => parseCondition(text)).toThrow(/FIELD=VALUE/)
  })

  it.each([
    ['nothing', [], {}],
    ['two ways', ['a'], { group: 'g' }],
    ['a file that is not there', [], { lines: '/none' }],
  ])('refuses %s', async (_what, named, selection) => {
    await expect(selectedLines(() => Promise.reject(), named, selection)).rejects.toMatchObject({
      code: 'OPERATOR_USAGE',
    })
  })
})
