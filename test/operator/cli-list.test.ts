import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeSnapshot } from '../../module/blocklist/codec.ts'
import { chunkTopic, topics } from '../../module/control/topics.ts'
import { parseInput } from '../../scripts/operator/commands/list-build.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { CliBench } from './cli-bench.ts'

let bench: CliBench
let input: string
const names = (count: number) => Array.from({ length: count }, (_, i) => `bad${i}.example`).join('\n')
beforeEach(async () => {
  bench = new CliBench()
  // The real keys, made by the tool itself.
  bench.sign = undefined
  await bench.start(['demo'])
  await bench.run('keys', 'init')
  input = join(bench.folder, 'phishing.txt')
  writeFileSync(input, `${names(200)}\nhttp://x.example/path\n`)
})
afterEach(() => bench.stop())

const publish = (...args: string[]) =>
  bench.run('list', 'publish', '--input', `${input}:phishing`, '--yes', ...args)
const status = async () => (await bench.run('list', 'status', '--json')).json()

async function retained(filter: string): Promise<Map<string, Buffer>> {
  let found = new Map<string, Buffer>()
  await bench.other(async (broker) => {
    found = await broker.retained(filter)
  })
  return found
}

describe('list', () => {
  it('publishes chunks and a head that names them', async () => {
    const { exit, out, err } = await publish()
    expect(exit).toBe(0)
    expect(out).toMatch(/^published version 1, 206 names, 1 chunk,/)
    expect(err).toContain('201 lines, 200 names, 0 duplicates, dropped 1 path')
    const { head } = await status()
    const all = await retained('securenet/v1/list/securenet/1/#')
    expect(all.size).toBe(head.stable.snapshot.chunks.length)
    const chunks = head.stable.snapshot.chunks.map(
      (_: string, index: number) =>
        all.get(chunkTopic({ list: 'securenet', version: 1, kind: 'snapshot', index }))!,
    )
    expect(decodeSnapshot(chunks).count).toBe(206)
  })

  it('a second version brings a delta; prune clears what no head names', async () => {
    await publish()
    writeFileSync(input, `${names(205)}\n`)
    await publish()
    writeFileSync(input, `${names(209)}\n`)
    const third = await publish()
    expect(third.err + third.exit).toMatch(/0$/)
    const { head } = await status()
    expect(head).toMatchObject({ sequence: 3, stable: { version: 3 } })
    expect(head.stable.deltas.map((delta: { from: number }) => delta.from)).toContain(2)
    expect((await bench.run('list', 'prune')).exit).toBe(0)
    const versions = new Set(
      [...(await retained('securenet/v1/list/securenet/+/snapshot/#')).keys()].map(
        (topic) => topic.split('/')[4],
      ),
    )
    expect(versions).toContain('3')
    expect(versions.has('1')).toBe(head.stable.deltas.some((delta: { to?: number }) => delta.to === 1))
  })

  it('a candidate for a share; promoted, or stopped', async () => {
    await publish()
    writeFileSync(input, `${names(205)}\n`)
    await publish('--percent', '5')
    expect((await status()).head).toMatchObject({
      stable: { version: 1 },
      candidate: { percent: 5, release: { version: 2 } },
    })
    await bench.run('list', 'stop', '--yes')
    const stopped = (await status()).head
    expect(stopped.candidate).toBeUndefined()
    expect(stopped).toMatchObject({ sequence: 3, stable: { version: 1 } })
    await bench.run('list', 'publish', '--version', '2', '--percent', '50', '--yes')
    await bench.run('list', 'promote', '--yes')
    const promoted = (await status()).head
    expect(promoted.candidate).toBeUndefined()
    expect(promoted).toMatchObject({ sequence: 5, stable: { version: 2 } })
    expect((await bench.run('list', 'promote', '--yes')).exit).toBe(1)
  })

  it('a false positive is lifted without a new list, and put back', async () => {
    await publish()
    expect((await bench.run('list', 'allow', 'Bad7.Example', '--yes')).exit).toBe(0)
    expect((await status()).head).toMatchObject({
      sequence: 2,
      allow: ['bad7.example'],
      stable: { version: 1 },
    })
    await bench.run('list', 'allow', 'bad7.example', '--remove', '--yes')
    expect((await status()).head).toMatchObject({ sequence: 3, allow: [] })
    expect((await bench.run('list', 'allow', 'bad7.example', '--remove', '--yes')).exit).toBe(1)
    expect((await bench.run('list', 'allow', 'a b', '--yes')).exit).toBe(2)
  })

  it('never signs a head that somebody else has put there', async () => {
    await publish()
    const topic = topics.head('securenet')
    const jws = (await retained(topic)).get(topic)!.toString()
    const [header, , signature] = jws.split('.')
    const forged = { ...(claimsOf(jws) as object), allow: ['forged.example'] }
    await bench.other((broker) =>
      broker.publish(
        topic,
        `${header}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}.${signature}`,
        true,
      ),
    )
    const { exit, err } = await bench.run('list', 'allow', 'mine.example', '--yes')
    expect(exit).toBe(1)
    expect(err).toContain('OPERATOR_FOREIGN_DOCUMENT')
  })

  it('stops at a guard and at too much change, and publishes nothing', async () => {
    writeFileSync(input, 'bad.example\ncom\n')
    const guarded = await publish()
    expect(guarded.exit).toBe(1)
    expect(guarded.err).toMatch(/guard bare-tld: com: stop[\s\S]*LIST_GUARD/)
    expect((await bench.run('list', 'status')).exit).toBe(1)
    writeFileSync(input, 'bad.example\nco.uk\n')
    expect((await publish('--exempt', 'Co.UK.', '--dry-run')).exit).toBe(0)
    expect((await publish('--exempt', 'co uk', '--dry-run')).exit).toBe(2)
    expect((await publish('--drop-findings')).exit).toBe(0)
    writeFileSync(input, `${names(100)}\n`)
    expect((await publish()).err).toContain('LIST_CHANGE')
    expect((await publish('--force')).exit).toBe(0)
  })

  it('says in words and in JSON what was left out, and why nothing was left', async () => {
    const drops = join(bench.folder, 'drops.txt')
    const flags = ['list', 'build', '--input', `${input}:phishing`, '--drops', drops]
    writeFileSync(
      input,
      '||bad.example^\n@@||fine.bad.example^\n||gone.example^\n@@||gone.example^\n||co.uk^\n||a.example^$script\n',
    )
    const stopped = await bench.run(...flags, '--json')
    expect(stopped.exit).toBe(1)
    expect(stopped.json().error).toMatchObject({
      code: 'LIST_GUARD',
      report: { findings: [{ guard: 'public-suffix', name: 'co.uk' }], inputs: [{ taken: 2 }] },
    })
    const { exit, out } = await bench.run(...flags, '--drop-findings')
    expect(exit).toBe(0)
    expect(out).toContain('1 taken back by exceptions')
    expect(out).toContain(
      '1 exception under a name that stays blocked, for `list allow NAME`: fine.bad.example',
    )
    expect(readFileSync(drops, 'utf8')).toBe(
      'phishing.txt:6: unknown-modifier: ||a.example^$script\nphishing.txt: guard public-suffix: co.uk\n',
    )
    expect((await bench.run(...flags.slice(0, -1), bench.folder)).err).toMatch(
      /OPERATOR_USAGE: .* cannot be written: EISDIR/,
    )
  })

  it('an input of which nothing is taken is pointed at; a thousand slips of one kind are not all printed', async () => {
    const other = join(bench.folder, 'other.txt')
    writeFileSync(other, '<html>\n<body>\n')
    writeFileSync(input, `bad.example\n${Array.from({ length: 1000 }, (_, i) => `slip${i}`).join('\n')}\n`)
    const { exit, out } = await bench.run(
      ...['list', 'build', '--input', `${input}:phishing`, '--input', `${other}:malware`],
    )
    expect(exit).toBe(0)
    expect(out).toContain('other.txt: domains, 2 lines, 0 names')
    expect(out).toContain('nothing was taken: is it domains (FILE:CATEGORY:FORMAT)?')
    expect(out).toContain('guard bare-tld: 980 more: drop (--json has all)')
    expect(out.split('\n').length).toBeLessThan(30)
  })

  it('build publishes nothing; publish then takes the newest of the archive', async () => {
    expect((await bench.run('list', 'build', '--input', `${input}:phishing`)).out).toContain(
      'built version 1',
    )
    expect((await bench.run('list', 'status')).exit).toBe(1)
    expect((await bench.run('list', 'publish', '--yes')).exit).toBe(0)
    expect((await bench.run('list', 'publish', '--yes')).err).toContain('OPERATOR_LIST_OLDER')
  })

  it('says which lines report which version', async () => {
    await publish()
    await bench.modem.report('demo', {
      generation: 1,
      sequence: 1,
      protecting: true,
      list: { version: 1, names: 206 },
    })
    await bench.modem.report('demo-2', {
      generation: 1,
      sequence: 1,
      protecting: false,
      list: { version: null, names: 0, code: 'LIST_GATE_FAILED' },
    })
    const { reported, failing } = await status()
    expect(reported).toEqual({ 1: ['demo'], none: ['demo-2'] })
    expect(failing).toEqual({ LIST_GATE_FAILED: ['demo-2'] })
    expect((await bench.run('list', 'status')).out).toMatch(/^failing +LIST_GATE_FAILED: 1 line \(demo-2\)$/m)
  })
})

