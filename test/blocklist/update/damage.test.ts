// What the medium and the clock may do to a list at rest and under way, seen through the updater alone.
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Head } from '../../../module/blocklist/format/head.ts'
import { listState } from '../../../module/blocklist/update/list-state.ts'
import { SeededRandom } from '../../helpers/seeded-random.ts'
import { keyB, Modem, Publisher, someNames } from './update-world.ts'

const root = mkdtempSync(join(tmpdir(), 'securenet-damage-'))
const names = someNames(20_000)
const random = new SeededRandom(Number(process.env['SECURENET_SEED'] ?? 37))
const source = new Publisher()
const base = join(root, 'base')
let one: Head
let two: Head
let copies = 0

beforeAll(async () => {
  one = source.head(await source.version(1, names))
  two = source.head(await source.version(2, [...names, 'added.example'], { key: keyB }))
  const modem = new Modem(source, { folder: base, probationSeconds: 0 })
  modem.updater.start()
  await modem.updater.offerHead(one)
  await modem.updater.settled()
  await modem.updater.stop()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A modem on a copy of the folder, after `damage` was done to its list file. */
function modemAfter(damage: (octets: Buffer) => Buffer, options: { lockFolder?: string } = {}): Modem {
  copies += 1
  const folder = join(root, `copy-${copies}`, 'list')
  cpSync(base, folder, { recursive: true })
  const file = join(folder, '1-0.mdb')
  writeFileSync(file, damage(readFileSync(file)))
  return new Modem(source, { folder, probationSeconds: 0, ...options })
}

async function repairs(modem: Modem): Promise<void> {
  expect(modem.updater.start()).toBeNull()
  expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_DAMAGED' })
  await modem.updater.offerHead(one)
  await modem.updater.settled()
  expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
  expect(modem.serving?.metadata.result).toBe(one.stable.result)
  await modem.remove()
}

describe('the list file at start', () => {
  const regions = Array.from({ length: 24 }, (_, region) => region)

  it.each(regions)(
    'a flipped bit in region %i of 24: there is no list, it is said, and it is fetched again',
    (region) =>
      repairs(
        modemAfter((octets) => {
          const at = Math.floor(((region + random.next()) * octets.length) / regions.length)
          octets[at] = (octets[at] as number) ^ (1 << random.below(8))
          return octets
        }),
      ),
  )

  it.each([0, 1, 16_383, 16_384, 32_768, 100_000, -1, -16_384])('cut to %i octets', (size) =>
    repairs(modemAfter((octets) => octets.subarray(0, size < 0 ? octets.length + size : size))),
  )

  it('longer than it was', () => repairs(modemAfter((octets) => Buffer.concat([octets, Buffer.alloc(1)]))))
})

describe('damage without a broker', () => {
  const withoutBroker = () => {
    source.onFetch = () => undefined
  }
  afterEach(() => {
    source.onFetch = (_, chunk) => chunk
  })

  const staysDamaged = async (modem: Modem) => {
    withoutBroker()
    for (const start of ['first', 'second']) {
      await (start === 'first' ? modem.updater.start() : modem.restart())
      await modem.updater.offerHead(one)
      await modem.until(() => modem.updater.status().lastError === 'LIST_CHUNK_MISSING')
      expect(listState(modem.updater.status()), `after the ${start} start`).toBe('damaged')
    }
    source.onFetch = (_, chunk) => chunk
    await modem.until(() => modem.updater.status().version === 1, 60_000)
    expect(modem.updater.status().damaged).toBe(false)
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 1, damaged: false })
    await modem.remove()
  }

  it('of the list is reported until a list serves, also after more starts', () =>
    staysDamaged(modemAfter((octets) => octets.subarray(0, 40_000))))

  it('of the states and the list likewise', () => {
    const modem = modemAfter((octets) => octets)
    for (const name of ['state.json', 'state-copy.json', '1-0.mdb-state'])
      writeFileSync(join(modem.folder, name), 'no state')
    return staysDamaged(modem)
  })

  it('is over where the list is not wanted any more', async () => {
    const modem = modemAfter((octets) => octets.subarray(0, 40_000))
    modem.updater.start()
    expect(listState(modem.updater.status())).toBe('damaged')
    await modem.updater.wipe()
    expect(listState(modem.updater.status())).toBe('none')
    await modem.restart()
    expect(listState(modem.updater.status())).toBe('none')
    await modem.remove()
  })

  it('is no state of a modem whose former list serves', async () => {
    const modem = new Modem(source, { probationSeconds: 600 })
    modem.updater.start()
    for (const head of [one, two]) {
      await modem.updater.offerHead(head)
      await modem.until(() => modem.updater.status().version === head.stable.version, 60_000)
      await modem.updater.settled()
    }
    await modem.updater.stop()
    writeFileSync(join(modem.folder, '2-0.mdb'), 'no list')
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 1, damaged: false, lastError: 'LIST_DAMAGED' })
    await modem.remove()
  })
})

