import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Keys } from '../../../module/control/documents/kinds.ts'
import { parseRootsFile } from '../../../module/control/documents/roots.ts'
import { parseStoredTrust } from '../../../module/control/documents/trust.ts'
import { verifyDocument } from '../../../module/control/documents/verify.ts'
import {
  makeKeysDocument,
  makeRootsFile,
  signBytes,
  signDocument,
} from '../../../scripts/operator/signing/sign-document.ts'
import { generateSigningKey, type SigningKey } from '../../../scripts/operator/signing/signing-key.ts'
import { bytesOf, freshSigners, keysPayload, newTrust, now, samples, setOf, target } from '../signers.ts'

const refused = (code: string) => expect.objectContaining({ name: 'SecureNetError', code })
const make = async (keys: Keys, by: SigningKey[]) => bytesOf(await makeKeysDocument(keys, by))
/** Signed though the operator's tool would refuse to. */
const forge = async (keys: object, by: SigningKey[]) =>
  bytesOf(await signBytes('keys', bytesOf(JSON.stringify(keys)), by))

/** keys/1 to keys/n, each with fresh roots and a fresh line key. */
async function chain(length: number) {
  const first = freshSigners()
  const signers = [first]
  const documents = [await make(keysPayload(1, first), first.roots)]
  for (let number = 2; number <= length; number++) {
    const before = signers.at(-1)!
    const next = { ...before, roots: [generateSigningKey()], line: [generateSigningKey()] }
    documents.push(await make(keysPayload(number, next), [...before.roots, ...next.roots]))
    signers.push(next)
  }
  return { documents, signers, rootsFile: makeRootsFile(setOf(first.roots)) }
}

describe('the walk', () => {
  it('a modem that slept walks 1 to 9, stores each, and goes on after a restart', async () => {
    const { documents, rootsFile, signers } = await chain(9)
    const { trust, file } = newTrust(rootsFile)
    await trust.load()
    expect([trust.number, trust.next]).toEqual([0, 1])
    for (const document of documents.slice(0, 5)) await trust.accept(document)
    expect(trust.number).toBe(5)
    const again = newTrust(rootsFile, file).trust
    await again.load()
    expect([again.number, again.next]).toEqual([5, 6])
    for (const document of documents.slice(5)) expect((await again.accept(document)).outcome).toBe('applied')
    expect(again.number).toBe(9)
    const order = bytesOf(await signDocument('desired', samples.desired, signers[8]!.line))
    await expect(verifyDocument('desired', order, { trust: again, target, now })).resolves.toBeDefined()
  })

  it('skipped, older, repeated and conflicting numbers', async () => {
    const { documents, rootsFile, signers } = await chain(4)
    const { trust, file } = newTrust(rootsFile)
    await expect(trust.accept(documents[1]!)).rejects.toEqual(refused('KEYS_SKIPPED'))
    await trust.accept(documents[0]!)
    await trust.accept(documents[1]!)
    await expect(trust.accept(documents[3]!)).rejects.toEqual(refused('KEYS_SKIPPED'))
    await expect(trust.accept(documents[0]!)).rejects.toEqual(refused('KEYS_OLDER'))
    const writes = file.writes
    expect((await trust.accept(documents[1]!)).outcome).toBe('repeated')
    expect(file.writes).toBe(writes)
    const other = keysPayload(2, { ...signers[1]!, fleet: [generateSigningKey()] })
    await expect(
      trust.accept(await make(other, [...signers[0]!.roots, ...signers[1]!.roots])),
    ).rejects.toEqual(refused('KEYS_CONFLICT'))
    expect(trust.number).toBe(2)
  })

  it('delivered at once, in order, all are taken', async () => {
    const { documents, rootsFile } = await chain(4)
    const { trust } = newTrust(rootsFile)
    await Promise.all(documents.map((document) => trust.accept(document)))
    expect(trust.number).toBe(4)
  })

  it('is not taken before it is on flash', async () => {
    const { documents, rootsFile } = await chain(2)
    const { trust, file } = newTrust(rootsFile)
    await trust.accept(documents[0]!)
    file.fault = new Error('full')
    await expect(trust.accept(documents[1]!)).rejects.toThrow('full')
    expect(trust.number).toBe(1)
    file.fault = undefined
    expect((await trust.accept(documents[1]!)).outcome).toBe('applied')
  })

  it('past `expires` it says stale and goes on', async () => {
    const signers = freshSigners()
    const { trust } = newTrust(makeRootsFile(setOf(signers.roots)))
    expect(trust.isStale(now)).toBe(false)
    await trust.accept(await make(keysPayload(1, signers, { expires: now + 10 }), signers.roots))
    expect([trust.isStale(now + 9), trust.isStale(now + 10)]).toEqual([false, true])
    expect(trust.role('line')).toBeDefined()
  })
})

