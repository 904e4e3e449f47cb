// As the list is judged: every listed name blocked, no other; and a published list read by the reader that knows
// docs/list-format.md alone. A million names with SECURENET_SCALE=1.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createMatcher } from '../../../module/blocklist/matcher.ts'
import { chunkTopic } from '../../../module/control/mqtt/topics.ts'
import { nameFromText } from '../../../module/dns/name.ts'
import { buildDemoList } from '../../../scripts/household/demo-list.ts'
import { Archive } from '../../../scripts/operator/list/archive.ts'
import { testNames } from '../../../scripts/operator/list/build.ts'
import { parents } from '../../../scripts/operator/list/gather.ts'
import { longTestLimitMs } from '../../helpers/limits.ts'
import { applyChunks, nameHash, readChunk, resultHash } from '../format/reference-reader.ts'

import { Modem, Publisher, someNames, testZone } from './update-world.ts'

const count = process.env['SECURENET_SCALE'] === '1' ? 1_000_000 : 50_000

describe(`${count} names`, () => {
  const source = new Publisher()
  const modem = new Modem(source, { probationSeconds: 0 })
  const listed = someNames(count)
  beforeAll(async () => {
    modem.updater.start()
    await modem.updater.offerHead(source.head(await source.version(1, listed)))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
  }, longTestLimitMs)
  afterAll(() => modem.remove())

  const blocked = (names: Iterable<string>) => {
    const matcher = createMatcher({ store: modem.serving, allow: [], core: [] })
    let sum = 0
    for (const name of names) if (matcher.verdict(nameFromText(name) as Buffer, 0) !== 0) sum += 1
    return sum
  }

  it('listed are all blocked, and so is what is below them', () => {
    expect(new Set(listed).size).toBe(count)
    expect(blocked(listed)).toBe(count)
    expect(blocked(listed.slice(0, 20_000).map((name) => `www.${name}`))).toBe(20_000)
  })

  it('not listed are none of them blocked', () => {
    expect(blocked(someNames(count, 2))).toBe(0)
  })
})

describe('the list of the household', () => {
  const { blacklist } = createRequire(import.meta.url)('eth-phishing-detect/src/config.json') as {
    blacklist: string[]
  }

  it('is the operator’s own: what can be no entry is left out, and counted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'securenet-acceptance-'))
    try {
      const archive = new Archive(folder, 'securenet')
      const { release, report } = await buildDemoList(archive, 'securenet', blacklist)
      expect(report.drops.map(({ reason }) => reason)).toEqual(Array(5).fill('ip-address'))
      expect(report.findings.filter(({ action }) => action !== 'demote')).toMatchObject([
        { guard: 'bare-tld', name: 'com12786312634', action: 'drop' },
        { guard: 'bare-tld', name: 'iclexofmarket', action: 'drop' },
      ])
      expect(report.covered).toBeGreaterThan(500)
      expect(release.names + report.covered).toBe(blacklist.length - 7 + testNames(testZone).length)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('as published, says the same to an independent reader', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'securenet-acceptance-'))
    try {
      const archive = new Archive(folder, 'securenet')
      const sample = blacklist.slice(0, 12_000)
      const { release } = await buildDemoList(archive, 'securenet', sample)
      const chunks = await publishedChunks(archive, release.version)
      const entries = applyChunks([], chunks)
      expect(entries).toHaveLength(release.names)
      expect(resultHash(entries)).toBe(release.result)
      const { key } = readChunk(chunks[0] as Buffer)
      expect(key.toString('hex')).toBe(release.key)
      const hashes = new Set(entries.map(({ hash }) => hash))
      const plain = sample.filter((name) => /^[a-z0-9.-]+\.[a-z-]+$/.test(name))
      expect(plain.length).toBeGreaterThan(11_000)
      // By itself, or by a tree above it.
      const isListed = (name: string) =>
        [name, ...parents(name)].some((one) => hashes.has(nameHash(key, one)))
      expect(plain.filter((name) => !isListed(name))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  async function publishedChunks(archive: Archive, version: number): Promise<Buffer[]> {
    const { chunks: found } = await archive.load(version)
    return [...found.keys()]
      .filter((topic) => topic.includes('/snapshot/'))
      .map(
        (_, index) =>
          found.get(chunkTopic({ list: 'securenet', version, kind: 'snapshot', index })) as Buffer,
      )
  }
})
