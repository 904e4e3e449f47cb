// The attacks of the TUF list (docs/list-updates.md) that end at the updater; heads go through their signature first.
import { afterEach, describe, expect, it } from 'vitest'
import type { Head } from '../../module/blocklist/format/head.ts'
import type { Trust } from '../../module/control/documents/trust.ts'
import { verifyDocument } from '../../module/control/documents/verify.ts'
import { chunkTopic } from '../../module/control/mqtt/topics.ts'
import {
  makeKeysDocument,
  makeRootsFile,
  signDocument,
} from '../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey, type SigningKey } from '../../scripts/operator/signing/signing-key.ts'
import { bytesOf, freshSigners, keysPayload, newTrust, now, setOf } from '../control/signers.ts'
import { keyB, Modem, Publisher, someNames } from './update/update-world.ts'

const modems: Modem[] = []
afterEach(async () => {
  for (const modem of modems.splice(0)) await modem.remove()
})

function started(source: Publisher, options: ConstructorParameters<typeof Modem>[1] = {}): Modem {
  const modem = new Modem(source, { probationSeconds: 0, ...options })
  modems.push(modem)
  modem.updater.start()
  return modem
}

async function take(modem: Modem, head: Head, epoch?: number): Promise<void> {
  await modem.updater.offerHead(head, epoch)
  await modem.updater.settled()
}

describe('key compromise, then rotation', () => {
  const target = { modemId: 'modem-1', list: 'securenet' }
  const offer = async (modem: Modem, trust: Trust, head: Head, by: readonly SigningKey[]) => {
    const bytes = bytesOf(await signDocument('head', head, by))
    const { payload, epoch } = await verifyDocument('head', bytes, { trust, target, now })
    await take(modem, payload, epoch)
  }

  it('a thief burns sequence, version and failed versions; the rotated key takes the list back', async () => {
    const signers = freshSigners()
    const { trust } = newTrust(makeRootsFile(setOf(signers.roots)))
    await trust.accept(bytesOf(await makeKeysDocument(keysPayload(1, signers), signers.roots)))
    const source = new Publisher()
    const modem = started(source)
    const one = await source.version(1, ['a.example'])
    const two = await source.version(2, ['b.example'], { key: keyB })
    await offer(modem, trust, source.head(one), signers.list)
    expect(modem.updater.status()).toMatchObject({ version: 1, sequence: 1 })

    const burnt = 2 ** 32 - 1
    const thief = new Publisher()
    const stolen = await thief.version(burnt, ['evil.example'], { key: keyB })
    for (const [topic, chunk] of thief.retained) source.retained.set(topic, chunk)
    const burning = { ...source.head(stolen), sequence: burnt }
    await offer(modem, trust, burning, signers.list)
    expect(modem.updater.status()).toMatchObject({ version: burnt, sequence: burnt })
    // Within the epoch nothing helps: this is why keys are rotated.
    await offer(modem, trust, source.head(two), signers.list)
    expect(modem.updater.status().version).toBe(burnt)

    const rotated = { ...signers, list: [generateSigningKey()] }
    await trust.accept(bytesOf(await makeKeysDocument(keysPayload(2, rotated), signers.roots)))
    await expect(offer(modem, trust, burning, signers.list)).rejects.toMatchObject({
      code: 'DOC_UNKNOWN_KEY',
    })
    const rescue = source.head(two)
    await offer(modem, trust, rescue, rotated.list)
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: rescue.sequence, lastError: null })
    expect([modem.blocks('b.example'), modem.blocks('evil.example')]).toEqual([true, false])
    await modem.restart()
    expect(modem.updater.status()).toMatchObject({ version: 2, sequence: rescue.sequence })
    // In the new epoch the rules hold again.
    await offer(modem, trust, source.head(one), rotated.list)
    expect(modem.updater.status()).toMatchObject({ version: 2, lastError: 'LIST_ROLLBACK' })
  })

  it('a head of an earlier epoch, verified before the rotation, does not come after it', async () => {
    const source = new Publisher()
    const modem = started(source)
    const [one, two] = [await source.version(1, ['a.example']), await source.version(2, ['b.example'])]
    const late = { ...source.head(two), sequence: 99 }
    await take(modem, source.head(one), 2)
    await take(modem, late, 1)
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: null })
  })

  it('versions that failed under the old key may be published under the new one', async () => {
    const source = new Publisher()
    const modem = started(source)
    await take(modem, source.head(await source.version(1, ['a.example'])), 1)
    await take(modem, source.head(await source.version(2, ['google.com'])), 1)
    expect(modem.updater.status().failedVersions).toEqual([2])
    const good = new Publisher()
    const two = await good.version(2, ['b.example'], { key: keyB })
    for (const [topic, chunk] of good.retained) source.retained.set(topic, chunk)
    await take(modem, { ...good.head(two), sequence: 1 }, 2)
    expect(modem.updater.status()).toMatchObject({ version: 2, failedVersions: [] })
  })
})

describe('mix and match', () => {
  it('right chunks of another version in the place of the head’s are not taken', async () => {
    const source = new Publisher()
    const names = someNames(3000)
    const one = await source.version(1, names)
    const two = await source.version(2, [...names, 'b.example'], { key: keyB })
    const modem = started(source)
    await take(modem, source.head(one))
    source.onFetch = (ref) => source.retained.get(chunkTopic({ ...ref, version: 1 }))
    await modem.updater.offerHead(source.head(two))
    await modem.until(() => modem.updater.status().lastError === 'LIST_CHUNK_BAD')
    expect(modem.updater.status()).toMatchObject({ version: 1, failedVersions: [] })
    source.onFetch = (_, chunk) => chunk
    await modem.until(() => modem.updater.status().version === 2, 1000)
  })

  it('a version that serves is never given another content', async () => {
    const source = new Publisher()
    const modem = started(source)
    await take(modem, source.head(await source.version(1, ['a.example'])))
    const other = new Publisher()
    const again = await other.version(1, ['c.example'])
    await take(modem, { ...other.head(again), sequence: 9 })
    expect(modem.updater.status()).toMatchObject({ version: 1, lastError: 'LIST_ROLLBACK' })
    expect(modem.blocks('a.example')).toBe(true)
  })
})

describe('freeze', () => {
  it('the newest head again and again, past its end: served on, and reported as stale', async () => {
    const source = new Publisher()
    const modem = started(source)
    const head = source.head(await source.version(1, ['a.example']))
    await take(modem, head)
    modem.clock.jumpTo(head.expires * 1000 + 1)
    await take(modem, head)
    expect(modem.updater.status()).toMatchObject({ version: 1, stale: true })
    await modem.restart()
    expect(modem.updater.status().stale).toBe(true)
    expect(modem.blocks('a.example')).toBe(true)
  })
})

describe('endless data', () => {
  it('a source that sends more than a chunk for ever is asked a few times, then left alone for longer and longer', async () => {
    const source = new Publisher()
    const release = await source.version(1, ['a.example'])
    source.onFetch = () => Buffer.alloc(1 << 20)
    const modem = started(source)
    await modem.updater.offerHead(source.head(release))
    await modem.until(() => modem.clock.waiting > 0 && modem.updater.status().lastError === 'LIST_CHUNK_BAD')
    expect(source.asked.length).toBeLessThanOrEqual(3)
    // Refused for its size, not after it was hashed.
    expect(modem.logged.join('\n')).toContain('it has 1048576 octets')
  })
})
