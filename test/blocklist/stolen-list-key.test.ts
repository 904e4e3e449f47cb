// What a stolen list key cannot do alone (docs/security.md), and what a forged state file cannot make of the head.
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { Head } from '../../module/blocklist/format/head.ts'
import { listStateFile, STATE_FILES } from '../../module/blocklist/update/state-keeper.ts'
import { verifyAgain, verifyDocument } from '../../module/control/documents/verify.ts'
import { signDocument } from '../../scripts/operator/signing/sign-document.ts'
import type { SigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { bytesOf, freshSigners, now, trustOf } from '../control/signers.ts'
import { keyB, Modem, Publisher, someNames, testZone } from './update/update-world.ts'

const modems: Modem[] = []
afterEach(async () => {
  for (const modem of modems.splice(0)) await modem.remove()
})

function started(source: Publisher, options: ConstructorParameters<typeof Modem>[1] = {}): Modem {
  const modem = new Modem(source, { probationSeconds: 0, testZone, ...options })
  modems.push(modem)
  modem.updater.start()
  return modem
}

async function take(modem: Modem, head: Head, epoch?: number, document?: string): Promise<void> {
  await modem.updater.offerHead(head, epoch, document)
  await modem.updater.settled()
}

describe('exceptions of the head', () => {
  it.each([
    [['com', 'net', 'be']],
    [['shop.example', 'BE']],
    [['co.uk']],
    [['github.io']],
    [[`malware.${testZone}`]],
    [[testZone]],
    [['securenet.example']],
    [['no name..at all']],
  ])('%j: the head is refused, what serves stays, and the next head heals it', async (allow) => {
    const source = new Publisher()
    const modem = started(source)
    await take(modem, source.head(await source.version(1, ['a.example']), { allow: ['b.example'] }))
    await take(modem, source.head(await source.version(2, ['c.example']), { allow }))
    expect(modem.updater.status()).toMatchObject({
      version: 1,
      sequence: 1,
      lastError: 'LIST_ALLOW_TOO_WIDE',
    })
    expect(modem.allow).toEqual(['b.example'])
    await take(modem, source.head(await source.version(3, ['d.example'])))
    expect(modem.updater.status()).toMatchObject({ version: 3, lastError: null })
  })

  it('a refused head is over with one that names what serves', async () => {
    const source = new Publisher()
    const modem = started(source)
    const one = await source.version(1, ['a.example'])
    await take(modem, source.head(one))
    await take(modem, source.head(one, { allow: ['com'] }))
    await take(modem, source.head(one))
    expect(modem.updater.status().lastError).toBeNull()
  })

  it('are told by number and digest, whatever their order', async () => {
    const source = new Publisher()
    const modem = started(source)
    const one = await source.version(1, ['a.example'])
    await take(modem, source.head(one, { allow: ['www.c.example', 'b.example'] }))
    const digest = createHash('sha256').update('b.example\nwww.c.example').digest('base64url')
    expect(modem.updater.status().allow).toEqual({ names: 2, digest })
    await modem.restart()
    expect(modem.updater.status().allow).toEqual({ names: 2, digest })
  })
})

describe('a change of the list’s size', () => {
  const names = someNames(2000)
  const household = async () => {
    const source = new Publisher()
    const modem = started(source, { maxChange: () => 50 })
    await take(modem, source.head(await source.version(1, names)), 1)
    return { source, modem }
  }

  it.each([
    ['an empty list', 0, 'LIST_CHANGE_TOO_LARGE'],
    ['less than half', 900, 'LIST_CHANGE_TOO_LARGE'],
    ['more than half', 1100, null],
    ['nearly half more', 2900, null],
    ['more than half more', 3100, 'LIST_CHANGE_TOO_LARGE'],
  ])('%s', async (_, count, lastError) => {
    const { source, modem } = await household()
    const next = await source.version(2, someNames(count), { key: keyB })
    await take(modem, source.head(next), 1)
    expect(modem.updater.status()).toMatchObject({ version: lastError ? 1 : 2, lastError })
  })

  it('is taken where the head names the version; and under new keys', async () => {
    const { source, modem } = await household()
    const two = await source.version(2, [], { key: keyB })
    await take(modem, source.head(two, { largeChange: 1 }), 1)
    expect(modem.updater.status().version).toBe(1)
    await take(modem, source.head(two, { largeChange: 2 }), 1)
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: null })
    await take(modem, source.head(await source.version(3, names)), 2)
    expect(modem.updater.status()).toMatchObject({ version: 3, lastError: null })
  })

  it('the first list may have any size', async () => {
    const source = new Publisher()
    const modem = started(source, { maxChange: () => 50 })
    await take(modem, source.head(await source.version(1, names)))
    expect(modem.updater.status().version).toBe(1)
  })

  it('is permitted by a fleet key beside the list key, and by neither alone', async () => {
    const signers = freshSigners()
    const trust = await trustOf(signers)
    const source = new Publisher()
    const head = source.head(await source.version(2, []), { largeChange: 2 })
    const verify = async (by: readonly SigningKey[]) =>
      verifyDocument('head', bytesOf(await signDocument('head', head, by)), {
        ...{ trust, now },
        target: { list: 'securenet' },
      })
    await expect(verify(signers.list)).rejects.toMatchObject({ code: 'DOC_SECOND_ROLE' })
    await expect(verify([...signers.list, ...signers.line])).rejects.toMatchObject({
      code: 'DOC_SECOND_ROLE',
    })
    await expect(verify(signers.fleet)).rejects.toMatchObject({ code: 'DOC_WRONG_ROLE' })
    await expect(verify([...signers.fleet, ...signers.list])).resolves.toMatchObject({ payload: head })
  })
})

