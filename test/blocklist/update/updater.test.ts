import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { keyB, Modem, Publisher, someNames } from './update-world.ts'

const modems: Modem[] = []
function modemOn(source: Publisher, options: ConstructorParameters<typeof Modem>[1] = {}): Modem {
  const modem = new Modem(source, options)
  modems.push(modem)
  modem.updater.start()
  return modem
}
afterEach(async () => {
  for (const modem of modems.splice(0)) await modem.remove()
})

const many = someNames(40_000)
const flip = (chunk: Buffer | undefined) => {
  const other = Buffer.from(chunk as Buffer)
  other[other.length >> 1] = (other[other.length >> 1] as number) ^ 1
  return other
}
const listFiles = (modem: Modem) =>
  readdirSync(modem.folder)
    .filter((name) => name.endsWith('.mdb'))
    .sort()

describe('an update', () => {
  it('brings the first list as a snapshot, and it serves', async () => {
    const source = new Publisher()
    const head = source.head(await source.version(1, many))
    const modem = modemOn(source)
    expect(modem.updater.status()).toMatchObject({ version: null, names: 0, phase: 'idle', stale: false })
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({
      version: 1,
      names: 40_006,
      sequence: 1,
      phase: 'probation',
      lastError: null,
    })
    expect(many.every((name) => modem.blocks(name))).toBe(true)
    expect(modem.blocks('example.org')).toBe(false)
    expect(source.asked.every(({ kind }) => kind === 'snapshot')).toBe(true)
  })

  it('takes a delta, then a chain of deltas, then over a gap a snapshot', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    const go = async (version: number, names: readonly string[], options = {}) => {
      source.asked.length = 0
      const release = await source.version(version, names, { direct: [1], ...options })
      return {
        release,
        take: async () => {
          await modem.updater.offerHead(source.head(release))
          await modem.updater.settled()
          expect(modem.updater.status()).toMatchObject({ version, lastError: null })
          return source.asked.map(({ kind, from, version: to }) => `${kind} ${from ?? ''}-${to}`)
        },
      }
    }
    await (await go(1, many)).take()
    expect(await (await go(2, [...many, 'new2.example'])).take()).toEqual(['delta 1-2'])
    await go(3, [...many, 'new3.example'])
    await go(4, [...many.slice(10), 'new4.example'])
    expect(await (await go(5, [...many.slice(20), 'new5.example'])).take()).toEqual([
      'delta 2-3',
      'delta 3-4',
      'delta 4-5',
    ])
    expect(modem.blocks('new5.example')).toBe(true)
    expect(modem.blocks('new4.example')).toBe(false)
    expect(modem.blocks(many[15] as string)).toBe(false)
    expect(modem.blocks(many[25] as string)).toBe(true)
    expect(listFiles(modem)).toHaveLength(1)
    const other = await (await go(6, many, { key: keyB })).take()
    expect(other.every((asked) => asked === 'snapshot -6')).toBe(true)
    expect(modem.blocks(many[5] as string)).toBe(true)
  })

  it('takes its time between chunks while a list serves, and none where there is no list yet', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0, pauseMs: 150 })
    await modem.updater.offerHead(source.head(await source.version(1, many)))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1 })
    source.asked.length = 0
    const release = await source.version(2, many, { key: keyB })
    expect(release.snapshot.chunks.length).toBeGreaterThan(2)
    await modem.updater.offerHead(source.head(release))
    for (let chunk = 1; chunk <= 2; chunk++) {
      await modem.until(() => source.asked.length === chunk && modem.clock.waiting > 0)
      modem.clock.advance(149)
      expect(source.asked.length).toBe(chunk)
      modem.clock.advance(1)
    }
    await modem.until(() => modem.updater.status().version === 2, 150)
    expect(source.asked.length).toBe(release.snapshot.chunks.length)
  })

  it('fetches a tampered chunk again, alone', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    let spoilt = 0
    source.onFetch = (ref, chunk) => (ref.index === 1 && spoilt++ === 0 ? flip(chunk) : chunk)
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(release))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
    expect(source.asked.map(({ index }) => index)).toEqual(
      [0, 1, 1, ...release.snapshot.chunks.keys()].filter((i, at) => at < 3 || i > 1),
    )
  })

  it.each([
    ['always tampered', (chunk: Buffer) => flip(chunk), 'LIST_CHUNK_BAD'],
    ['longer than 64 KiB', () => Buffer.alloc(65_537), 'LIST_CHUNK_BAD'],
    ['cut short', (chunk: Buffer) => chunk.subarray(0, 100), 'LIST_CHUNK_BAD'],
    ['missing', () => undefined, 'LIST_CHUNK_MISSING'],
  ])('a chunk %s is reported, retried with back-off, and taken once it is right', async (_, spoil, code) => {
    const source = new Publisher()
    const release = await source.version(1, many)
    let spoilt = true
    source.onFetch = (ref, chunk) => (spoilt && ref.index === 2 ? spoil(chunk as Buffer) : chunk)
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(release))
    await modem.until(() => modem.updater.status().phase === 'waiting' && modem.clock.waiting > 0)
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: code, progress: { done: 2 } })
    const asked = source.asked.length
    modem.clock.advance(500)
    expect(source.asked.length).toBe(asked)
    spoilt = false
    await modem.until(() => modem.updater.status().version === 1, 1000)
    expect(modem.updater.status()).toMatchObject({ lastError: null, failedVersions: [] })
    // What was there already was not fetched twice.
    expect(source.asked.filter(({ index }) => index === 0)).toHaveLength(1)
  })

  it('the back-off grows while nothing comes', async () => {
    const source = new Publisher()
    const release = await source.version(1, ['a.example'])
    source.onFetch = () => undefined
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(release))
    const gaps: number[] = []
    for (let i = 0; i < 5; i += 1) {
      const asked = source.asked.length
      await modem.until(() => modem.clock.waiting > 0)
      const before = modem.clock.monotonic()
      while (source.asked.length === asked) {
        modem.clock.advance(500)
        await modem.until(() => modem.clock.waiting > 0 || source.asked.length > asked)
      }
      gaps.push(modem.clock.monotonic() - before)
    }
    expect(gaps[4]).toBeGreaterThan(6 * (gaps[0] as number))
  })

  it('a delta that does not announce a tag that stays gives way to the snapshot', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.offerHead(source.head(await source.version(1, many)))
    await modem.updater.settled()
    const release = await source.version(2, [...many, 'new.example'])
    const topic = chunkTopic({ list: 'securenet', version: 2, kind: 'delta', from: 1, index: 0 })
    const chunk = Buffer.from(source.retained.get(topic) as Buffer)
    // docs/list-format.md §3: the number of tags comes after 44 octets and the list's name; 0x10 is of a test name.
    const tags = chunk.subarray(44 + 'securenet'.length + 1).subarray(0, 7)
    expect(tags.includes(0x10) && !tags.includes(0x1f)).toBe(true)
    tags[tags.indexOf(0x10)] = 0x1f
    source.retained.set(topic, chunk)
    const [delta] = release.deltas
    const chunks = [createHash('sha256').update(chunk).digest('base64url')]
    source.asked.length = 0
    await modem.updater.offerHead(
      source.head({ ...release, deltas: [{ ...delta, from: 1, chunks, bytes: chunk.length }] }),
    )
    await modem.updater.settled()
    expect([...new Set(source.asked.map(({ kind }) => kind))]).toEqual(['delta', 'snapshot'])
    expect(modem.updater.status()).toMatchObject({ version: 2, failedVersions: [] })
  })

  it('a delta that leads elsewhere gives way to the snapshot', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.offerHead(source.head(await source.version(1, many)))
    await modem.updater.settled()
    const good = await source.version(2, [...many, 'b.example'])
    const stranger = new Publisher()
    await stranger.version(1, many)
    const other = await stranger.version(2, [...many, 'c.example'])
    for (const [topic, chunk] of stranger.retained)
      if (topic.includes('/delta/')) source.retained.set(topic, chunk)
    source.asked.length = 0
    await modem.updater.offerHead(source.head({ ...good, deltas: other.deltas }))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, failedVersions: [] })
    expect(modem.blocks('b.example')).toBe(true)
    expect(source.asked[0]?.kind).toBe('delta')
    expect(source.asked.at(-1)?.kind).toBe('snapshot')
    expect(modem.logged.join()).toContain('LIST_RESULT_MISMATCH')
  })

  it('a snapshot that is not what the head says fails for good; the old list serves on', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.offerHead(source.head(await source.version(1, ['a.example'])))
    await modem.updater.settled()
    const release = await source.version(2, ['b.example'], { key: keyB })
    const wrong = { ...release, result: 'A'.repeat(43) }
    await modem.updater.offerHead(source.head(wrong))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({
      version: 1,
      failedVersions: [2],
      lastError: 'LIST_RESULT_MISMATCH',
    })
    expect(modem.blocks('a.example')).toBe(true)
    const asked = source.asked.length
    await modem.restart()
    await modem.updater.offerHead(source.head(wrong))
    await modem.updater.settled()
    expect(source.asked.length).toBe(asked)
    expect(modem.updater.status().lastError).toBe('LIST_VERSION_FAILED')
  })

  it.each([
    ['octets on the wire', { names: 10 }],
    ['names', { snapshot: { bytes: 1000 } }],
  ])('content of more than the quota is not fetched: too many %s', async (_, understated) => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const snapshot = { ...release.snapshot, ...('snapshot' in understated ? understated.snapshot : {}) }
    const modem = modemOn(source, { quotaBytes: 150_000 })
    await modem.updater.offerHead(source.head({ ...release, ...understated, snapshot }))
    await modem.until(() => modem.updater.status().lastError !== null)
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_QUOTA' })
    expect(source.asked).toHaveLength(0)
  })

  it('a head whose figures were wrong does not hold up the one that mends them', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head({ ...release, names: 4_000_000_000 }))
    await modem.until(() => modem.updater.status().lastError === 'LIST_QUOTA' && modem.clock.waiting > 0)
    await modem.updater.offerHead(source.head(release))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
  })

  it('a head that understates its names is refused with the first chunk', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const modem = modemOn(source, { quotaBytes: 200_000 })
    await modem.updater.offerHead(
      source.head({ ...release, names: 10, snapshot: { ...release.snapshot, bytes: 1000 } }),
    )
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: null, failedVersions: [1] })
    expect(source.asked).toHaveLength(1)
    expect(listFiles(modem)).toEqual([])
  })

  it('a head and chunks that understate their names together cannot fill the disk', async () => {
    const source = new Publisher()
    const release = await source.version(1, someNames(80_000))
    // docs/list-format.md §3: where a chunk says how many entries there are.
    const namesAt = 4 + 1 + 1 + 1 + 'securenet'.length + 8 + 8 + 8
    const chunks = release.snapshot.chunks.map((_, index) => {
      const topic = chunkTopic({ list: 'securenet', version: 1, kind: 'snapshot', index })
      const chunk = source.retained.get(topic) as Buffer
      chunk.writeUInt32BE(10, namesAt)
      return createHash('sha256').update(chunk).digest('base64url')
    })
    const quotaBytes = 200_000
    const modem = modemOn(source, { quotaBytes })
    await modem.updater.offerHead(source.head({ ...release, names: 10, snapshot: { bytes: 1000, chunks } }))
    await modem.until(() => modem.updater.status().lastError !== null && modem.clock.waiting > 0)
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_QUOTA' })
    // Not all of them were fetched before it was seen.
    expect(source.asked.length).toBeLessThan(chunks.length)
    expect(listFiles(modem)).toEqual([])
  })
})