describe('attacks', () => {
  it('new roots not signed by the old ones, or not by themselves', async () => {
    const { documents, rootsFile, signers } = await chain(1)
    const { trust } = newTrust(rootsFile)
    await trust.accept(documents[0]!)
    const thief = { ...signers[0]!, roots: [generateSigningKey()] }
    const keys = keysPayload(2, thief)
    await expect(trust.accept(await make(keys, thief.roots))).rejects.toEqual(refused('DOC_UNKNOWN_KEY'))
    await expect(trust.accept(await make(keys, signers[0]!.roots))).rejects.toEqual(refused('DOC_WRONG_ROLE'))
    await expect(trust.accept(await make(keys, signers[0]!.line))).rejects.toEqual(refused('DOC_WRONG_ROLE'))
    expect(trust.number).toBe(1)
  })

  it('a first document that is not signed by the firmware’s roots', async () => {
    const thief = freshSigners()
    const { trust } = newTrust((await chain(1)).rootsFile)
    await expect(trust.accept(await make(keysPayload(1, thief), thief.roots))).rejects.toEqual(
      refused('DOC_UNKNOWN_KEY'),
    )
    expect(trust.role('line')).toBeUndefined()
  })

  it('old roots sign nothing any more (a stolen retired root)', async () => {
    const { documents, rootsFile, signers } = await chain(2)
    const { trust } = newTrust(rootsFile)
    for (const document of documents) await trust.accept(document)
    const keys = keysPayload(3, { ...signers[1]!, roots: signers[0]!.roots })
    await expect(trust.accept(await make(keys, signers[0]!.roots))).rejects.toEqual(
      refused('DOC_UNKNOWN_KEY'),
    )
  })

  it('too few of the roots; mixing in strangers and repeating one do not help', async () => {
    const roots = [generateSigningKey(), generateSigningKey(), generateSigningKey()]
    const signers = { ...freshSigners(), roots }
    const { trust } = newTrust(makeRootsFile(setOf(roots, 2)))
    const keys = keysPayload(1, signers, { roots: setOf(roots, 2) })
    for (const few of [[roots[0]!], [roots[0]!, roots[0]!], [roots[0]!, generateSigningKey()]])
      await expect(trust.accept(await forge(keys, few))).rejects.toEqual(refused('DOC_TOO_FEW_SIGNATURES'))
    await trust.accept(await make(keys, roots.slice(1)))
  })

  it('mix and match: signatures of one document on the payload of another', async () => {
    const roots = [generateSigningKey(), generateSigningKey()]
    const signers = { ...freshSigners(), roots }
    const { trust } = newTrust(makeRootsFile(setOf(roots, 2)))
    const wanted = JSON.parse(String(await make(keysPayload(1, signers, { roots: setOf(roots, 2) }), roots)))
    const evil = JSON.parse(
      String(await forge(keysPayload(1, freshSigners(), { roots: setOf(roots, 2) }), roots)),
    )
    const mixed = { payload: evil.payload, signatures: [evil.signatures[0], wanted.signatures[1]] }
    await expect(trust.accept(bytesOf(JSON.stringify(mixed)))).rejects.toEqual(refused('DOC_BAD_SIGNATURE'))
  })

  it('keys that are one key under two names, in two places, or too few for the threshold', async () => {
    const signers = freshSigners()
    const { trust } = newTrust(makeRootsFile(setOf(signers.roots)))
    const keys = keysPayload(1, signers)
    const line = signers.line[0]!.publicKey
    const withLine = (set: object) => ({ ...keys, roles: { ...keys.roles, line: set } })
    for (const bad of [
      withLine({ threshold: 2, keys: [line, { ...line, kid: 'A'.repeat(43) }] }),
      withLine({ threshold: 1, keys: [line, line] }),
      withLine({ threshold: 2, keys: [line] }),
      withLine({ threshold: 1, keys: [signers.list[0]!.publicKey] }),
      withLine({ threshold: 1, keys: [signers.roots[0]!.publicKey] }),
    ])
      await expect(trust.accept(await forge(bad, signers.roots))).rejects.toEqual(refused('KEYS_INVALID'))
    const withoutRole = { ...keys, roles: { ...keys.roles, fleet: undefined } }
    await expect(trust.accept(await forge(withoutRole, signers.roots))).rejects.toEqual(refused('DOC_SCHEMA'))
  })

  it('a stolen line key: rotated, it is worth nothing, and numbers that it burnt are free', async () => {
    const { documents, rootsFile, signers } = await chain(2)
    const { trust } = newTrust(rootsFile)
    await trust.accept(documents[0]!)
    const stolen = bytesOf(await signDocument('desired', samples.desired, signers[0]!.line))
    const before = await verifyDocument('desired', stolen, { trust, target, now })
    await trust.accept(documents[1]!)
    await expect(verifyDocument('desired', stolen, { trust, target, now })).rejects.toEqual(
      refused('DOC_UNKNOWN_KEY'),
    )
    const fresh = bytesOf(await signDocument('desired', samples.desired, signers[1]!.line))
    const after = await verifyDocument('desired', fresh, { trust, target, now })
    expect([before.epoch, after.epoch]).toEqual([1, 2])
    expect(trust.role('fleet')?.epoch).toBe(1)
  })

  it('a key added beside the old one begins no epoch: the old documents are still good', async () => {
    const signers = freshSigners()
    const { trust } = newTrust(makeRootsFile(setOf(signers.roots)))
    await trust.accept(await make(keysPayload(1, signers), signers.roots))
    const more = { ...signers, line: [...signers.line, generateSigningKey()] }
    await trust.accept(await make(keysPayload(2, more), signers.roots))
    expect(trust.role('line')?.epoch).toBe(1)
  })

  it('random bytes and changed bytes', async () => {
    const { documents, rootsFile } = await chain(1)
    const good = documents[0]!
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, xor) => {
        const bad = Buffer.from(good)
        bad[at] = bad[at]! ^ xor
        await expect(newTrust(rootsFile).trust.accept(bad)).rejects.toMatchObject({
          code: expect.stringMatching(/^(DOC|KEYS)_/),
        })
      }),
      { numRuns: 300 },
    )
  })
})

