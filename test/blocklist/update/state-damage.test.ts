// The list's state, damaged or gone: what it costs. Two files say the same, and each list's own says what was so when it
// began to serve.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Head } from '../../../module/blocklist/format/head.ts'
import { keyB, Modem, Publisher } from './update-world.ts'

const root = mkdtempSync(join(tmpdir(), 'securenet-state-damage-'))
const source = new Publisher()
/** Version 2 serves, 3 has failed its gate. */
const proven = join(root, 'proven', 'list')
/** As above, but 2 is on probation: 1 is there still. */
const trying = join(root, 'trying', 'list')
const old = {} as { head: Head }
const serving = {} as { head: Head }
const bad = {} as { head: Head }
let copies = 0

beforeAll(async () => {
  old.head = source.head(await source.version(1, ['a.example']))
  serving.head = source.head(await source.version(2, ['b.example'], { key: keyB }), {
    allow: ['excepted.example'],
  })
  bad.head = source.head(await source.version(3, ['google.com'], { key: keyB }))
  for (const [folder, probationSeconds] of [
    [proven, 0],
    [trying, 600],
  ] as const) {
    const modem = new Modem(source, { folder, probationSeconds })
    modem.updater.start()
    await modem.updater.offerHead(old.head, 2)
    await modem.updater.settled()
    await modem.until(() => modem.updater.status().phase === 'idle', 10_000)
    await modem.updater.offerHead(serving.head, 2)
    await modem.updater.settled()
    if (folder === proven) {
      await modem.updater.offerHead(bad.head, 2)
      await modem.updater.settled()
      expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 3, failedVersions: [3] })
    } else expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
    await modem.updater.stop()
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

type Damage = (octets: Buffer) => Buffer | null

/** @param damage null: the file is gone */
function hurt(folder: string, names: readonly string[], damage: Damage): void {
  for (const name of names) {
    const path = join(folder, name)
    const left = damage(readFileSync(path))
    if (left) writeFileSync(path, left)
    else rmSync(path)
  }
}

function modemAfter(base: string, names: readonly string[], damage: Damage): Modem {
  copies += 1
  const folder = join(root, `copy-${copies}`, 'list')
  cpSync(base, folder, { recursive: true })
  hurt(folder, names, damage)
  return new Modem(source, { folder })
}

const flipped = (at: number) => (octets: Buffer) => {
  octets[at % octets.length] = (octets[at % octets.length] as number) ^ (1 << (at & 7))
  return octets
}
const gone = () => null

async function ignores(modem: Modem, head: Head): Promise<void> {
  const { version, sequence } = modem.updater.status()
  await modem.updater.offerHead(head, 2)
  await modem.updater.settled()
  expect(modem.updater.status()).toMatchObject({ version, sequence })
}

/** Nothing is lost. */
async function holds(modem: Modem, code: string | null): Promise<void> {
  modem.updater.start()
  expect(modem.updater.status()).toMatchObject({
    version: 2,
    sequence: 3,
    failedVersions: [3],
    lastError: code,
  })
  expect(modem.blocks('b.example')).toBe(true)
  const asked = source.asked.length
  await ignores(modem, old.head)
  await ignores(modem, serving.head)
  await modem.updater.offerHead(bad.head, 2)
  await modem.updater.settled()
  expect(modem.updater.status()).toMatchObject({ version: 2, lastError: 'LIST_VERSION_FAILED' })
  expect(source.asked.length).toBe(asked)
  // Mended: the next start finds nothing wrong.
  await modem.restart()
  expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 3, lastError: null })
  await modem.remove()
}

/** Both files are lost: what was so when version 2 began to serve. */
async function remembersTheSwitch(modem: Modem): Promise<void> {
  modem.updater.start()
  expect(modem.updater.status()).toMatchObject({
    version: 2,
    sequence: 2,
    expires: serving.head.expires,
    lastError: 'LIST_STATE_LOST',
  })
  expect(modem.blocks('b.example')).toBe(true)
  await ignores(modem, old.head)
  await modem.updater.offerHead({ ...bad.head, sequence: 99, stable: old.head.stable }, 2)
  await modem.updater.settled()
  expect(modem.updater.status()).toMatchObject({ version: 2, lastError: 'LIST_ROLLBACK' })
  await modem.restart()
  expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 99, lastError: null })
  await modem.remove()
}

const lengthOf = (name: string) => readFileSync(join(proven, name)).length
const seed = Number(process.env['SECURENET_SEED'] ?? 3)