describe('a head', () => {
  it('with a lower sequence is ignored, also after a restart', async () => {
    const source = new Publisher()
    const one = await source.version(1, ['a.example'])
    const two = await source.version(2, ['b.example'], { key: keyB })
    const early = source.head(two)
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(one))
    await modem.updater.settled()
    await modem.restart()
    await modem.updater.offerHead(early)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 2, lastError: null })
  })

  it('with a lower version is refused', async () => {
    const source = new Publisher()
    const one = await source.version(1, ['a.example'])
    const two = await source.version(2, ['b.example'])
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.offerHead(source.head(two))
    await modem.updater.settled()
    await modem.updater.offerHead(source.head(one))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: 'LIST_ROLLBACK' })
    expect(modem.blocks('b.example')).toBe(true)
  })

  it('of another list changes nothing', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(await source.version(1, ['a.example']), { list: 'other' }))
    expect(modem.updater.status()).toMatchObject({ sequence: 0, lastError: 'LIST_WRONG_LIST' })
  })

  it('with a candidate reaches about as many modems as it says, and the others take the stable one', async () => {
    const source = new Publisher()
    const stable = await source.version(1, ['a.example'])
    const release = await source.version(2, ['b.example'])
    const head = source.head(stable, { candidate: { percent: 30, salt: 's1', release } })
    const versions: (number | null)[] = []
    for (let i = 0; i < 40; i += 1) {
      const modem = modemOn(source, { modemId: `modem-${i}` })
      await modem.updater.offerHead(head)
      await modem.updater.settled()
      versions.push(modem.updater.status().version)
    }
    const taken = versions.filter((version) => version === 2).length
    expect(taken).toBeGreaterThan(4)
    expect(taken).toBeLessThan(22)
    expect(versions.filter((version) => version === 1).length).toBe(40 - taken)
  })

  it('whose candidate fails its gate leaves the stable version', async () => {
    const source = new Publisher()
    const stable = await source.version(1, ['a.example'])
    const release = await source.version(2, ['google.com'])
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(stable, { candidate: { percent: 100, salt: 's', release } }))
    await modem.until(() => modem.updater.status().version === 1)
    expect(modem.updater.status()).toMatchObject({ failedVersions: [2] })
    expect(modem.logged.join()).toContain('LIST_GATE_FAILED')
  })

  it('that expires makes the list stale, and the list serves on; a clock that is behind does not hide it', async () => {
    const source = new Publisher()
    let floor = 0
    const modem = modemOn(source, { floor: () => floor })
    const head = source.head(await source.version(1, ['a.example']))
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(modem.updater.status().stale).toBe(false)
    modem.clock.jumpTo(0)
    expect(modem.updater.status().stale).toBe(false)
    floor = head.expires * 1000 + 1
    expect(modem.updater.status().stale).toBe(true)
    expect(modem.blocks('a.example')).toBe(true)
  })

  it('spreads downloads over its window, the same for a line each time, and never waits longer', async () => {
    const source = new Publisher()
    const one = await source.version(1, ['a.example'])
    const two = await source.version(2, ['b.example'])
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.offerHead(source.head(one, { spreadSeconds: 3600 }))
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(1)
    const asked = source.asked.length
    // A clock of 1970 must not make it wait for half a century.
    modem.clock.jumpTo(0)
    await modem.updater.offerHead(source.head(two, { spreadSeconds: 3600 }))
    await modem.until(() => modem.clock.waiting > 0)
    expect(modem.updater.status().phase).toBe('waiting')
    expect(source.asked.length).toBe(asked)
    modem.clock.advance(3_600_000)
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(2)
  })

  it('keeps its allow list over a restart', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    await modem.updater.offerHead(
      source.head(await source.version(1, ['a.example']), { allow: ['good.example'] }),
    )
    await modem.updater.settled()
    modem.allow = []
    await modem.restart()
    expect(modem.allow).toEqual(['good.example'])
  })

  it('that comes while another version is on its way takes its place', async () => {
    const source = new Publisher()
    const one = await source.version(1, many)
    const two = await source.version(2, ['b.example'], { key: keyB })
    let held = () => {}
    source.onFetch = (ref, chunk) =>
      ref.version === 1 && ref.index === 1
        ? new Promise((resolve) => {
            held = () => resolve(chunk)
          })
        : chunk
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(one))
    await modem.until(() => source.asked.length === 2)
    await modem.updater.offerHead(source.head(two))
    await modem.updater.settled()
    held()
    expect(modem.updater.status().version).toBe(2)
    expect(listFiles(modem)).toEqual(['2-0.mdb'])
  })
})