describe('what is in the way at start', () => {
  const inPlaceOf = (path: (modem: Modem) => string) => async () => {
    const modem = modemAfter((octets) => octets)
    rmSync(path(modem), { recursive: true, force: true })
    mkdirSync(path(modem))
    await repairs(modem)
  }

  it(
    'a folder in the place of the list file',
    inPlaceOf((modem) => join(modem.folder, '1-0.mdb')),
  )

  it('a folder in the place of the lock file: the list serves', async () => {
    const modem = modemAfter((octets) => octets)
    rmSync(join(modem.folder, '1-0.mdb-lock'), { force: true })
    mkdirSync(join(modem.folder, '1-0.mdb-lock'))
    expect(modem.updater.start()).not.toBeNull()
    await modem.remove()
  })

  it('a file in the place of the folder: the list is fetched', async () => {
    const modem = modemAfter((octets) => octets)
    rmSync(modem.folder, { recursive: true })
    writeFileSync(modem.folder, 'x')
    expect(modem.updater.start()).toBeNull()
    await modem.updater.offerHead(one)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
    await modem.remove()
  })

  it('a lock folder that cannot be written: the list is kept, and serves once it can', async () => {
    const lockFolder = join(root, 'locks')
    symlinkSync('/proc/nowhere', lockFolder)
    const modem = modemAfter((octets) => octets, { lockFolder })
    const fetched = source.asked.length
    expect(modem.updater.start()).toBeNull()
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_STORE_IO' })
    await modem.updater.offerHead(one)
    await modem.updater.settled()
    expect(existsSync(join(modem.folder, '1-0.mdb'))).toBe(true)

    modem.clock.advance(30_000)
    expect(modem.updater.status()).toMatchObject({ version: null, lastError: 'LIST_STORE_IO' })
    rmSync(lockFolder)
    mkdirSync(lockFolder)
    modem.clock.advance(30_000)
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
    expect(modem.blocks(names[0] as string)).toBe(true)
    expect(source.asked.length).toBe(fetched)
    await modem.remove()
  })
})

it('a list under which the process has died four times while mapping it is fetched again', async () => {
  const modem = modemAfter((octets) => octets)
  writeFileSync(join(modem.folder, '1-0.mdb-tries'), '3')
  await modem.restart()
  expect(modem.updater.status().version).toBe(1)
  expect(existsSync(join(modem.folder, '1-0.mdb-tries'))).toBe(false)
  await modem.updater.stop()
  writeFileSync(join(modem.folder, '1-0.mdb-tries'), '4')
  await repairs(new Modem(source, { folder: modem.folder, probationSeconds: 0 }))
})

describe('a wrong clock', () => {
  it.each([
    ['1970', 0, false],
    ['2100', Date.UTC(2100, 0, 1), true],
  ])('%s: the list serves, and the next version is taken', async (_, time, stale) => {
    const modem = modemAfter((octets) => octets)
    modem.clock.jumpTo(time)
    modem.updater.start()
    expect(modem.updater.status()).toMatchObject({ version: 1, stale, lastError: null })
    await modem.updater.offerHead({ ...two, spreadSeconds: 3600 })
    await modem.until(() => modem.updater.status().version === 2, 60_000)
    expect(modem.blocks('added.example')).toBe(true)
    await modem.remove()
  })
})

describe('a limit to the size of files', () => {
  const child = join(root, 'child.mjs')
  const published = join(root, 'published')

  beforeAll(async () => {
    mkdirSync(published)
    for (const [topic, chunk] of source.retained)
      writeFileSync(join(published, encodeURIComponent(topic)), chunk)
    writeFileSync(join(root, 'two.json'), JSON.stringify(two))
    symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'))
    await build({
      entryPoints: [join(import.meta.dirname, 'update-child.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: child,
      packages: 'external',
      logLevel: 'error',
    })
  })

  it('a write past the greatest size of a file leaves the old list serving', async (context) => {
    if (spawnSync('prlimit', ['--version']).status !== 0) {
      console.log('skipped: prlimit is not installed; enable with: apt-get install util-linux')
      return context.skip()
    }
    const folder = join(root, 'limited')
    cpSync(base, folder, { recursive: true })
    const run = [child, folder, published, join(root, 'two.json'), '0', '1']
    const limited = spawn('prlimit', ['--fsize=140000', process.execPath, ...run])
    let said = ''
    await new Promise<void>((resolve, reject) => {
      limited.on('exit', () => reject(new Error(`it died: ${said}`)))
      limited.stderr.on('data', (data) => {
        said += data
        if (/LIST_(DISK_FULL|STORE_IO)/.test(said)) resolve()
      })
    })
    limited.removeAllListeners('exit')
    limited.kill('SIGKILL')
    const modem = new Modem(source, { folder, probationSeconds: 0 })
    modem.updater.start()
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
    await modem.updater.offerHead(two)
    await modem.updater.settled()
    expect(modem.updater.status().version).toBe(2)
    await modem.updater.stop()
  })
})