describe('keys', () => {
  it('rotates a role and signs again what its old key had signed', async () => {
    await bench.run('keys', 'publish')
    await publish()
    await bench.run('line', 'enable', 'demo')
    const before = (await retained(topics.desired('demo'))).get(topics.desired('demo'))!
    const { exit, json } = await bench.run('keys', 'rotate', 'line', 'list', '--yes', '--json')
    expect(exit).toBe(0)
    expect(json()).toMatchObject({
      number: 2,
      again: { line: { signed: 1, foreign: [] }, list: { signed: 1, foreign: [] } },
    })
    const after = (await retained(topics.desired('demo'))).get(topics.desired('demo'))!
    expect(after.equals(before)).toBe(false)
    expect(claimsOf(after)).toEqual(claimsOf(before))
    expect([...(await retained('securenet/v1/keys/+')).keys()].sort()).toEqual([
      topics.keys(1),
      topics.keys(2),
    ])
    expect((await bench.run('list', 'allow', 'bad7.example', '--yes')).exit).toBe(0)
  })

  it('does not sign again what is not ours', async () => {
    await bench.other((broker) => broker.publish(topics.desired('demo'), 'a.b.c', true))
    const { json } = await bench.run('keys', 'rotate', 'line', '--yes', '--json')
    expect(json().again.line).toEqual({ signed: 0, foreign: [topics.desired('demo')] })
  })

  it('shows what is in force, and asks before it replaces', async () => {
    expect((await bench.run('keys', 'show')).out).toMatch(/^keys document 1 of 1/)
    expect((await bench.run('keys', 'rotate', 'roots')).exit).toBe(2)
    expect((await bench.run('keys', 'init')).err).toContain('SIGN_FOLDER_EXISTS')
    expect((await bench.run('keys', 'rotate', 'nobody', '--yes')).exit).toBe(2)
  })
})

it.each([
  ['a.txt:malware', { file: 'a.txt', category: 0 }],
  ['a:b.txt:phishing:hosts', { file: 'a:b.txt', category: 1, format: 'hosts' }],
  ['c:\\x.txt:scam', { file: 'c:\\x.txt', category: 4 }],
])('--input %s', (text, expected) => {
  expect(parseInput(text)).toEqual(expected)
})
it.each(['a.txt', 'a.txt:nonsense', ':malware', 'malware', ''])('refuses --input "%s"', (text) => {
  expect(() => parseInput(text)).toThrow(/FILE:CATEGORY/)
})