describe('firmware', () => {
  it('with the roots of a later number goes on with the chain that passes through them', async () => {
    const { documents, signers, rootsFile } = await chain(4)
    const { trust, file } = newTrust(rootsFile)
    for (const document of documents.slice(0, 3)) await trust.accept(document)
    const upgraded = newTrust(makeRootsFile(setOf(signers[1]!.roots), 2), file).trust
    await upgraded.load()
    expect(upgraded.number).toBe(3)
    await upgraded.accept(documents[3]!)
  })

  it('that is newer than the walk starts at its own number', async () => {
    const { documents, signers } = await chain(4)
    const fresh = newTrust(makeRootsFile(setOf(signers[2]!.roots), 3)).trust
    await fresh.load()
    expect(fresh.next).toBe(3)
    await fresh.accept(documents[2]!)
    await fresh.accept(documents[3]!)
  })

  it('with other roots leaves the chain', async () => {
    const old = await chain(3)
    const { trust, file } = newTrust(old.rootsFile)
    for (const document of old.documents) await trust.accept(document)
    const other = await chain(1)
    const changed = newTrust(other.rootsFile, file).trust
    await changed.load()
    expect(changed.number).toBe(0)
    await changed.accept(other.documents[0]!)
    expect(changed.role('line')?.epoch).toBe(1)
    await expect(changed.accept(old.documents[1]!)).rejects.toThrow()
  })

  it('a damaged file: the walk begins again', async () => {
    const { documents, rootsFile } = await chain(2)
    const { trust, file } = newTrust(rootsFile)
    await trust.accept(documents[0]!)
    file.damaged = true
    const again = newTrust(rootsFile, file).trust
    await again.load()
    expect(again.number).toBe(0)
    await again.accept(documents[0]!)
    expect(again.role('line')?.epoch).toBe(1)
  })

  it('a roots file is read strictly', async () => {
    const { rootsFile } = await chain(1)
    expect(parseRootsFile(JSON.stringify(rootsFile))).toEqual(rootsFile)
    const key = rootsFile.roots.keys[0]!
    for (const bad of [
      '',
      '{}',
      JSON.stringify({ ...rootsFile, extra: 1 }),
      JSON.stringify({ v: 1, roots: { threshold: 2, keys: [key] } }),
      JSON.stringify({ v: 1, roots: { threshold: 1, keys: [{ ...key, kid: 'A'.repeat(43) }] } }),
      JSON.stringify({ v: 1, roots: { threshold: 1, keys: [{ ...key, d: 'secret' }] } }),
      JSON.stringify({ v: 1, roots: { threshold: 0, keys: [key] } }),
    ])
      expect(() => parseRootsFile(bad)).toThrow(refused('ROOTS_INVALID'))
  })

  it.each([null, 1, {}, { v: 2, knownRoots: [] }, { v: 2, chain: [1] }, { v: 3, chain: [] }])(
    'stored trust: refuses %j',
    (data) => {
      expect(() => parseStoredTrust(data)).toThrow()
    },
  )
})