describe('one of both state files', () => {
  it('with a flipped bit in any octet is not believed, and the other one is', async () => {
    for (let at = 0; at < lengthOf('state.json'); at += 1) {
      const modem = modemAfter(proven, ['state.json'], flipped(at))
      modem.updater.start()
      expect(modem.updater.status(), `octet ${at}`).toMatchObject({
        version: 2,
        sequence: 3,
        failedVersions: [3],
        lastError: 'LIST_STATE_RESTORED',
      })
      await modem.remove()
    }
  })

  describe.each(['state.json', 'state-copy.json'])('%s', (name) => {
    it('with a flipped bit: nothing is lost, and it is said', async () => {
      for (let at = seed % 37; at < lengthOf(name); at += 37)
        await holds(modemAfter(proven, [name], flipped(at)), 'LIST_STATE_RESTORED')
    })

    it('cut to some length: nothing is lost, and it is said', async () => {
      const lengths = Array.from({ length: 12 }, (_, i) => (i * (lengthOf(name) - 1)) / 11)
      for (const length of lengths)
        await holds(
          modemAfter(proven, [name], (octets) => octets.subarray(0, length)),
          'LIST_STATE_RESTORED',
        )
    })
  })

  it('gone: nothing is lost; of the copy it is not said, for the power may have failed before it was written', async () => {
    await holds(modemAfter(proven, ['state.json'], gone), 'LIST_STATE_RESTORED')
    await holds(modemAfter(proven, ['state-copy.json'], gone), null)
  })

  it('damaged in a probation: it goes on where it was, and the way back is there', async () => {
    const modem = modemAfter(trying, ['state.json'], flipped(200))
    modem.updater.start()
    expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
    expect(await modem.updater.reportFailure('self-test')).toBe(true)
    expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [2] })
    expect(modem.blocks('a.example')).toBe(true)
    await modem.remove()
  })

  it('with another format is not believed, whatever its checksum', async () => {
    const { listStateFile } = await import('../../../module/blocklist/update/state-keeper.ts')
    const modem = modemAfter(proven, [], gone)
    const file = listStateFile(modem.folder, 'state.json')
    const { value } = file.readSync()
    for (const wrong of [{ format: 2 }, { sequence: -1 }, { failed: ['x'] }, { current: { version: 2 } }]) {
      await file.write({ ...value, ...wrong } as never)
      modem.updater.start()
      expect(modem.updater.status()).toMatchObject({
        version: 2,
        sequence: 3,
        lastError: 'LIST_STATE_RESTORED',
      })
      await modem.restart()
      expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 3, lastError: null })
      await modem.updater.stop()
    }
    await modem.remove()
  })
})

describe('both state files', () => {
  const both = ['state.json', 'state-copy.json']

  it.each([
    ['with flipped bits', (octets: Buffer) => flipped(300)(flipped(31)(octets))],
    ['emptied', () => Buffer.alloc(0)],
    ['cut', (octets: Buffer) => octets.subarray(0, 150)],
    ['gone', gone],
  ])(
    '%s: the list serves, heads older than the one that brought it are refused, and it is said',
    (_, damage) => remembersTheSwitch(modemAfter(proven, both, damage)),
  )

  it('one gone, the other damaged', async () => {
    const modem = modemAfter(proven, ['state.json'], gone)
    hurt(modem.folder, ['state-copy.json'], flipped(99))
    await remembersTheSwitch(modem)
  })

  it('in a probation: it begins anew, and the way back is there', async () => {
    const modem = modemAfter(trying, both, gone)
    modem.updater.start()
    expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'probation' })
    expect(await modem.updater.reportFailure('self-test')).toBe(true)
    expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [2] })
    await modem.remove()
  })

  it('after a probation there is none: a proven list is not taken away', async () => {
    const modem = modemAfter(trying, [], gone)
    modem.updater.start()
    await modem.until(() => modem.updater.status().phase === 'idle', 60_000)
    await modem.updater.settled()
    await modem.updater.stop()
    hurt(modem.folder, both, gone)
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 2, phase: 'idle' })
    expect(await modem.updater.reportFailure('self-test')).toBe(false)
    await modem.remove()
  })

  it('the list’s own gone too: there is no list, it is said, and it is fetched again', async () => {
    const modem = modemAfter(proven, both, flipped(99))
    hurt(
      modem.folder,
      readdirSync(modem.folder).filter((name) => name.endsWith('.mdb-state')),
      flipped(120),
    )
    expect(modem.updater.start()).toBeNull()
    expect(modem.updater.status()).toMatchObject({ version: null, sequence: 0, lastError: 'LIST_STATE_LOST' })
    await modem.updater.offerHead(serving.head, 2)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: null })
    await modem.remove()
  })

  it('gone, and the list damaged: there is none, and the rank is known all the same', async () => {
    const modem = modemAfter(proven, both, gone)
    hurt(
      modem.folder,
      readdirSync(modem.folder).filter((name) => name.endsWith('.mdb')),
      flipped(20_000),
    )
    expect(modem.updater.start()).toBeNull()
    await ignores(modem, old.head)
    await modem.updater.offerHead(serving.head, 2)
    await modem.updater.settled()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: 2, lastError: null })
    await modem.remove()
  })
})
