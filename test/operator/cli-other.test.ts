import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../../module/control/mqtt/topics.ts'
import { topicMatches } from '../../scripts/operator/broker.ts'
import { LineTable } from '../../scripts/operator/commands/watch.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { parseProfile } from '../../scripts/operator/profile.ts'
import { CliBench, reportOf } from './cli-bench.ts'

let bench: CliBench
beforeEach(async () => {
  bench = new CliBench()
  await bench.start(['demo', 'demo-2'])
})
afterEach(() => bench.stop())

describe('fleet', () => {
  const order = async () => {
    const claims = claimsOf((await bench.retained(topics.fleet())).get(topics.fleet())!)
    return claims as Record<string, unknown>
  }

  it('pauses a share with a fresh salt each time, and resumes', async () => {
    await bench.run('line', 'enable', 'demo')
    expect((await bench.run('fleet', 'pause', '--percent', '10', '--yes')).exit).toBe(0)
    const first = await order()
    expect(first).toMatchObject({ v: 1, sequence: 1, mode: 'pause', percent: 10, reason: 'maintenance' })
    await bench.run('fleet', 'pause', '--percent', '10', '--yes', '--reason', 'incident 4711')
    const second = await order()
    expect(second).toMatchObject({ sequence: 2, reason: 'incident 4711' })
    expect(second['salt']).not.toBe(first['salt'])
    await bench.run('fleet', 'resume', '--yes')
    expect(await order()).toMatchObject({ sequence: 3, mode: 'run' })
    expect((await bench.run('fleet', 'show')).out).toMatch(/^run: resumed, sequence 3/)
  })

  it.each(['pause', 'retire'])('%s without a percentage is for every line', async (verb) => {
    await bench.run('line', 'enable', 'demo')
    expect((await bench.run('fleet', verb, '--yes')).exit).toBe(0)
    expect(await order()).toMatchObject({
      ...{ mode: verb, percent: 100 },
      salt: expect.any(String),
    })
    expect((await bench.run('fleet', 'show')).out).not.toContain('%')
  })

  it('names the number of lines before it acts; does nothing unasked', async () => {
    await bench.run('line', 'enable', 'demo')
    await bench.run('line', 'enable', 'demo-2')
    expect((await bench.run('fleet', 'retire', '--dry-run')).out).toContain('2 lines')
    expect((await bench.run('fleet', 'retire')).exit).toBe(2)
    expect(bench.asked).toEqual([expect.stringContaining('2 lines')])
    expect((await bench.run('fleet', 'show')).out).toContain('nothing was ever ordered')
  })

  it.each(['0', '101', '1.5', 'all'])('refuses --percent %s', async (percent) => {
    expect((await bench.run('fleet', 'pause', '--percent', percent, '--yes')).exit).toBe(2)
  })
})

describe('request', () => {
  it('is answered by the modem', async () => {
    const { exit, json } = await bench.run(
      'request',
      'check-name',
      'modem-1',
      '--name',
      'a.example',
      '--json',
    )
    expect(exit).toBe(0)
    expect(json()).toMatchObject({ result: { did: 'check-name' }, ms: expect.any(Number) })
  })

  it('takes no other request’s answer', async () => {
    bench.modem.onRequest = () => ({ id: 'another', ok: true, result: {} })
    expect((await bench.run('request', 'status', 'modem-1', '--timeout', '0.3')).exit).toBe(4)
  })

  it('ends with 1 and the code where it is refused', async () => {
    bench.modem.onRequest = () => ({
      ok: false,
      code: 'REQUEST_BUSY',
      message: 'four are being worked on',
    })
    const { exit, json } = await bench.run('request', 'status', 'modem-1', '--json')
    expect(exit).toBe(1)
    expect(json()).toMatchObject({
      error: { code: 'REQUEST_BUSY', message: expect.stringContaining('four are being worked on') },
    })
  })

  it('shows at once a refusal that could not name the request', async () => {
    bench.modem.onRequest = () => ({
      id: undefined,
      ok: false,
      code: 'DOC_UNKNOWN_KEY',
      message: 'a stranger’s key',
    })
    const { exit, json } = await bench.run('request', 'status', 'modem-1', '--json')
    expect(exit).toBe(1)
    expect(json()).toMatchObject({ error: { code: 'DOC_UNKNOWN_KEY' } })
  })

  it('takes the one refusal of a flood for its own', async () => {
    bench.modem.onRequest = () => ({ id: undefined, ok: false, code: 'REQUEST_RATE_LIMITED', refused: 70 })
    const { exit, err } = await bench.run('request', 'status', 'modem-1')
    expect({ exit, err }).toEqual({ exit: 1, err: expect.stringContaining('REQUEST_RATE_LIMITED') })
  })

  it('wants a name for check-name, and for nothing else', async () => {
    expect((await bench.run('request', 'check-name', 'modem-1')).exit).toBe(2)
    expect((await bench.run('request', 'status', 'modem-1', '--name', 'x')).exit).toBe(2)
  })
})

