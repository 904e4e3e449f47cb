// Two things at once, and a medium that refuses in between: seen through the updater alone.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { keyB, Modem, Publisher, someNames } from './update-world.ts'

const many = someNames(40_000)
const cleanUp: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act()
})

function modemOn(source: Publisher, options: ConstructorParameters<typeof Modem>[1] = {}): Modem {
  const modem = new Modem(source, options)
  cleanUp.push(() => modem.remove())
  modem.updater.start()
  return modem
}

async function takes(modem: Modem, head: Parameters<Modem['updater']['offerHead']>[0]): Promise<void> {
  await modem.updater.offerHead(head)
  await modem.updater.settled()
}

const listFiles = (modem: Modem) => readdirSync(modem.folder).filter((name) => name.endsWith('.mdb'))
/** Where the state is written first: as a folder it makes every write fail, whoever asks. */
const obstacle = (modem: Modem) => join(modem.folder, 'state.json.tmp')

/** Version 2 is on probation, 1 is kept. */
async function onProbation() {
  const source = new Publisher()
  const modem = modemOn(source)
  await takes(modem, source.head(await source.version(1, ['a.example'])))
  await modem.until(() => modem.updater.status().phase === 'idle', 60_000)
  await takes(modem, source.head(await source.version(2, ['b.example'])))
  expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
  return { source, modem }
}

/** To the moment before the last tick of a probation of ten minutes. */
async function nearItsEnd(modem: Modem): Promise<void> {
  for (let minute = 1; minute < 10; minute += 1) {
    modem.clock.advance(60_000)
    await modem.updater.settled()
    await modem.until(() => modem.clock.waiting > 0)
  }
  expect(modem.updater.status().phase).toBe('probation')
}

describe('in the very moment when a probation ends', () => {
  it('a failure that is reported brings the former list back for good', async () => {
    const { modem } = await onProbation()
    await nearItsEnd(modem)
    modem.clock.advance(60_000)
    expect(await modem.updater.reportFailure('self-test')).toBe(true)
    await modem.updater.settled()
    for (const restart of [false, true]) {
      if (restart) await modem.restart()
      expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [2], phase: 'idle' })
      expect(modem.blocks('a.example')).toBe(true)
      expect(listFiles(modem)).toEqual(['1-0.mdb'])
    }
  })

  it('a self-test that passes does not begin it again', async () => {
    const { source, modem } = await onProbation()
    await nearItsEnd(modem)
    // The process is gone, and started again.
    const again = new Modem(source, { folder: modem.folder })
    again.updater.start()
    await again.updater.settled()
    again.clock.advance(60_000)
    await again.updater.passed()
    await again.updater.settled()
    expect(again.updater.status()).toMatchObject({ version: 2, phase: 'idle' })
    await takes(again, source.head(await source.version(3, ['c.example'])))
    expect(again.updater.status().version).toBe(3)
    await again.updater.stop()
  })

  it('a stop leaves no timer behind', async () => {
    const { modem } = await onProbation()
    modem.clock.advance(60_000)
    await modem.updater.stop()
    await modem.updater.settled()
    expect(modem.clock.waiting).toBe(0)
  })
})

it('a failure that is reported while a minute of probation is written down ends the probation', async () => {
  const { source, modem } = await onProbation()
  modem.clock.advance(60_000)
  expect(await modem.updater.reportFailure('self-test')).toBe(true)
  await modem.updater.settled()
  expect(modem.updater.status()).toMatchObject({ version: 1, phase: 'idle' })
  expect(modem.clock.waiting).toBe(0)
  await takes(modem, source.head(await source.version(3, ['c.example'])))
  expect(modem.updater.status().version).toBe(3)
})

it('a wipe while a minute of probation is written down leaves none', async () => {
  const { modem } = await onProbation()
  modem.clock.advance(60_000)
  await modem.updater.wipe()
  expect(modem.clock.waiting).toBe(0)
  await modem.restart()
  expect(modem.updater.status()).toMatchObject({ version: null, phase: 'idle', sequence: 2 })
})

