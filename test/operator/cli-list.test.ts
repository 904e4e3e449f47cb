import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chunkTopic, topics } from '../../module/control/mqtt/topics.ts'
import { parseInput } from '../../scripts/operator/commands/list-build.ts'
import { realWorld } from '../../scripts/operator/context.ts'
import { openKeys } from '../../scripts/operator/keys.ts'
import { claimsOf } from '../../scripts/operator/orders.ts'
import { loadProfile } from '../../scripts/operator/profile.ts'
import { runOperator } from '../../scripts/operator/program.ts'
import { decodeSnapshot } from '../blocklist/format/decode-list.ts'
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
  await bench.run('keys', 'publish')
  input = join(bench.folder, 'phishing.txt')
  writeFileSync(input, `${names(200)}\nhttp://x.example/path\n`)
})
afterEach(() => bench.stop())

const publish = (...args: string[]) =>
  bench.run('list', 'publish', '--input', `${input}:phishing`, '--yes', ...args)
const status = async () => (await bench.run('list', 'status', '--json')).json()

const retained = (filter: string) => bench.retained(filter)
/** Lines that were never ordered from here. */
const discover = () => bench.run('register', 'import', '--discover')

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
    const topicNames = [...(await retained('securenet/v1/list/securenet/#')).keys()]
    const left = topicNames.map((topic) => topic.split('/').slice(4, 7).join('/'))
    // The chain leads over version 2, whose snapshot nobody is sent to any more.
    expect(left.sort()).toEqual(['2/delta/1', '3/delta/1', '3/delta/2', '3/snapshot/0', 'head'])
  })

  it('a candidate for a share; promoted, or stopped', async () => {
    await publish()
    writeFileSync(input, `${names(205)}\n`)
    await publish('--percent', '5')
    expect((await status()).head).toMatchObject({
      stable: { version: 1 },
      candidate: { percent: 5, release: { version: 2 } },
    })
    await bench.modem.report('demo', {
      generation: 1,
      sequence: 1,
      protecting: true,
      list: { name: 'securenet', state: 'verified', version: 2, names: 211 },
    })
    await discover()
    const stop = await bench.run('list', 'stop', '--yes')
    expect(stop.err).toContain('version 2 stays on 1 line until a higher one comes; `list publish --again 1`')
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

  it('content is taken back under a higher number', async () => {
    await publish()
    writeFileSync(input, `${names(205)}\n`)
    await publish()
    expect((await bench.run('list', 'publish', '--version', '1', '--yes')).err).toContain(
      '`list publish --again 1` gives it a higher number',
    )
    expect((await bench.run('list', 'publish', '--again', '1', '--dry-run')).exit).toBe(0)
    expect((await bench.run('list', 'publish', '--again', '1', '--yes')).out).toMatch(
      /^published version 3, 206/,
    )
    const { stable } = (await status()).head
    const { json } = await bench.run('list', 'publish', '--again', '1', '--yes', '--json')
    expect(json().head.stable).toMatchObject({ version: 4, result: stable.result })
    expect((await bench.run('list', 'publish', '--again', '9', '--yes')).err).toContain(
      'LIST_ARCHIVE_UNKNOWN',
    )
  })

  it('the stable version again puts back what was taken from the broker, and the head lives on', async () => {
    await publish('--spread', '3600')
    const chunk = topics.snapshot('securenet', 1, 0)
    const was = (await retained(chunk)).get(chunk)
    await bench.other((broker) => broker.publish(chunk, 'garbage', true))
    expect((await bench.run('list', 'publish', '--version', '1', '--yes')).exit).toBe(0)
    expect((await retained(chunk)).get(chunk)).toEqual(was)
    expect((await status()).head).toMatchObject({ sequence: 2, spreadSeconds: 3600, stable: { version: 1 } })
  })

  describe('a head that is not ours', () => {
    const topic = topics.head('securenet')
    const put = (payload: string) => bench.other((broker) => broker.publish(topic, payload, true))

    it.each([
      ['list', 'status'],
      ['list', 'allow', 'bad7.example', '--yes'],
      ['list', 'prune'],
    ])('%s %s: said, with what puts ours back', async (...args) => {
      await publish()
      await bench.run('list', 'allow', 'bad8.example', '--yes')
      await put('garbage')
      const { exit, err } = await bench.run(...args)
      expect(exit).toBe(1)
      expect(err).toContain('OPERATOR_FOREIGN_DOCUMENT')
      const [, way] = /`(list publish --version 1 --sequence 3)`/.exec(err) ?? []
      expect((await bench.run(...(way as string).split(' '), '--yes')).exit).toBe(0)
      expect((await status()).head).toMatchObject({
        sequence: 3,
        allow: ['bad8.example'],
        stable: { version: 1 },
      })
    })

    it('of a thief who has spent the numbers: replaced once the key is', async () => {
      await publish()
      const { head } = await status()
      const stolen = { ...head, sequence: 2 ** 53 - 3, stable: { ...head.stable, version: 2 ** 31 } }
      const { sign } = await openKeys(loadProfile(bench.profileFile))
      await put(await sign('head', stolen))
      expect((await bench.run('list', 'status')).out).toContain(
        'not published from here, where the last was 1',
      )
      expect((await bench.run('list', 'publish', '--version', '1', '--yes')).err).toMatch(
        /OPERATOR_NUMBERS_SPENT[\s\S]*keys rotate list[\s\S]*--sequence 2/,
      )
      await bench.run('keys', 'rotate', 'list', '--yes')
      expect((await bench.run('list', 'publish', '--version', '1', '--sequence', '2', '--yes')).exit).toBe(0)
      expect((await status()).head).toMatchObject({ sequence: 2, stable: { version: 1 } })
    })

    it('none, or an older one of ours: numbers go on where they were', async () => {
      await publish()
      const older = (await retained(topic)).get(topic)!.toString()
      await bench.run('list', 'allow', 'bad7.example', '--yes')
      await put(older)
      expect((await bench.run('list', 'status')).out).toContain('OLDER than 2')
      await bench.run('list', 'allow', 'bad8.example', '--yes')
      expect((await status()).head).toMatchObject({ sequence: 3, allow: ['bad7.example', 'bad8.example'] })
      await put('')
      writeFileSync(input, `${names(205)}\n`)
      await publish()
      expect((await status()).head).toMatchObject({ sequence: 4, stable: { version: 2 } })
    })
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

  it('a source that answers with a page, or with nothing, withdraws nothing', async () => {
    const other = join(bench.folder, 'other.txt')
    const both = ['--input', `${input}:phishing`, '--input', `${other}:malware`]
    const again = () => bench.run('list', 'publish', ...both, '--yes')
    writeFileSync(other, 'a.example\nb.example\n')
    expect((await again()).exit).toBe(0)
    for (const [text, code] of [
      ['<html>\n<body>\n', 'LIST_INPUT'],
      ['', 'LIST_EMPTY'],
      ['Too many requests\n', 'LIST_EMPTY'],
    ] as const) {
      writeFileSync(other, text)
      const { exit, err } = await again()
      expect({ exit, err }).toMatchObject({ exit: 1, err: expect.stringContaining(code) })
    }
    const without = await publish()
    expect(without.err).toMatch(/LIST_CHANGE: category malware: 2 of 3 names would go/)
    expect((await status()).head.stable.version).toBe(1)
  })

  it('an input of which nothing is taken is pointed at; a thousand slips of one kind are not all printed', async () => {
    writeFileSync(input, `bad.example\n${Array.from({ length: 1000 }, (_, i) => `slip${i}`).join('\n')}\n`)
    const { exit, out } = await bench.run('list', 'build', '--input', `${input}:phishing`)
    expect(exit).toBe(0)
    expect(out).toContain('guard bare-tld: 980 more: drop (--json has all)')
    expect(out.split('\n').length).toBeLessThan(30)
    writeFileSync(input, 'Service Unavailable\n')
    const empty = await bench.run('list', 'build', '--input', `${input}:phishing`)
    expect(empty.err).toContain('nothing was taken: is it domains (FILE:CATEGORY:FORMAT)?')
  })

  it('says how far it is with a long list', async () => {
    writeFileSync(input, `${names(250_000)}\n`)
    const { err } = await bench.run('list', 'build', '--input', `${input}:phishing`)
    expect(err).toMatch(/read 1\d{5} lines\n[\s\S]*checked 25\d{4} names\n[\s\S]*hashed 1\d{5} names/)
    const json = await bench.run('list', 'build', '--input', `${input}:phishing`, '--json')
    expect(json.err).not.toContain('lines')
  })

  it('build is a look: it uses up no version, and publishes nothing; kept, publish takes the newest', async () => {
    const build = (...args: string[]) => bench.run('list', 'build', '--input', `${input}:phishing`, ...args)
    expect((await build()).out).toContain('would be version 1')
    expect((await bench.run('list', 'publish', '--yes')).err).toContain('the archive is empty')
    expect((await build()).out).toContain('would be version 1')
    expect((await build('--keep')).out).toContain('built version 1')
    expect((await bench.run('list', 'status')).exit).toBe(1)
    expect((await bench.run('list', 'publish', '--yes')).exit).toBe(0)
    expect((await bench.run('list', 'publish', '--yes')).err).toContain('OPERATOR_LIST_OLDER')
    writeFileSync(input, `${names(100)}\n`)
    expect((await build()).err).toContain('LIST_CHANGE')
  })

  it('build needs neither a household nor a profile', async () => {
    const said: string[] = []
    const terminal = {
      out: (text: string) => void said.push(text),
      err: (text: string) => void said.push(text),
      ask: async () => null,
      live: false,
    }
    const env = { SECURENET_HOME: join(bench.folder, 'nowhere') }
    const look = (...args: string[]) =>
      runOperator(['list', 'build', '--input', `${input}:phishing`, ...args], { ...realWorld(terminal), env })
    expect(await look()).toBe(0)
    expect(said.join('')).toContain('would be version 1, 206 names')
    expect(await look('--keep')).toBe(2)
    expect(said.join('')).toContain('no household is running here')
  })

  it('says which lines report which version', async () => {
    await publish()
    await bench.modem.report('demo', {
      generation: 1,
      sequence: 1,
      protecting: true,
      list: { name: 'securenet', state: 'verified', version: 1, names: 206 },
    })
    await bench.modem.report('demo-2', {
      generation: 1,
      sequence: 1,
      protecting: false,
      list: { name: 'securenet', state: 'none', names: 0, code: 'LIST_GATE_FAILED' },
    })
    await discover()
    expect(await status()).toMatchObject({
      reported: { 1: ['demo'], none: ['demo-2'] },
      troubles: { LIST_GATE_FAILED: ['demo-2'] },
    })
  })

  it('says which lines have a list that has expired, or cannot take the newest', async () => {
    await publish()
    const report = (line: string, list: object) =>
      bench.modem.report(line, {
        generation: 1,
        sequence: 1,
        protecting: true,
        list: { name: 'securenet', ...list },
      })
    await report('demo', { version: 1, names: 206, state: 'stale' })
    await report('demo-2', { version: 1, names: 206, state: 'verified', code: 'LIST_DISK_FULL' })
    await discover()
    expect((await status()).troubles).toEqual({ stale: ['demo'], LIST_DISK_FULL: ['demo-2'] })
    expect((await bench.run('list', 'status')).out).toMatch(/trouble +LIST_DISK_FULL: 1 line \(demo-2\)/)
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
      again: { line: { documents: 1, signed: 1, foreign: [] }, list: { documents: 1, signed: 1 } },
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

  it('sign-again says that there is nothing to sign', async () => {
    const { exit, out } = await bench.run('keys', 'sign-again', 'list', '--yes')
    expect({ exit, out }).toMatchObject({ exit: 0, out: expect.stringContaining('never replaced') })
  })

  it('does not sign again what is not ours', async () => {
    // The line is known, and nothing was ordered for it.
    await bench.register((register) => register.regroup(['demo'], { group: 'g', join: true, act: 'a' }))
    await bench.other((broker) => broker.publish(topics.desired('demo'), 'a.b.c', true))
    const { json } = await bench.run('keys', 'rotate', 'line', '--yes', '--json')
    expect(json().again.line).toMatchObject({ documents: 1, signed: 0, foreign: [topics.desired('demo')] })
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