describe('wrong use', () => {
  it.each([
    [['line', 'show'], "missing required argument 'line'"],
    [['line', 'enable', 'no id'], 'A line id is'],
    [['bogus'], "unknown command 'bogus'"],
    [['line', 'show', 'demo', '--bogus'], "unknown option '--bogus'"],
    [['line', 'suspend', 'demo', '--then', 'never'], 'Allowed choices'],
    [[], 'a command is missing'],
  ])('%j is told as JSON where JSON is asked for, and exits with 2', async (args, message) => {
    const { exit, json, err } = await bench.run(...args, '--json')
    expect({ exit, ...json() }).toEqual({
      exit: 2,
      error: expect.objectContaining({ code: 'OPERATOR_USAGE', message: expect.stringContaining(message) }),
    })
    expect(err).not.toBe('')
    const plain = await bench.run(...args)
    expect({ exit: plain.exit, out: plain.out }).toEqual({ exit: 2, out: '' })
  })

  it('help names seconds where seconds are meant', async () => {
    expect((await bench.run('line', 'enable', '--help')).out).toMatch(/--timeout <seconds>[^-]*default: 10\b/)
  })
})

describe('watch', () => {
  it('draws lines, also those that no modem claims, until interrupted', async () => {
    await bench.run('line', 'enable', 'demo')
    await bench.run('line', 'enable', 'orphan', '--no-wait')
    await bench.modem.present(true)
    const watching = bench.run('watch')
    await expect.poll(() => bench.shown).toMatch(/demo +enabled +protecting +modem-1 +yes/)
    await expect.poll(() => bench.shown).toMatch(/orphan +enabled/)
    bench.interrupt()
    const { exit, out } = await watching
    expect(exit).toBe(0)
    expect(out).toContain('2 lines, 1 protecting')
    expect(out).toMatch(/demo +enabled +protecting +modem-1 +yes/)
    expect(out).toMatch(/orphan +enabled +no modem has reported +no modem claims it +\?/)
  })

  it('survives nonsense, and keeps what was reported where a topic is cleared', () => {
    const table = new LineTable()
    const report = reportOf('a', 'm', { protecting: true, why: 'protecting' })
    table.hear(topics.reported('a'), Buffer.from(JSON.stringify(report)))
    for (const payload of ['[]', '', '{"protecting":true}', JSON.stringify({ ...report, lineId: 'b' })]) {
      table.hear(topics.presence('m'), Buffer.from(payload))
      table.hear(topics.reported('a'), Buffer.from(payload))
    }
    expect(table.rows()).toMatchObject([{ line: 'a', measured: 'protecting', modem: 'm', online: '?' }])
  })
})

describe('completion', () => {
  const complete = async (...words: string[]) => {
    const { out } = await bench.run('completion', 'bash')
    const file = join(bench.folder, 'completion')
    writeFileSync(file, out)
    const line = words.map((word) => `'${word}'`).join(' ')
    const script = `source ${file}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _securenet_operator; echo "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ')
  }
  it.each([
    [['operator', ''], 'line'],
    [['operator', 'line', ''], 'suspend'],
    [['operator', 'line', 'su'], 'suspend'],
    [['npm', 'run', 'operator', '--', 'fleet', ''], 'retire'],
    [['operator', 'line', 'suspend', 'demo', '--u'], '--until'],
  ])('%j', async (words, expected) => {
    expect(await complete(...words)).toContain(expected)
  })
  it('leaves other npm commands alone', async () => {
    expect(await complete('npm', 'install', '')).toEqual([''])
  })
})

describe('profile', () => {
  const good = { url: 'mqtts://b.example:8883', keysDir: 'keys', archiveDir: '/a', caFile: 'ca.pem' }
  it('resolves its paths from its own folder', () => {
    expect(parseProfile(JSON.stringify(good), '/etc/op/p.json')).toEqual({
      ...good,
      keysDir: '/etc/op/keys',
      caFile: '/etc/op/ca.pem',
      register: '/etc/op/register',
    })
  })
  it.each([
    ['not JSON', '{', /not JSON/],
    ['no URL', JSON.stringify({ keysDir: 'k', archiveDir: 'a' }), /url is missing/],
    ['http', JSON.stringify({ ...good, url: 'http://b' }), /mqtts/],
    ['unknown option', JSON.stringify({ ...good, user: 'x' }), /unknown option "user"/],
    ['a certificate without its key', JSON.stringify({ ...good, certFile: 'c' }), /go together/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseProfile(text, '/p.json')).toThrow(message)
  })
})

it.each([
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a/b/d', false],
  ['a/#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['a/b', 'a/b/c', false],
  ['a/b/c', 'a/b', false],
  ['a/+', 'a/', true],
])('topic filter %s, topic %s: %s', (filter, topic, expected) => {
  expect(topicMatches(filter, topic)).toBe(expected)
})