it.each(['of a chunk that never comes', 'of a chunk that is being built in', 'of a retry'])(
  'a wipe in the middle %s leaves nothing but the rank, and nothing goes on',
  async (_) => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const middle = {
      'of a chunk that never comes': () => new Promise<Buffer>(() => {}),
      'of a chunk that is being built in': undefined,
      'of a retry': () => undefined,
    }[_]
    source.onFetch = (ref, chunk) => (middle && ref.index === 3 ? middle() : chunk)
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(release))
    if (_ === 'of a retry') await modem.until(() => modem.clock.waiting > 0)
    else await modem.until(() => source.asked.at(-1)?.index === 3)
    await modem.updater.wipe()
    expect(readdirSync(modem.folder).sort()).toEqual(['state-copy.json', 'state.json'])
    expect(modem.updater.status()).toMatchObject({
      version: null,
      sequence: 1,
      phase: 'idle',
      lastError: null,
    })
    expect(modem.clock.waiting).toBe(0)
    const asked = source.asked.length
    modem.clock.advance(86_400_000)
    await modem.updater.settled()
    expect(source.asked.length).toBe(asked)
  },
)

describe('a head', () => {
  it('that comes during a wipe waits for its end, and is taken', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await takes(modem, source.head(await source.version(1, many)))
    const two = source.head(await source.version(2, ['b.example']))
    const wiped = modem.updater.wipe()
    void modem.updater.setWanted(true)
    const taken = modem.updater.offerHead(two)
    await wiped
    await taken
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 2, lastError: null })
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 2, lastError: null })
  })

  it('after a stop begins nothing', async () => {
    const source = new Publisher()
    const modem = modemOn(source)
    const head = source.head(await source.version(1, ['a.example']))
    const taken = modem.updater.offerHead(head)
    await modem.updater.stop()
    await taken
    await modem.updater.offerHead(head)
    await modem.updater.settled()
    expect(source.asked).toEqual([])
    expect(modem.serving).toBeNull()
  })

  it('and another at once: the newer one counts, whatever was begun', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    const heads = [
      source.head(await source.version(1, many)),
      source.head(await source.version(2, many, { key: keyB })),
      source.head(await source.version(3, ['c.example'], { key: keyB })),
    ]
    await Promise.all(heads.map((head) => modem.updater.offerHead(head)))
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 3, sequence: 3, lastError: null })
    expect(listFiles(modem)).toEqual(['3-0.mdb'])
  })

  it('that puts right the chunks of the version on its way is obeyed at once', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const [first, ...rest] = release.snapshot.chunks as [string, ...string[]]
    const wrong = {
      ...release,
      snapshot: { ...release.snapshot, chunks: [first, 'A'.repeat(43), ...rest.slice(1)] },
    }
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(wrong))
    await modem.until(() => modem.updater.status().lastError === 'LIST_CHUNK_BAD')
    await takes(modem, source.head(release))
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null, failedVersions: [] })
    expect(source.asked.filter(({ index }) => index === 0)).toHaveLength(1)
  })

  it('that publishes the same version again ends a back-off; the same head once more does not', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    let isMissing = true
    source.onFetch = (ref, chunk) => (isMissing && ref.index === 2 ? undefined : chunk)
    const modem = modemOn(source)
    const head = source.head(release)
    await modem.updater.offerHead(head)
    await modem.until(() => modem.updater.status().phase === 'waiting' && modem.clock.waiting > 0)
    isMissing = false
    const asked = source.asked.length
    await modem.updater.offerHead(head)
    expect(source.asked.length).toBe(asked)
    await takes(modem, source.head(release))
    expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 2, lastError: null })
    expect(source.asked.filter(({ index }) => index === 0)).toHaveLength(1)
  })

  it('that makes the candidate the stable one in the middle of its download does not begin it again', async () => {
    const source = new Publisher()
    const one = await source.version(1, ['a.example'])
    const release = await source.version(2, many, { key: keyB })
    let let2 = () => {}
    const held = new Promise<void>((resolve) => {
      let2 = resolve
    })
    source.onFetch = async (ref, chunk) => {
      if (ref.index === 2) await held
      return chunk
    }
    const modem = modemOn(source)
    await modem.updater.offerHead(source.head(one, { candidate: { percent: 100, salt: 's', release } }))
    await modem.until(() => source.asked.length === 3)
    await modem.updater.offerHead(source.head(release))
    let2()
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 2, lastError: null })
    expect(source.asked.filter(({ index }) => index === 0)).toHaveLength(1)
  })

  it('that takes the candidate back in the middle of its download ends it', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    const one = await source.version(1, ['a.example'])
    await takes(modem, source.head(one))
    const release = await source.version(2, many, { key: keyB })
    source.onFetch = (ref, chunk) => (ref.index === 2 ? new Promise(() => {}) : chunk)
    await modem.updater.offerHead(source.head(one, { candidate: { percent: 100, salt: 's', release } }))
    await modem.until(() => source.asked.at(-1)?.index === 2)
    await takes(modem, source.head(one))
    expect(modem.updater.status()).toMatchObject({ version: 1, phase: 'idle', failedVersions: [] })
  })

  it.each([-400, 400])('a clock that jumps by %i days in the middle changes nothing', async (days) => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 120, pauseMs: 150 })
    await takes(modem, source.head(await source.version(1, ['a.example'])))
    const two = source.head(await source.version(2, many, { key: keyB }), { spreadSeconds: 600 })
    const jump = () => modem.clock.jumpTo(modem.clock.now() + days * 86_400_000)
    await modem.updater.offerHead(two)
    jump()
    await modem.until(() => source.asked.at(-1)?.version === 2, 1_000)
    jump()
    await modem.until(() => modem.updater.status().version === 2, 1_000)
    jump()
    await modem.until(() => modem.updater.status().phase === 'idle', 1_000)
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: null })
  })
})