describe('probation', () => {
  async function onProbation() {
    const source = new Publisher()
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(await source.version(1, ['a.example'])))
    await modem.updater.settled()
    await modem.until(() => modem.updater.status().phase === 'idle', 10_000)
    const two = source.head(await source.version(2, ['b.example']))
    await modem.updater.offerHead(two)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
    expect(listFiles(modem)).toHaveLength(2)
    return { source, modem, two }
  }

  it('keeps the previous file until the new one has served, across restarts', async () => {
    const { modem } = await onProbation()
    for (let minute = 0; minute < 8; minute += 1) {
      modem.clock.advance(60_000)
      await modem.updater.settled()
      await modem.until(() => modem.clock.waiting > 0)
      await modem.restart()
      expect(modem.updater.status().phase).toBe('probation')
    }
    expect(listFiles(modem)).toHaveLength(2)
    await modem.until(() => modem.updater.status().phase === 'idle', 60_000)
    await modem.until(() => listFiles(modem).length === 1)
    expect(modem.blocks('b.example')).toBe(true)
    expect(await modem.updater.reportFailure('too late')).toBe(false)
  })

  it('a failure reported within it brings the previous list back for good', async () => {
    const { source, modem, two } = await onProbation()
    expect(await modem.updater.reportFailure('self-test')).toBe(true)
    const check = () => {
      expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [2] })
      expect([modem.blocks('a.example'), modem.blocks('b.example')]).toEqual([true, false])
      expect(listFiles(modem)).toHaveLength(1)
    }
    check()
    await modem.restart()
    check()
    const asked = source.asked.length
    await modem.updater.offerHead(two)
    await modem.updater.settled()
    expect(source.asked.length).toBe(asked)
    expect(modem.updater.status().lastError).toBe('LIST_VERSION_FAILED')
    await modem.updater.offerHead(source.head(await source.version(3, ['c.example'])))
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(3)
  })

  it('also after a restart in the middle of it', async () => {
    const { modem } = await onProbation()
    await modem.restart()
    expect(modem.blocks('b.example')).toBe(true)
    await modem.updater.reportFailure('self-test')
    expect(modem.blocks('a.example')).toBe(true)
  })

  it('a list under which the process dies again and again is taken back', async () => {
    const { source, modem } = await onProbation()
    let last = modem
    for (let start = 0; start < 6; start += 1) {
      // No stop(): the process is gone.
      last = new Modem(source, { folder: modem.folder })
      last.updater.start()
      await last.updater.settled()
    }
    expect(last.updater.status()).toMatchObject({
      version: 1,
      failedVersions: [2],
      lastError: 'LIST_PROBATION_FAILED',
    })
    expect(last.blocks('a.example')).toBe(true)
    await last.updater.stop()
  })

  it('a modem that is switched off and on keeps it: the self-test has passed each time', async () => {
    const { source, modem } = await onProbation()
    let last = modem
    for (let start = 0; start < 12; start += 1) {
      // No stop(): the power is gone.
      last = new Modem(source, { folder: modem.folder })
      last.updater.start()
      await last.updater.passed()
    }
    expect(last.updater.status()).toMatchObject({ version: 2, failedVersions: [], lastError: null })
    await last.updater.stop()
  })

  it('the next version waits for its end', async () => {
    const { source, modem } = await onProbation()
    await modem.updater.offerHead(source.head(await source.version(3, ['c.example'])))
    const asked = source.asked.length
    let turns = 0
    await modem.until(() => ++turns > 200)
    expect(source.asked.length).toBe(asked)
    expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
    await modem.until(() => modem.updater.status().version === 3, 60_000)
  })
})