describe('the head that is kept', () => {
  const household = async () => {
    const signers = freshSigners()
    const trust = await trustOf(signers)
    const source = new Publisher()
    const modem = started(source)
    const one = await source.version(1, ['a.example'])
    const head = source.head(one, { allow: ['b.example'] })
    const document = await signDocument('head', head, signers.list)
    await take(modem, head, 1, document)
    const verify = async (text: string) => {
      const { payload, epoch } = await verifyAgain('head', text, trust)
      return { head: payload, epoch }
    }
    /** What the module's user can write; the file's digest fits. */
    const forge = async (change: object) => {
      await modem.updater.settled()
      for (const name of STATE_FILES) {
        const file = listStateFile(modem.folder, name)
        const { value } = file.readSync()
        await file.write({ ...value!, ...change })
      }
    }
    const restart = async () => {
      await modem.restart()
      await modem.updater.bearOut(verify)
    }
    return { signers, source, modem, one, head, document, forge, restart }
  }

  it('is verified at the start, and says what it said', async () => {
    const { modem, head, restart } = await household()
    await restart()
    const { issuedAt, expires } = head
    expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 1, issuedAt, expires, stale: false })
    expect(modem.allow).toEqual(['b.example'])
  })

  it.each([
    ['exceptions', { allow: ['com', 'net'] }],
    ['a rank above every head', { epoch: 99, sequence: 2 ** 50 }],
    ['an end in 2100', { expires: 4_102_444_800, issuedAt: 4_000_000_000 }],
    ['failed versions to come', { failed: [2, 3, 4] }],
  ])('forged %s are not believed', async (_, change) => {
    const { modem, source, head, forge, restart } = await household()
    await modem.updater.stop()
    await forge(change)
    await restart()
    expect(modem.allow).toEqual(['b.example'])
    expect(modem.updater.status()).toMatchObject({ sequence: 1, expires: head.expires, failedVersions: [] })
    await take(modem, source.head(await source.version(2, ['c.example'])), 1)
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: null })
  })

  it('a forged version of what serves does not keep the next one away', async () => {
    const { modem, source, forge, restart } = await household()
    await modem.updater.stop()
    const current = listStateFile(modem.folder, STATE_FILES[0]).readSync().value!.current!
    await forge({ current: { ...current, version: 2 ** 32 - 1, epoch: 7 } })
    await restart()
    await take(modem, source.head(await source.version(2, ['c.example'])), 1)
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: null })
  })

  it.each(['none, as before there was one', 'a stranger’s', 'with exceptions that are too wide'] as const)(
    '%s: nothing of it counts, the list serves, and the broker’s next head does',
    async (what) => {
      const { modem, source, signers, head, one, forge, restart } = await household()
      const wide = { ...head, allow: ['com'] }
      const document = {
        'none, as before there was one': '',
        'a stranger’s': await signDocument('head', head, freshSigners().list),
        'with exceptions that are too wide': await signDocument('head', wide, signers.list),
      }[what]
      await modem.updater.stop()
      await forge({ document })
      await restart()
      expect(modem.allow).toEqual([])
      expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 0, expires: 0 })
      expect(modem.blocks('a.example')).toBe(true)
      await take(modem, source.head(one), 1)
      expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 2, lastError: null })
    },
  )

  it('outlives a wipe, so that no older head comes back', async () => {
    const { modem, head, restart } = await household()
    await modem.updater.wipe()
    await restart()
    await modem.updater.setWanted(true)
    await take(modem, { ...head, sequence: 0 }, 1)
    expect(modem.updater.status()).toMatchObject({ version: null, sequence: 1 })
  })
})