describe('a medium that refuses', () => {
  it('to write down a head: it is written with the list that it brings', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    let isFree = false
    source.onFetch = (_, chunk) => {
      if (!isFree) rmSync(obstacle(modem), { recursive: true })
      isFree = true
      return chunk
    }
    mkdirSync(obstacle(modem))
    const head = source.head(await source.version(1, ['a.example']), { allow: ['good.example'] })
    await takes(modem, head)
    expect(modem.logged.join()).toContain('LIST_STORE_IO')
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({
      version: 1,
      sequence: 1,
      issuedAt: head.issuedAt,
      expires: head.expires,
    })
    expect(modem.allow).toEqual(['good.example'])
  })

  it('to write down that a candidate failed: the stable version is taken all the same, and it is written then', async () => {
    const source = new Publisher()
    const stable = await source.version(1, ['a.example'])
    const release = await source.version(2, ['google.com'])
    const modem = modemOn(source, { probationSeconds: 0 })
    mkdirSync(obstacle(modem))
    await modem.updater.offerHead(source.head(stable, { candidate: { percent: 100, salt: 's', release } }))
    await modem.until(() => source.asked.at(-1)?.version === 1 && modem.updater.status().phase === 'waiting')
    expect(modem.updater.status()).toMatchObject({ version: null, failedVersions: [2] })
    rmSync(obstacle(modem), { recursive: true })
    await modem.until(() => modem.updater.status().version === 1, 1000)
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [2] })
  })

  it('again and again, after more or less of the list: it is asked ever more rarely', async () => {
    const source = new Publisher()
    const release = await source.version(1, many)
    const modem = modemOn(source, {
      openBuilder: async ({ chunks }) => {
        let next = 0
        const most = tries % 2 === 0 ? 1 : chunks - 1
        tries += 1
        return {
          get next() {
            return next
          },
          append: async () => {
            if (next >= most) throw Object.assign(new Error('the flash is worn'), { code: 'LIST_STORE_IO' })
            next += 1
            // What the updater looks at while it grows.
            if (!statSync(join(modem.folder, '1-0.mdb'), { throwIfNoEntry: false }))
              writeFileSync(join(modem.folder, '1-0.mdb'), '')
          },
          finish: () => Promise.reject(new Error('not reached')),
          close: async () => undefined,
        }
      },
    })
    let tries = 0
    await modem.updater.offerHead(source.head(release))
    for (let hour = 0; hour < 12; hour += 1)
      for (let step = 0; step < 360; step += 1) {
        await modem.until(() => modem.clock.waiting > 0)
        modem.clock.advance(10_000)
      }
    // Doubling from 5 s to an hour: some ten until then, and two an hour after.
    expect(tries).toBeLessThan(50)
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_STORE_IO' })
  })

  /** A file system of its own; undefined where that is not allowed. */
  function ownMedium(): { list: string; locks: string; writable(yes: boolean): void } | undefined {
    const path = mkdtempSync(join(tmpdir(), 'securenet-medium-'))
    cleanUp.push(() => rmSync(path, { recursive: true, force: true }))
    const flash = join(path, 'flash')
    mkdirSync(flash)
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', flash], { stdio: 'ignore' })
    } catch {
      console.log('skipped: a tmpfs cannot be mounted here (not root?)')
      return undefined
    }
    cleanUp.push(() => void execFileSync('umount', ['-l', flash]))
    return {
      list: join(flash, 'data', 'list'),
      locks: join(path, 'locks'),
      writable: (yes) => void execFileSync('mount', ['-o', `remount,${yes ? 'rw' : 'ro'}`, flash]),
    }
  }

  it('every write, as it has become read-only: the list serves, nothing is begun anew for ever, and once it is writable the update goes through', async (context) => {
    const medium = ownMedium()
    if (!medium) return context.skip()
    const source = new Publisher()
    const modem = modemOn(source, { folder: medium.list, lockFolder: medium.locks, probationSeconds: 0 })
    await takes(modem, source.head(await source.version(1, ['a.example', ...many.slice(0, 100)])))
    let isMissing = true
    source.onFetch = (ref, chunk) => (isMissing && ref.index === 3 ? undefined : chunk)
    await modem.updater.offerHead(source.head(await source.version(2, many, { key: keyB })))
    await modem.until(() => modem.updater.status().phase === 'waiting' && modem.clock.waiting > 0)
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: 'LIST_CHUNK_MISSING' })
    isMissing = false
    medium.writable(false)
    const codes = () => modem.logged.filter((line) => line.startsWith('list-update'))
    const before = codes().length
    await modem.until(() => codes().length > before + 12, 60_000)
    expect(
      codes()
        .slice(before)
        .every((line) => line.includes('LIST_STORE_IO')),
    ).toBe(true)
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: 'LIST_STORE_IO' })
    expect(modem.blocks('a.example')).toBe(true)
    const asked = source.asked.length
    // A newer head, too, finds its way later.
    await modem.updater.offerHead(source.head(await source.version(3, [...many, 'c.example'], { key: keyB })))
    await modem.until(() => modem.updater.status().phase === 'waiting' && modem.clock.waiting > 0)
    expect(source.asked.length).toBe(asked)
    medium.writable(true)
    await modem.until(() => modem.updater.status().version === 3, 60_000)
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 3, sequence: 3, lastError: null })
    await modem.updater.stop()
  })

  it('to wipe: it is said, nothing serves, and a later head begins anew once it is writable', async (context) => {
    const medium = ownMedium()
    if (!medium) return context.skip()
    const source = new Publisher()
    const modem = modemOn(source, { folder: medium.list, lockFolder: medium.locks, probationSeconds: 0 })
    const release = await source.version(1, ['a.example'])
    await takes(modem, source.head(release))
    medium.writable(false)
    await expect(modem.updater.wipe()).rejects.toMatchObject({ code: 'EROFS' })
    expect(modem.serving).toBeNull()
    expect(modem.updater.status()).toMatchObject({ version: null, sequence: 1, lastError: 'LIST_STORE_IO' })
    medium.writable(true)
    await modem.updater.setWanted(true)
    await takes(modem, source.head(release))
    await modem.until(() => modem.updater.status().version === 1, 60_000)
    expect(modem.blocks('a.example')).toBe(true)
    await modem.updater.stop()
  })

  it('at a start on a read-only medium with a damaged list: the former one serves', async (context) => {
    const medium = ownMedium()
    if (!medium) return context.skip()
    const source = new Publisher()
    const modem = modemOn(source, { folder: medium.list, lockFolder: medium.locks })
    await takes(modem, source.head(await source.version(1, ['a.example'])))
    await modem.until(() => modem.updater.status().phase === 'idle', 60_000)
    const two = source.head(await source.version(2, ['b.example']))
    await takes(modem, two)
    await modem.updater.stop()
    truncateSync(join(modem.folder, '2-1.mdb'), 20_000)
    medium.writable(false)
    await modem.restart()
    expect(modem.updater.status().version).toBe(1)
    expect(modem.blocks('a.example')).toBe(true)
    medium.writable(true)
    await modem.updater.offerHead(two)
    await modem.until(() => modem.updater.status().version === 2, 60_000)
    await modem.updater.stop()
  })
})

describe('what is half built', () => {
  it('a chain of deltas goes on where it stopped, in another process', async () => {
    const source = new Publisher()
    const modem = modemOn(source, { probationSeconds: 0 })
    await takes(modem, source.head(await source.version(1, many)))
    const direct = { direct: [1] }
    await source.version(2, [...many, 'b.example'], direct)
    const three = source.head(await source.version(3, [...many, 'c.example'], direct))
    source.asked.length = 0
    source.onFetch = (ref, chunk) => (ref.version === 3 ? new Promise(() => {}) : chunk)
    await modem.updater.offerHead(three)
    await modem.until(() => source.asked.at(-1)?.version === 3)
    expect(source.asked.map(({ kind, from, version }) => `${kind} ${from}-${version}`)).toEqual([
      'delta 1-2',
      'delta 2-3',
    ])
    await modem.restart()
    source.onFetch = (_, chunk) => chunk
    source.asked.length = 0
    await takes(modem, three)
    expect(modem.updater.status()).toMatchObject({ version: 3, lastError: null })
    expect(source.asked.map(({ kind, from, version }) => `${kind} ${from}-${version}`)).toEqual(['delta 2-3'])
    expect(listFiles(modem)).toHaveLength(1)
  })
})