describe('what is on the disk', () => {
  it('a broken download goes on where it stopped, in another process', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const head = source.head(release)
    expect(release.snapshot.chunks.length).toBeGreaterThanOrEqual(4)
    source.onFetch = (ref, chunk) => (ref.index < 3 ? chunk : new Promise(() => {}))
    const modem = modemOn(source)
    await modem.updater.offerHead(head)
    await modem.until(() => modem.updater.status().progress.done === 3)
    await modem.restart()
    source.onFetch = (_, chunk) => chunk
    source.asked.length = 0
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(source.asked[0]?.index).toBe(3)
    expect(modem.updater.status().version).toBe(1)
    expect(many.every((name) => modem.blocks(name))).toBe(true)
  })

  it('a flipped byte anywhere in the file is found at start, the list before serves, and a new download repairs it', async () => {
    for (const place of [0, 0.001, 0.3, 0.6, 0.999]) {
      const source = new Publisher()
      const modem = modemOn(source)
      await modem.updater.offerHead(source.head(await source.version(1, many)))
      await modem.updater.settled()
      await modem.until(() => modem.updater.status().phase === 'idle', 60_000)
      const two = source.head(await source.version(2, [...many, 'b.example']))
      await modem.updater.offerHead(two)
      await modem.updater.settled()
      const file = join(modem.folder, '2-1.mdb')
      await modem.updater.stop()
      const octets = readFileSync(file)
      const at = Math.floor(octets.length * place)
      octets[at] = (octets[at] as number) ^ 0x10
      writeFileSync(file, octets)
      await modem.restart()
      expect(modem.updater.status()).toMatchObject({ version: 1, lastError: 'LIST_DAMAGED' })
      expect(modem.blocks(many[0] as string)).toBe(true)
      await modem.updater.offerHead(two)
      await modem.until(() => modem.updater.status().version === 2, 60_000)
      expect(modem.blocks('b.example')).toBe(true)
    }
  })

  it('without a good file there is none, and it is said', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    const head = source.head(await source.version(1, many))
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    await modem.updater.stop()
    truncateSync(join(modem.folder, '1-0.mdb'), 5000)
    expect(await modem.restart()).toBeNull()
    expect(modem.updater.status()).toMatchObject({ version: null, names: 0, lastError: 'LIST_DAMAGED' })
    expect(listFiles(modem)).toEqual([])
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
  })

  it('orphans go at start', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(await source.version(3, ['a.example'])))
    await modem.updater.settled()
    for (const name of ['2-0.mdb', '2-0.mdb-lock', 'state.json.tmp', 'x'])
      writeFileSync(join(modem.folder, name), 'x')
    await modem.restart()
    expect(
      readdirSync(modem.folder)
        .filter((name) => !name.endsWith('-lock'))
        .sort(),
    ).toEqual(['3-0.mdb', '3-0.mdb-state', 'state-copy.json', 'state.json'])
  })

  it('wipe leaves not a byte of the list, and the same head begins anew', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    const head = source.head(await source.version(1, many), { allow: ['excepted.example'] })
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    await modem.updater.wipe()
    const files = readdirSync(modem.folder).sort()
    expect(files).toEqual(['state-copy.json', 'state.json'])
    const left = files.map((name) => readFileSync(join(modem.folder, name), 'latin1')).join()
    for (const trace of ['excepted.example', head.stable.key, head.stable.result, '1-0.mdb'])
      expect(left).not.toContain(trace)
    expect(modem.serving).toBeNull()
    expect(modem.updater.status()).toMatchObject({ version: null, sequence: head.sequence, phase: 'idle' })
    await modem.updater.setWanted(true)
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(1)
  })

  it.each(['at once', 'after a restart'])('wipe keeps what refuses a replayed head: %s', async (when) => {
    const source = new Publisher()
    const modem = modemOn(source)
    const old = source.head(await source.version(1, many))
    const head = source.head(await source.version(2, many))
    await modem.updater.offerHead(head, 3)
    await modem.updater.settled()
    await modem.updater.wipe()
    if (when === 'after a restart') await modem.restart()
    for (const [replayed, epoch] of [
      [old, 3],
      [{ ...old, sequence: 99 }, 2],
    ] as const) {
      await modem.updater.offerHead(replayed, epoch)
      await modem.updater.settled()
      expect(modem.updater.status()).toMatchObject({ version: null, sequence: head.sequence })
    }
    await modem.updater.setWanted(true)
    await modem.updater.offerHead(head, 3)
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(2)
  })

  it('while no line needs the list, the newest head is only remembered; it is taken once one does', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await modem.updater.setWanted(false)
    const [older, newer] = [
      source.head(await source.version(1, ['old.example'])),
      source.head(await source.version(2, ['new.example'])),
    ]
    await modem.updater.offerHead(newer, 2)
    await modem.updater.offerHead(older, 2)
    await modem.updater.offerHead({ ...older, sequence: 99 }, 1)
    await modem.updater.settled()
    expect(readdirSync(modem.folder)).toEqual([])
    expect(modem.updater.status()).toMatchObject({ version: null, sequence: 0 })
    expect(modem.updater.head).toEqual(newer)
    await modem.updater.setWanted(true)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: newer.sequence })
  })

  it('wipe of a list that never was writes nothing', async () => {
    const modem = modemOn(new Publisher())
    await modem.updater.wipe()
    expect(readdirSync(modem.folder)).toEqual([])
  })
})
